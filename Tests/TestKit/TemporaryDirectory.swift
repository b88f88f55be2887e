// A directory that goes when the test does.

import Foundation

package final class TemporaryDirectory: Sendable {
    package let path: String

    /// Makes an empty directory.
    ///
    /// - Parameter mode: Who may enter; 0o700 keeps other users' processes out.
    /// - Throws: What Foundation says when it cannot be made.
    package init(mode: Int = 0o755) throws {
        // Short, because a socket's path has 107 bytes.
        path = "/tmp/darkroom-\(UUID().uuidString.prefix(8).lowercased())"
        try FileManager.default.createDirectory(
            atPath: path, withIntermediateDirectories: false, attributes: [.posixPermissions: mode])
    }

    deinit { try? FileManager.default.removeItem(atPath: path) }

    package func file(_ name: String) -> String { "\(path)/\(name)" }

    package func makeDirectory(_ name: String) throws {
        try FileManager.default.createDirectory(atPath: file(name), withIntermediateDirectories: true)
    }

    /// Writes a file and gives back its path.
    package func write(_ name: String, _ text: String, mode: Int = 0o600) throws -> String {
        let path = file(name)
        try Data(text.utf8).write(to: URL(fileURLWithPath: path))
        try FileManager.default.setAttributes([.posixPermissions: mode], ofItemAtPath: path)
        return path
    }
}
