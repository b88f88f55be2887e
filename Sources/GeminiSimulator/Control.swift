// The control endpoints below /_simulator/: rules, the record, counts. Loopback only, without a key.

import FoundationEssentials
import NIOCore

/// The answers of the control endpoints.
struct Control: Sendable {
    static let prefix = "/_simulator/"

    let rules: RuleBook
    let recorder: Recorder

    /// A mistake of whoever drives the simulator, told apart from the API's errors by its status.
    static func mistake(_ message: String) -> Reply {
        Reply(json: ["simulator": .string(message)], status: 422)
    }

    func reply(method: String, path: String, body: [UInt8], peer: SocketAddress?) -> Reply {
        guard Self.isLoopback(peer) else { return Reply(json: ["simulator": "loopback only"], status: 403) }
        switch (method, path.dropFirst(Self.prefix.count)) {
        case ("POST", "rules"): return added(Data(body))
        case ("DELETE", "rules"):
            rules.clear()
            return Reply(json: [:])
        case ("GET", "requests"): return Reply(json: recorder.requests)
        case ("DELETE", "requests"):
            recorder.forget()
            return Reply(json: [:])
        case ("GET", "stats"): return Reply(json: recorder.statistics)
        case ("GET", "fixtures"):
            return Reply(json: ["fixtures": .array(Fixture.all.keys.sorted().map(JSON.string))])
        default:
            return Reply(
                json: ["simulator": "POST or DELETE rules, GET or DELETE requests, GET stats, GET fixtures"],
                status: 404)
        }
    }

    /// One rule, or a list of them.
    private func added(_ text: Data) -> Reply {
        do {
            let isList = text.first { ![0x20, 0x09, 0x0A, 0x0D].contains($0) } == UInt8(ascii: "[")
            let added = isList ? try [Rule].strictly(from: text) : [try Rule.strictly(from: text)]
            if let name = added.lazy.compactMap(\.do.fixture).first(where: { Fixture.all[$0] == nil }) {
                return Fixture.reply(named: name)
            }
            return Reply(json: ["rules": .array(rules.add(added).map(JSON.integer))])
        } catch let mistake {
            return Self.mistake(mistake.message)
        }
    }

    private static func isLoopback(_ peer: SocketAddress?) -> Bool {
        guard let address = peer?.ipAddress else { return false }
        return address.hasPrefix("127.") || address == "::1" || address.hasPrefix("::ffff:127.")
    }
}
