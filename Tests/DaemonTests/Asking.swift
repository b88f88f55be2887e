// What the tests of the upstream have in common: small images, other routes' projects, and what the simulator received.

import Foundation
import TestKit
import Wire

/// Input images.
enum Picture {
    /// A whole PNG of 1 x 1 pixel.
    static let png =
        Data(
            base64Encoded:
                "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==")
        ?? Data()

    static var base64: String { png.base64EncodedString() }
}

extension RunningSimulator {
    /// The members of a request's body, by a path like `generationConfig.seed`.
    static func member(_ path: String, of request: [String: JSONValue]) -> JSONValue? {
        var value = request["body"]
        for name in path.split(separator: ".") {
            switch value {
            case .object(let members)?: value = members[String(name)]
            case .array(let elements)?:
                guard let index = Int(name), elements.indices.contains(index) else { return nil }
                value = elements[index]
            default: return nil
            }
        }
        return value
    }

    /// Every request that could have cost money, on any route.
    func spending() throws -> [[String: JSONValue]] {
        try requests().filter { request in
            guard case .string(let path)? = request["path"] else { return false }
            return path.contains(":generateContent") || path.contains("/images/generations")
        }
    }

    /// The base of Vertex's paths.
    var host: String { url.replacingOccurrences(of: "/v1beta", with: "") }

    /// A project on another route; to be appended to `RunningDaemon.configuration`.
    func project(_ name: String, route: String, credential: String, _ more: String = "") -> String {
        let base = route == "openai" ? "\(url)/openai" : route == "vertex" ? host : url
        return """

            [[project]]
            name = "\(name)"
            route = "\(route)"
            base_url = "\(base)"
            ca_file = "\(caFile)"
            credential = "\(credential)"
            \(more)
            """
    }
}

extension RunningDaemon {
    /// How many holds there are in the daemon's books.
    var holdCount: Int {
        get throws {
            let text = try ChildProcess.python(
                """
                import sqlite3, sys
                print(sqlite3.connect(sys.argv[1]).execute("SELECT count(*) FROM hold").fetchone()[0])
                """, directory.file("state/darkroom.sqlite"))
            return Int(text.trimmingCharacters(in: .whitespacesAndNewlines)) ?? -1
        }
    }
}

extension JSONValue {
    init(json: String) throws { self = try WireJSON.decode(JSONValue.self, from: Array(json.utf8)) }
}
