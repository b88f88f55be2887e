// The rate limits of a project, kept and enforced as Google does, and the count of what was sent too many.
//
// What is accepted counts, what is refused does not. Durations in refusals are of the simulated clock.

import FoundationEssentials
import Synchronization

/// What a project may do with one model; nil is without limit.
struct ModelLimits: Codable, Sendable, Equatable {
    /// Requests, images and input tokens in a minute, requests in a day.
    var rpm: Int?
    var ipm: Int?
    var tpm: Int?
    var rpd: Int?
}

/// The limits of every project, as `POST /_simulator/quota` takes them.
struct QuotaLimits: Codable, Sendable, Equatable {
    /// By model; `*` is for every model that has no entry.
    var models: [String: ModelLimits]?
    /// Dollars that may be spent in ten minutes, all models together.
    var spendUSD: Double?
    /// Simulated seconds in one of the machine's.
    var clockScale: Double?
    /// Whether a used-up limit is said without details, as some projects hear it.
    var bare: Bool?
}

/// The limits that can be run into.
enum QuotaDimension: String, Sendable, CaseIterable {
    case rpm, ipm, tpm, rpd, spend
}

/// Counts, and refuses what is too many.
final class QuotaKeeper: Sendable {
    static let minuteSeconds = 60.0
    static let spendSeconds = 600.0

    private struct Accepted {
        var at: Date
        var images: Int
        var tokens: Int
        var microdollars: Int
    }

    private struct Key: Hashable {
        var project: String
        var model: String
    }

    private struct Tally {
        var sent = 0
        var accepted = 0
        var refused: [QuotaDimension: Int] = [:]
    }

    private struct State {
        var limits = QuotaLimits()
        /// What was accepted in the last ten minutes, the oldest first.
        var recent: [Key: [Accepted]] = [:]
        var days: [Key: (day: Int, requests: Int)] = [:]
        var tallies: [Key: Tally] = [:]
    }

    private let clock: SimulatedClock
    private let state = Mutex(State())

    init(clock: SimulatedClock) { self.clock = clock }

    /// Sets the limits and forgets all counts.
    func set(_ limits: QuotaLimits) {
        clock.set(scale: limits.clockScale, jump: 0)
        state.withLock { $0 = State(limits: limits) }
    }

    /// Counts a request in, or says what it is too many of.
    func admit(_ request: GenerateRequest, images: Int, project: String) throws(Refusal) {
        let key = Key(project: project, model: request.model.id)
        let now = clock.now
        let asked = Accepted(
            at: now, images: images, tokens: request.inputTokens,
            microdollars: images * (request.model.imagePrice[request.size] ?? 0))
        let refusal = state.withLock { state -> Refusal? in
            state.tallies[key, default: Tally()].sent += 1
            for key in state.recent.keys {
                state.recent[key]?.removeAll { $0.at <= now - Self.spendSeconds }
            }
            if let (dimension, limit, wait) = Self.exhausted(state, key, asked) {
                state.tallies[key]?.refused[dimension, default: 0] += 1
                return Self.refusal(
                    dimension, limit: limit, wait: wait, model: key.model,
                    isBare: state.limits.bare == true || request.dialect == .vertex, dialect: request.dialect)
            }
            state.tallies[key]?.accepted += 1
            state.recent[key, default: []].append(asked)
            let day = now.pacificDay
            let known = state.days[key]
            state.days[key] = (day, (known?.day == day ? known?.requests ?? 0 : 0) + 1)
            return nil
        }
        if let refusal { throw refusal }
    }

    private static func exhausted(
        _ state: State, _ key: Key, _ asked: Accepted
    ) -> (QuotaDimension, limit: Int, wait: Double)? {
        let limits = state.limits.models?[key.model] ?? state.limits.models?["*"] ?? ModelLimits()
        let today = state.days[key].map { $0.day == asked.at.pacificDay ? $0.requests : 0 } ?? 0
        if let limit = limits.rpd, today + 1 > limit { return (.rpd, limit, asked.at.secondsToPacificMidnight) }
        let minute = (state.recent[key] ?? []).filter { $0.at > asked.at - minuteSeconds }
        let windows: [(QuotaDimension, Int?, (Accepted) -> Int)] = [
            (.rpm, limits.rpm, { _ in 1 }), (.ipm, limits.ipm, \.images), (.tpm, limits.tpm, \.tokens),
        ]
        for (dimension, limit, amount) in windows {
            guard let limit, let wait = wait(for: asked, in: minute, limit, minuteSeconds, amount) else { continue }
            return (dimension, limit, wait)
        }
        guard let spend = state.limits.spendUSD else { return nil }
        let all = state.recent.filter { $0.key.project == key.project }.values.flatMap { $0 }.sorted { $0.at < $1.at }
        let limit = Int(spend * 1_000_000)
        return wait(for: asked, in: all, limit, spendSeconds, \.microdollars).map { (.spend, limit, $0) }
    }

    /// How long until a window has room; nil when it has.
    private static func wait(
        for asked: Accepted, in window: [Accepted], _ limit: Int, _ seconds: Double, _ amount: (Accepted) -> Int
    ) -> Double? {
        var used = window.reduce(amount(asked)) { $0 + amount($1) }
        if used <= limit { return nil }
        for entry in window {
            used -= amount(entry)
            if used <= limit { return entry.at.timeIntervalSince(asked.at) + seconds }
        }
        return seconds
    }

    /// What was sent, accepted and refused, and by which limit.
    var report: JSON {
        state.withLock { state in
            func counts(_ tally: Tally) -> [JSON.Member] {
                [
                    .init(name: "sent", value: .integer(tally.sent)),
                    .init(name: "accepted", value: .integer(tally.accepted)),
                    .init(
                        name: "refused",
                        value: .object(
                            QuotaDimension.allCases.map {
                                .init(name: $0.rawValue, value: .integer(tally.refused[$0] ?? 0))
                            })),
                ]
            }
            var total = Tally()
            var models: [JSON] = []
            for (key, tally) in state.tallies.sorted(by: {
                ($0.key.project, $0.key.model) < ($1.key.project, $1.key.model)
            }) {
                total.sent += tally.sent
                total.accepted += tally.accepted
                total.refused.merge(tally.refused, uniquingKeysWith: +)
                models.append(
                    .object(
                        [
                            .init(name: "project", value: .string(key.project)),
                            .init(name: "model", value: .string(key.model)),
                        ] + counts(tally)))
            }
            return .object(
                counts(total) + [
                    .init(name: "models", value: .array(models)),
                    .init(name: "now", value: .string(clock.now.timestamp)),
                    .init(name: "clockScale", value: .double(clock.scale)),
                ])
        }
    }
}

/// The words in which a limit is refused.
extension QuotaKeeper {
    private static func refusal(
        _ dimension: QuotaDimension, limit: Int, wait: Double, model: String, isBare: Bool, dialect: Dialect
    ) -> Refusal {
        if dialect == .vertex {
            return Refusal(
                status: 429, code: "RESOURCE_EXHAUSTED",
                message: "Resource exhausted. Please try again later. Please refer to "
                    + "https://cloud.google.com/vertex-ai/generative-ai/docs/error-code-429 for more details.")
        }
        guard !isBare, let (metric, id) = names(of: dimension) else {
            return Refusal(
                status: 429, code: "RESOURCE_EXHAUSTED", message: "Resource has been exhausted (e.g. check quota).")
        }
        let seconds = "\((wait * 1000).rounded(.up) / 1000)s"
        let help = "https://ai.google.dev/gemini-api/docs/rate-limits"
        return Refusal(
            status: 429, code: "RESOURCE_EXHAUSTED",
            message:
                "You exceeded your current quota, please check your plan and billing details. For more information "
                + "on this error, head to: \(help). To monitor your current usage, head to: https://ai.dev/rate-limit. \n"
                + "* Quota exceeded for metric: \(metric), limit: \(limit), model: \(model)\nPlease retry in \(seconds).",
            details: [
                [
                    "@type": "type.googleapis.com/google.rpc.Help",
                    "links": [["description": "Learn more about Gemini API quotas", "url": .string(help)]],
                ],
                [
                    "@type": "type.googleapis.com/google.rpc.QuotaFailure",
                    "violations": [
                        [
                            "quotaMetric": .string(metric), "quotaId": .string(id),
                            "quotaDimensions": ["location": "global", "model": .string(model)],
                            "quotaValue": .string(String(limit)),
                        ]
                    ],
                ],
                ["@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": .string(seconds)],
            ])
    }

    /// Metric and identifier; nil for spending, whose refusal says nothing.
    private static func names(of dimension: QuotaDimension) -> (metric: String, id: String)? {
        let prefix = "generativelanguage.googleapis.com/"
        switch dimension {
        case .rpm:
            return (prefix + "generate_content_paid_tier_requests", "GenerateRequestsPerMinutePerProjectPerModel")
        case .ipm:
            return (prefix + "generate_content_paid_tier_images", "GenerateImagesPerMinutePerProjectPerModel")
        case .tpm:
            return (
                prefix + "generate_content_paid_tier_input_token_count",
                "GenerateContentPaidTierInputTokensPerModelPerMinute"
            )
        case .rpd:
            return (prefix + "generate_requests_per_model_per_day", "GenerateRequestsPerDayPerProjectPerModel")
        case .spend: return nil
        }
    }
}
