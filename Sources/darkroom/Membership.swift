// Whether the socket's group lets this process in, as the group database and the session say it.

import Glibc

/// Why the kernel keeps this process from a socket: a group that it is not in, or not yet.
struct Membership {
    let found: String
    let meaning: String?
    let next: String?

    /// The name of this process's user, or its uid.
    static var userName: String {
        let uid = geteuid()
        guard let entry = unsafe getpwuid(uid) else { return "uid \(uid)" }
        return unsafe String(cString: entry.pointee.pw_name)
    }

    init(socket path: String) {
        let user = Self.userName
        var status = stat()
        guard unsafe stat(path, &status) == 0 else {
            self.init(found: "\(user) may not enter the directory of \(path)")
            return
        }
        guard status.st_mode & S_IWGRP != 0, let entry = unsafe getgrgid(status.st_gid) else {
            self.init(found: "the mode of \(path) keeps \(user) out")
            return
        }
        let group = unsafe String(cString: entry.pointee.gr_name)
        self.init(
            user: user, group: group, isListed: unsafe Self.members(entry).contains(user),
            isActive: Self.activeGroups.contains(status.st_gid))
    }

    /// - Parameters:
    ///   - user: Who asks.
    ///   - group: The socket's.
    ///   - isListed: Whether the group's entry names the user.
    ///   - isActive: Whether this process is in the group.
    init(user: String, group: String, isListed: Bool, isActive: Bool) {
        switch (isListed, isActive) {
        case (_, true):
            self.init(
                found: "\(user) is in the group \(group), and may not connect all the same",
                meaning: "a security module or a directory above the socket keeps this process out")
        case (true, false):
            self.init(
                found: "\(user) is in the group \(group), but this session is not",
                meaning: "a session gets its groups when it begins",
                next: "newgrp \(group), or log out and in again")
        case (false, false):
            self.init(
                found: "\(user) is not in the group \(group)",
                meaning: "only members of that group may ask for images",
                next: "sudo usermod -aG \(group) \(user), then log out and in again")
        }
    }

    private init(found: String, meaning: String? = nil, next: String? = nil) {
        self.found = found
        self.meaning = meaning
        self.next = next
    }

    private static var activeGroups: [gid_t] {
        let count = getgroups(0, nil)
        guard count > 0 else { return [getegid()] }
        var groups = [gid_t](repeating: 0, count: Int(count))
        let filled = unsafe getgroups(count, &groups)
        return [getegid()] + groups.prefix(Int(max(0, filled)))
    }

    private static func members(_ entry: UnsafeMutablePointer<group>) -> [String] {
        var members: [String] = []
        var next = unsafe entry.pointee.gr_mem
        while let list = unsafe next, let name = unsafe list.pointee {
            members.append(unsafe String(cString: name))
            unsafe next = list.advanced(by: 1)
        }
        return members
    }
}
