// How fast a project starts jobs, and what a job takes, as measured.

import Glibc

/// Starts of a project: the rate of interactive ones, and the usual demand.
struct Pace: Sendable {
    /// Over which the rate is taken, in milliseconds: long enough that one job a minute has a rate.
    private static let span = 3_600_000.0

    private var interactive = 0.0
    private var since: Int64?
    private var lastAt: Int64 = 0
    private(set) var inputTokens = 0.0
    private(set) var holdMicros = 0.0
    private var startCount = 0

    mutating func started(_ demand: Demand, isBulk: Bool, now: Int64) {
        fade(now: now)
        if !isBulk { interactive += 1 / Self.span }
        startCount = min(startCount + 1, 32)
        let share = 1 / Double(startCount)
        inputTokens += (Double(demand.inputTokens) - inputTokens) * share
        holdMicros += (Double(demand.holdMicros) - holdMicros) * share
    }

    private mutating func fade(now: Int64) {
        if since == nil { since = now }
        let gone = Double(max(0, now - lastAt))
        interactive *= exp(-gone / Self.span)
        lastAt = now
    }

    /// Interactive starts in a second.
    func interactivePerSecond(now: Int64) -> Double {
        guard let since, now > since else { return 0 }
        var copy = self
        copy.fade(now: now)
        // A young average has not come to its height yet.
        let age = Double(max(60_000, now - since))
        return copy.interactive * 1000 / (1 - exp(-age / Self.span))
    }

    mutating func shift(by step: Int64) {
        since = since.map { $0 + step }
        lastAt += step
    }
}
