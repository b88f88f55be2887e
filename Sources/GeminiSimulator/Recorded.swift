// Answers recorded in files, for benchmarks: read once, sent as they are.

import FoundationEssentials
import NIOCore

/// The bodies of a directory by the names of their files without `.json`.
struct Recorded: Sendable {
    private let bodies: [String: ByteBuffer]

    init(directory: String) throws {
        var bodies: [String: ByteBuffer] = [:]
        for file in try FileManager.default.contentsOfDirectory(atPath: directory) where file.hasSuffix(".json") {
            let contents = try Data(contentsOf: URL(filePath: directory).appending(path: file))
            bodies[String(file.dropLast(".json".count))] = ByteBuffer(bytes: contents)
        }
        self.bodies = bodies
    }

    /// The reply to a path whose last segment names a body, with or without a `:method` behind the name.
    func reply(path: String) -> Reply? {
        let last = path.split(separator: "/").last ?? ""
        let name = last.prefix { $0 != ":" }
        guard let body = bodies[String(last)] ?? bodies[String(name)] else { return nil }
        return Reply(status: 200, headers: Reply.headers(of: "application/json; charset=UTF-8"), body: [body])
    }
}
