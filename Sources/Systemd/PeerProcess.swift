// What a client's process is, for the record: attribution only, never a right. A pid may belong to another process by
// the time it is looked up, so it is looked at twice, and what has changed in between is not told at all.

import CSystemd
import Glibc

/// A process as the system's manager and the kernel know it.
package struct PeerProcess: Sendable, Hashable {
    /// The unit of the system's manager, such as `cron.service` or, for a whole login, `session-3.scope`.
    package var unit: String?
    /// The login session, such as `3`.
    package var session: String?
    /// The path of the program where the kernel lets us see it, which it does for our own user; else its name.
    package var executable: String?

    package init(unit: String? = nil, session: String? = nil, executable: String? = nil) {
        self.unit = unit
        self.session = session
        self.executable = executable
    }

    /// Looks a process up.
    ///
    /// - Parameters:
    ///   - processID: As `SO_PEERCRED` gives it; 0 is a process of another pid namespace, of which nothing is known.
    ///   - uid: Whose it has to be; of another's with this number by now, nothing is told.
    package init(_ processID: Int32, of uid: UInt32) {
        self.init()
        // To sd_pid_get_unit(3) a pid of 0 means the caller, and a stranger is not to pass for us.
        guard processID > 0, let start = Self.startTime(of: processID), Self.owner(of: processID) == uid else { return }
        var found = PeerProcess()
        found.unit = unsafe Self.name { unsafe sd_pid_get_unit(processID, $0) }
        found.session = unsafe Self.name { unsafe sd_pid_get_session(processID, $0) }
        found.executable = Self.executable(of: processID)
        guard Self.startTime(of: processID) == start else { return }
        self = found
    }

    private static func name(_ ask: (UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>) -> Int32) -> String? {
        var name: UnsafeMutablePointer<CChar>?
        guard unsafe ask(&name) >= 0, let name = unsafe name else { return nil }
        defer { unsafe free(name) }
        return unsafe String(cString: name)
    }

    /// The effective uid of a process, or root for one that may not be dumped.
    private static func owner(of processID: Int32) -> UInt32? {
        var status = stat()
        return unsafe stat("/proc/\(processID)", &status) == 0 ? status.st_uid : nil
    }

    /// In the kernel's ticks since the boot, which no two processes of one number share.
    private static func startTime(of processID: Int32) -> Substring? {
        guard let text = contents(of: "/proc/\(processID)/stat"), let end = text.lastIndex(of: ")") else { return nil }
        // The name in parentheses may hold anything, spaces and parentheses too; the start is the 20th field after it.
        let fields = text[text.index(after: end)...].split(separator: " ")
        return fields.count > 19 ? fields[19] : nil
    }

    private static func executable(of processID: Int32) -> String? {
        var bytes = [CChar](repeating: 0, count: 4096)
        let count = unsafe readlink("/proc/\(processID)/exe", &bytes, bytes.count)
        if count > 0 { return String(decoding: bytes.prefix(count).map { UInt8(bitPattern: $0) }, as: UTF8.self) }
        return contents(of: "/proc/\(processID)/comm").map { String($0.prefix { $0 != "\n" }) }
    }

    private static func contents(of path: String) -> String? {
        let file = unsafe open(path, O_RDONLY | O_CLOEXEC)
        guard file >= 0 else { return nil }
        defer { close(file) }
        var bytes = [UInt8](repeating: 0, count: 4096)
        let count = unsafe read(file, &bytes, bytes.count)
        return count > 0 ? String(decoding: bytes.prefix(count), as: UTF8.self) : nil
    }
}
