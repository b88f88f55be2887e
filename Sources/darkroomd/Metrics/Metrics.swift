// What the daemon counts. Calls, images and money are counted from the audit chain, which knows of every one of them
// whoever waits; requests and the daemon's own share of time where they happen.

import Engine
import LineSocket
import Store
import Synchronization
import Wire

/// The counters of this run of the daemon.
final class Metrics: Sendable {
    /// Where the daemon's own time goes.
    enum Stage: String, Sendable {
        /// From bytes to a request.
        case parse
        /// From the inputs of a request, as text or descriptors, to what the engine copies.
        case decode
        /// From a request that may be to a job that is durable.
        case ledger
        /// From a job's end to the line of its answer.
        case write
        /// All of a job but upstream and waiting.
        case job
    }

    private struct State {
        var values = MetricValues()
        /// The last row of the audit chain that was counted.
        var reached: Int64 = 0
    }

    private let state = Mutex(State())

    /// - Parameter head: The last row of the chain before this run.
    init(after head: Int64) { state.withLock { $0.reached = head } }

    /// Does something and counts the time of it.
    func timed<Result, Failure: Error>(_ stage: Stage, _ work: () throws(Failure) -> Result) throws(Failure) -> Result {
        let start = ContinuousClock.now
        defer { took(ContinuousClock.now - start, stage) }
        return try work()
    }

    func took(_ time: Duration, _ stage: Stage) {
        state.withLock { $0.values.observe(time.inSeconds, in: .overhead, ["stage": stage.rawValue]) }
    }

    /// Counts a request by what became of it.
    func answered(_ method: String, _ model: ServedModel, _ outcome: String, in time: Duration) {
        let model = model.name ?? "none"
        state.withLock {
            $0.values.add(to: .requests, ["operation": method, "model": model, "outcome": outcome])
            if outcome == ErrorKind.unpriced.rawValue { $0.values.add(to: .unpriced, ["model": model]) }
            $0.values.observe(time.inSeconds, in: .requestDuration, ["operation": method, "model": model])
        }
    }

    /// Counts the times of a job that has ended.
    func ended(_ result: JobResult) {
        guard let timing = result.timing, !result.reused else { return }
        let model = result.model.sent
        let size = result.requested.imageSize ?? "default"
        state.withLock {
            $0.values.observe(timing.queuedMs / 1000, in: .queueWait, ["model": model])
            $0.values.observe(timing.upstreamMs / 1000, in: .upstreamDuration, ["model": model, "size": size])
            $0.values.observe(timing.overheadMs / 1000, in: .overhead, ["stage": Stage.job.rawValue])
        }
    }

    /// Counts what the chain has that is not counted yet.
    func catchUp(with store: Store) async throws(StoreError) {
        while true {
            let before = state.withLock { $0.reached }
            let rows = try await store.auditRows(after: before, limit: 512)
            guard let last = rows.last else { return }
            state.withLock { state in
                // Somebody else may have counted them meanwhile.
                guard state.reached == before else { return }
                state.reached = last.sequence
                for row in rows { Self.count(row, in: &state.values) }
            }
        }
    }

    private static func count(_ row: AuditRow, in values: inout MetricValues) {
        let details =
            row.details.flatMap { try? WireJSON.decode([String: JSONValue].self, from: Array($0.utf8)) } ?? [:]
        func number(_ name: String) -> Double? {
            if case .integer(let number)? = details[name] { Double(number) } else { nil }
        }
        func text(_ name: String) -> String? {
            if case .string(let text)? = details[name] { text } else { nil }
        }
        let kind = text("kind")
        let model = row.model ?? "none"
        switch AuditEvent(rawValue: row.event) {
        case .denied: values.add(number("count") ?? 1, to: .denied, ["reason": kind ?? "none"])
        case .requeued: values.add(to: .retries, ["model": model, "reason": text("reason") ?? "none"])
        case .cancelled: values.add(to: .calls, ["model": model, "outcome": "cancelled"])
        case .ended where details["reused"] != nil:
            values.add(to: .calls, ["model": model, "outcome": "reused"])
            values.add(to: .cacheHits, ["model": model])
            if let images = number("images") { values.add(images, to: .images, ["model": model, "outcome": "cached"]) }
            if let micros = number("savedMicros") { values.add(micros / 1_000_000, to: .saved, ["model": model]) }
        case .ended:
            values.add(to: .calls, ["model": model, "outcome": kind ?? "done"])
            count(images: Int(number("images") ?? 0), bytes: number("bytes") ?? 0, kind, of: model, in: &values)
            if let micros = number("costMicros") { values.add(micros / 1_000_000, to: .cost, ["model": model]) }
            count(tokens: details["usage"], of: model, in: &values)
            count(warnings: details["warnings"], of: model, in: &values)
            if let kind, limits.contains(ErrorKind(rawValue: kind)) {
                values.add(to: .rateLimited, ["model": model, "scope": kind])
            }
        case .started, .stopped, .keyLoaded, .keyChanged, .policyLoaded, .reloadRefused, .accepted, .sent, .cancelAsked,
            .resolved, .paused, .resumed, .gap, nil:
            break
        }
    }

    /// A call that brought none was to bring one.
    private static func count(
        images: Int, bytes: Double, _ kind: String?, of model: String, in values: inout MetricValues
    ) {
        if images > 0 {
            values.add(Double(images), to: .images, ["model": model, "outcome": "delivered"])
            values.add(bytes, to: .imageBytes, ["model": model])
            for _ in 0..<images { values.observe(bytes / Double(images), in: .imageSize, ["model": model]) }
        } else if kind == ErrorKind.blocked.rawValue {
            values.add(to: .images, ["model": model, "outcome": "blocked"])
        } else if kind == ErrorKind.outcomeUnknown.rawValue {
            values.add(to: .images, ["model": model, "outcome": "lost"])
        }
    }

    private static func count(tokens usage: JSONValue?, of model: String, in values: inout MetricValues) {
        guard case .object(let counts)? = usage else { return }
        let kinds = [
            ("promptTokens", "input", "any"), ("imageTokens", "output", "image"),
            ("thoughtTokens", "output", "thought"),
        ]
        for (name, direction, modality) in kinds {
            guard case .integer(let count)? = counts[name] else { continue }
            values.add(
                Double(count), to: .tokens, ["model": model, "direction": direction, "modality": modality])
        }
    }

    private static func count(warnings: JSONValue?, of model: String, in values: inout MetricValues) {
        guard case .array(let codes)? = warnings else { return }
        let fields = [
            "size_differs": "size", "ratio_differs": "ratio", "type_differs": "mime", "model_differs": "model",
        ]
        for code in codes {
            guard case .string(let code) = code, let field = fields[code] else { continue }
            values.add(to: .mismatches, ["model": model, "field": field])
        }
    }

    private static let limits: Set<ErrorKind> = [.quotaMinute, .quotaDay, .noQuota, .spendCap, .overBudget]

    /// The counters as they are, for whoever adds the gauges of the moment.
    func values() -> MetricValues { state.withLock { $0.values } }
}

/// The model that a request turned out to be for, which its answer is counted under.
final class ServedModel: Sendable {
    private let known = Mutex<String?>(nil)

    /// Nil for a request that is for no model of the catalogue, or for none at all.
    var name: String? { known.withLock { $0 } }

    func note(_ name: String?) { known.withLock { $0 = name } }
}

extension Duration {
    var inSeconds: Double {
        let (seconds, attoseconds) = components
        return Double(seconds) + Double(attoseconds) / 1e18
    }
}
