// Whether the uids that the kernel tells us are those of the host.

import Glibc

/// The user namespace of this process.
package enum UserNamespace {
    /// Whether every uid maps to itself.
    ///
    /// When not, as under `PrivateUsers=yes`, `SO_PEERCRED` shows every client as uid 65534, and a policy that goes by uid
    /// would take all of them for one.
    ///
    /// - Parameter path: In the form of user_namespaces(7); another file in tests only.
    /// - Returns: False also when the map cannot be read.
    package static func isIdentity(mapAt path: String = "/proc/self/uid_map") -> Bool {
        let descriptor = unsafe open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return false }
        defer { close(descriptor) }
        // The identity map is one line of 33 bytes; what does not fit is another map.
        var bytes = [UInt8](repeating: 0, count: 128)
        let count = unsafe bytes.withUnsafeMutableBytes { unsafe read(descriptor, $0.baseAddress, $0.count) }
        guard count > 0, count < bytes.count else { return false }
        let words = bytes[..<count].split { $0 == UInt8(ascii: " ") || $0 == UInt8(ascii: "\n") }
        return words.map { String(decoding: $0, as: UTF8.self) } == ["0", "0", "4294967295"]
    }
}
