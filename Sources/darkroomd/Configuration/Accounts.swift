// Users and groups of this host by name or number.

import Glibc

/// Looks up accounts.
enum Accounts {
    /// The uid of a name or a number; for a name that nobody has now, nothing, and a caution.
    ///
    /// No error: an account that was deleted, or a directory service that is late at boot, must not keep the daemon down.
    static func uid(of name: String, _ origin: Setting.Origin, _ cautions: inout [String]) -> UInt32? {
        if let number = UInt32(name) { return number }
        if let entry = unsafe getpwnam(name) { return unsafe entry.pointee.pw_uid }
        cautions.append("\(origin.file):\(origin.line ?? 0): there is no user \"\(name)\" on this host now")
        return nil
    }

    static func gid(of name: String, _ origin: Setting.Origin, _ cautions: inout [String]) -> UInt32? {
        if let number = UInt32(name) { return number }
        if let entry = unsafe getgrnam(name) { return unsafe entry.pointee.gr_gid }
        cautions.append("\(origin.file):\(origin.line ?? 0): there is no group \"\(name)\" on this host now")
        return nil
    }

    /// A user of this host as a connection of theirs would show them; by name or uid.
    ///
    /// A number that no account has is a user all the same, with the group of that number: the kernel asks no directory.
    static func account(named name: String) -> (uid: UInt32, gid: UInt32, groups: [UInt32])? {
        let entry = unsafe UInt32(name).map { unsafe getpwuid($0) } ?? getpwnam(name)
        guard let entry = unsafe entry, let own = unsafe entry.pointee.pw_name else {
            return UInt32(name).map { ($0, $0, []) }
        }
        let (uid, gid) = unsafe (entry.pointee.pw_uid, entry.pointee.pw_gid)
        var count: Int32 = 1024
        var groups = [gid_t](repeating: 0, count: Int(count))
        guard unsafe getgrouplist(own, gid, &groups, &count) >= 0 else { return (uid, gid, []) }
        return (uid, gid, Array(groups.prefix(Int(count))))
    }

    /// The name of a uid, if the host knows one; `getpwuid_r`, since connections are served by many threads.
    static func userName(of uid: UInt32) -> String? {
        var buffer = [CChar](repeating: 0, count: 4096)
        var entry = unsafe passwd()
        var found: UnsafeMutablePointer<passwd>?
        let status = unsafe getpwuid_r(uid, &entry, &buffer, buffer.count, &found)
        guard status == 0, unsafe found != nil, let name = unsafe entry.pw_name else { return nil }
        return unsafe String(cString: name)
    }
}

/// Shell patterns, as systemd's own unit globs.
enum ShellPattern {
    static func matches(_ name: String, _ pattern: String) -> Bool { unsafe fnmatch(pattern, name, 0) == 0 }
}
