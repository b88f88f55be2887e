// The control endpoints below /_simulator/: rules, the record, counts, quotas, time, accounts. Loopback only, without a
// key.

import FoundationEssentials
import NIOCore

/// The answers of the control endpoints.
struct Control: Sendable {
    static let prefix = "/_simulator/"

    let rules: RuleBook
    let recorder: Recorder
    let api: API

    /// A mistake of whoever drives the simulator, told apart from the API's errors by its status.
    static func mistake(_ message: String) -> Reply {
        Reply(json: ["simulator": .string(message)], status: 422)
    }

    func reply(method: String, target: Target, origin: String, body: [UInt8], peer: SocketAddress?) -> Reply {
        guard Self.isLoopback(peer) else { return Reply(json: ["simulator": "loopback only"], status: 403) }
        switch (method, target.path.dropFirst(Self.prefix.count)) {
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
        case ("GET", "quota"): return Reply(json: api.quotas.report)
        case ("POST", "quota"): return done(Data(body), as: QuotaLimits.self, api.quotas.set)
        case ("DELETE", "quota"):
            api.quotas.set(QuotaLimits())
            return Reply(json: [:])
        case ("POST", "clock"):
            return done(Data(body), as: ClockSetting.self) { api.clock.set(scale: $0.scale, jump: $0.jumpSeconds ?? 0) }
        case ("POST", "tokens"):
            return done(Data(body), as: TokenSetting.self) { api.tokens.setLifetime(seconds: $0.lifetimeSeconds) }
        case ("DELETE", "tokens"):
            api.tokens.revoke()
            return Reply(json: [:])
        case ("GET", "service-account"):
            let project = target.query.first { $0.name == "project" }?.value
            return (try? Reply(json: api.tokens.accountFile(project: project, origin: origin)))
                ?? Self.mistake("no key could be made")
        default:
            return Reply(
                json: [
                    "simulator": .string(
                        "POST or DELETE rules, GET or DELETE requests, GET stats, GET fixtures, GET, POST or DELETE quota, "
                            + "POST clock, POST or DELETE tokens, GET service-account")
                ],
                status: target.path.count == Self.prefix.count ? 200 : 404)
        }
    }

    /// How time goes on.
    private struct ClockSetting: Codable {
        /// Simulated seconds in one of the machine's.
        var scale: Double?
        /// A jump, in simulated seconds, either way.
        var jumpSeconds: Double?
    }

    private struct TokenSetting: Codable {
        var lifetimeSeconds: Int
    }

    private func done<Setting: Codable>(
        _ text: Data, as type: Setting.Type, _ apply: (Setting) -> Void
    ) -> Reply {
        do {
            apply(try Setting.strictly(from: text))
            return Reply(json: ["now": .string(api.clock.now.timestamp)])
        } catch let mistake {
            return Self.mistake(mistake.message)
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
