// Users and groups of this host by name or number.

import Glibc
import Synchronization

/// Looks up accounts.
enum Accounts {
    /// The uid of a name or a number; for a name that nobody has now, nothing, and a caution.
    ///
    /// No error: an account that was deleted, or a directory service that is late at boot, must not keep the daemon down.
    static func uid(of name: String, _ origin: Setting.Origin, _ cautions: inout [String]) -> UInt32? {
        if let number = UInt32(name) { return number }
        if let uid = uid(named: name) { return uid }
        cautions.append("\(origin.file):\(origin.line ?? 0): there is no user \"\(name)\" on this host now")
        return nil
    }

    static func gid(of name: String, _ origin: Setting.Origin, _ cautions: inout [String]) -> UInt32? {
        if let number = UInt32(name) { return number }
        if let gid = gid(named: name) { return gid }
        cautions.append("\(origin.file):\(origin.line ?? 0): there is no group \"\(name)\" on this host now")
        return nil
    }

    /// A user of this host as a connection of theirs would show them; by name or uid.
    ///
    /// A number that no account has is a user all the same, with the group of that number: the kernel asks no directory.
    static func account(named name: String) -> (uid: UInt32, gid: UInt32, groups: [UInt32])? {
        guard let (own, uid, gid) = UInt32(name).map({ entry(of: $0) }) ?? entry(named: name) else {
            return UInt32(name).map { ($0, $0, []) }
        }
        var count: Int32 = 1024
        var groups = [gid_t](repeating: 0, count: Int(count))
        guard unsafe getgrouplist(own, gid, &groups, &count) >= 0 else { return (uid, gid, []) }
        return (uid, gid, Array(groups.prefix(Int(count))))
    }

    /// The name of a uid, if the host knows one.
    static func userName(of uid: UInt32) -> String? { entry(of: uid)?.name }

    /// The uid of a name that a directory service may know by now; that it does not is believed for five seconds.
    static func uid(named name: String) -> UInt32? { unknown.ask("user \(name)") { entry(named: name)?.uid } }

    /// The same of a group.
    static func gid(named name: String) -> UInt32? { unknown.ask("group \(name)") { groupID(named: name) } }

    /// Whether the host has a name for a gid.
    static func knowsGroup(_ gid: UInt32) -> Bool {
        look { buffer, size in
            var entry = unsafe group()
            var found: UnsafeMutablePointer<group>?
            let status = unsafe getgrgid_r(gid, &entry, &buffer, size, &found)
            return unsafe (status, found == nil ? nil : true)
        } ?? false
    }

    private static let unknown = UnknownNames()

    // The forms that fill a buffer of the caller's, since connections are served by many threads.

    private typealias User = (name: String, uid: UInt32, gid: UInt32)

    private static func entry(of uid: UInt32) -> User? {
        look { buffer, size in
            var entry = unsafe passwd()
            var found: UnsafeMutablePointer<passwd>?
            let status = unsafe getpwuid_r(uid, &entry, &buffer, size, &found)
            return unsafe (status, found == nil ? nil : user(entry))
        }
    }

    private static func entry(named name: String) -> User? {
        look { buffer, size in
            var entry = unsafe passwd()
            var found: UnsafeMutablePointer<passwd>?
            let status = unsafe getpwnam_r(name, &entry, &buffer, size, &found)
            return unsafe (status, found == nil ? nil : user(entry))
        }
    }

    private static func user(_ entry: passwd) -> User? {
        guard let name = unsafe entry.pw_name else { return nil }
        return unsafe (String(cString: name), entry.pw_uid, entry.pw_gid)
    }

    private static func groupID(named name: String) -> UInt32? {
        look { buffer, size in
            var entry = unsafe group()
            var found: UnsafeMutablePointer<group>?
            let status = unsafe getgrnam_r(name, &entry, &buffer, size, &found)
            return unsafe (status, found == nil ? nil : entry.gr_gid)
        }
    }

    /// Calls with a buffer that is large enough; a group of ten thousand members needs more than the usual one.
    private static func look<Value>(_ call: (inout [CChar], Int) -> (status: Int32, value: Value?)) -> Value? {
        var size = 4096
        while size <= 4_194_304 {
            var buffer = [CChar](repeating: 0, count: size)
            let (status, value) = call(&buffer, size)
            guard status == ERANGE else { return status == 0 ? value : nil }
            size *= 4
        }
        return nil
    }
}

/// Names that nobody had when last asked, so that each request does not wait for a directory that is not there.
private final class UnknownNames: Sendable {
    private static let patience = Duration.seconds(5)
    private let until = Mutex<[String: ContinuousClock.Instant]>([:])

    func ask(_ name: String, _ look: () -> UInt32?) -> UInt32? {
        let now = ContinuousClock.now
        guard until.withLock({ $0[name].map { $0 <= now } ?? true }) else { return nil }
        let found = look()
        // Only names of the configuration are asked for, so there are not many.
        until.withLock { $0[name] = found == nil ? ContinuousClock.now + Self.patience : nil }
        return found
    }
}

/// Shell patterns, as systemd's own unit globs.
enum ShellPattern {
    static func matches(_ name: String, _ pattern: String) -> Bool { unsafe fnmatch(pattern, name, 0) == 0 }
}
