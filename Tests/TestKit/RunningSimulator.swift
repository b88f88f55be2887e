// The real simulator as a process, over TLS with its own certificate authority.

import Foundation
package import Wire

/// A running `gemini-simulator`.
package final class RunningSimulator {
    /// The only key it takes, unless another is given.
    package static let key = "AQ.canary-Zm9vYmFyYmF6cXV4-do-not-log"

    /// The address of the API, as the daemon's `base_url`.
    package let url: String
    /// The address of the control interface.
    package let control: String
    /// The authority's certificate as PEM; empty in plaintext.
    package let caFile: String
    package let directory: TemporaryDirectory
    private let process: ChildProcess

    /// Starts a simulator and waits until it listens.
    ///
    /// - Parameters:
    ///   - options: More options.
    ///   - key: The key that it takes; its own default when absent.
    ///   - directory: Where its authority is; the same again is the same authority.
    /// - Throws: `NotReady`, with what the simulator said.
    package init(
        _ options: [String] = [], key: String? = RunningSimulator.key, directory: TemporaryDirectory? = nil
    ) throws {
        self.directory = try directory ?? TemporaryDirectory()
        process = try ChildProcess(
            BuiltProduct.path(of: "gemini-simulator"),
            ["--listen", "127.0.0.1:0", "--tls-directory", self.directory.path, "--exit-with-stdin"]
                + (key.map { ["--key", $0] } ?? []) + options)
        guard let line = process.readLine(),
            case .object(let ready) = try WireJSON.decode(JSONValue.self, from: Array(line.utf8)),
            case .string(let url)? = ready["url"], case .string(let control)? = ready["control"]
        else { throw NotReady(standardError: process.standardErrorSoFar) }
        self.url = url
        self.control = control
        caFile = if case .string(let path)? = ready["ca"] { path } else { "" }
    }

    package struct NotReady: Error { package let standardError: String }

    deinit { terminate() }

    /// Ends it by ending its input; returns its exit status.
    package func stop() -> Int32 { process.finish().status }

    /// Ends it by SIGTERM; returns its exit status.
    @discardableResult
    package func terminate() -> Int32 {
        process.signal(SIGTERM)
        return process.finish().status
    }

    /// Adds a rule in the simulator's JSON: `{"match":{"prompt":"x"},"do":{"status":503}}`.
    package func addRule(_ json: String) throws {
        _ = try call("POST", "/rules", body: json)
    }

    /// What the simulator received so far.
    package func requests() throws -> [[String: JSONValue]] {
        let text = try call("GET", "/requests")
        switch try WireJSON.decode(JSONValue.self, from: Array(text.utf8)) {
        case .array(let elements): return elements.compactMap(Self.object)
        case .object(let members):
            guard case .array(let elements)? = members["requests"] else { return [] }
            return elements.compactMap(Self.object)
        default: return []
        }
    }

    /// The requests to `generateContent` whose prompt holds a text.
    package func generations(_ text: String = "") throws -> [[String: JSONValue]] {
        try requests().filter { request in
            guard case .string(let path)? = request["path"], path.contains(":generateContent") else { return false }
            guard !text.isEmpty, let body = request["body"] else { return text.isEmpty }
            return String(decoding: WireJSON.encode(body), as: UTF8.self).contains(text)
        }
    }

    private static func object(_ value: JSONValue) -> [String: JSONValue]? {
        guard case .object(let members) = value else { return nil }
        return members
    }

    /// Asks the control interface: `GET`, `/service-account`.
    package func call(_ method: String, _ path: String, body: String? = nil) throws -> String {
        var arguments = ["-sS", "--fail-with-body", "--cacert", caFile, "-X", method, control + path]
        if let body { arguments += ["-H", "Content-Type: application/json", "--data-binary", body] }
        let output = try ChildProcess.run("/usr/bin/curl", arguments)
        guard output.status == 0 else { throw NotReady(standardError: output.standardError + output.standardOutput) }
        return output.standardOutput
    }
}
