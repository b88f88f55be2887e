// PID 1 as far as sd_notify(3) goes: a datagram socket that keeps what it hears.

import FoundationEssentials
import Glibc
import Testing

/// A bound datagram socket, in a directory of its own or at an abstract address.
final class FakeServiceManager: Sendable {
    /// As it stands in `NOTIFY_SOCKET`.
    let address: String
    private let descriptor: Int32

    init(abstract isAbstract: Bool = false) throws {
        let name = "darkroom-\(UUID().uuidString)"
        address = isAbstract ? "@\(name)" : "/tmp/\(name)"
        descriptor = try boundSocket(
            type: SOCK_DGRAM, path: isAbstract ? "\0\(name)" : "/tmp/\(name)")
        var on: Int32 = 1
        try #require(
            unsafe setsockopt(descriptor, SOL_SOCKET, SO_PASSCRED, &on, socklen_t(MemoryLayout<Int32>.size)) == 0)
    }

    deinit {
        close(descriptor)
        if address.hasPrefix("/") { unsafe unlink(address) }
    }

    /// Every datagram that has arrived since the last question, oldest first.
    func transcript() -> [String] {
        var messages: [String] = []
        while let message = receive() { messages.append(message) }
        return messages
    }

    private func receive() -> String? {
        var bytes = [UInt8](repeating: 0, count: 4096)
        let count = unsafe recv(descriptor, &bytes, bytes.count, Int32(MSG_DONTWAIT))
        return count < 0 ? nil : String(decoding: bytes[..<count], as: UTF8.self)
    }
}

/// Binds a Unix socket; a path that begins with NUL is an abstract name.
func boundSocket(type: __socket_type, path: String) throws -> Int32 {
    let descriptor = socket(AF_UNIX, Int32(type.rawValue | SOCK_CLOEXEC.rawValue), 0)
    try #require(descriptor >= 0)
    let address: [UInt8] = [UInt8(AF_UNIX), 0] + Array(path.utf8)
    let answer = unsafe address.withUnsafeBytes { bytes in
        unsafe bind(descriptor, bytes.baseAddress?.assumingMemoryBound(to: sockaddr.self), socklen_t(bytes.count))
    }
    try #require(answer == 0, "bind: errno \(errno)")
    return descriptor
}

/// A directory that is gone after the test.
func withTemporaryDirectory<Result>(_ body: (String) async throws -> Result) async throws -> Result {
    let path = "/tmp/darkroom-\(UUID().uuidString)"
    try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: false)
    defer { try? FileManager.default.removeItem(atPath: path) }
    return try await body(path)
}
