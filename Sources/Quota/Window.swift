// One limit over one span of time: what was used, what is held, and when there is room again.

/// When something may go.
package enum Opening: Sendable, Equatable {
    case now
    /// Milliseconds since 1970.
    case at(Int64)
    /// When something that is under way has ended.
    case uponEnding
    /// It is more than the whole limit.
    case never
}

/// How a request goes through windows.
struct Manner: Sendable {
    var isBulk: Bool
    /// That it leaves room in rolling windows to others who share them.
    var isPaced: Bool
}

/// A limit over a rolling span, a day or a month.
struct Window: Sendable {
    let kind: WindowKind
    /// How far apart two requests that left together may arrive: a window is this much longer than Google's.
    let spread: Int64
    var configured: Int64?
    /// Of a 429; holds until `until`, since tiers change.
    var learnt: (limit: Int64, until: Int64)?
    private(set) var tally: Tally
    /// Taken by requests under way, whose price is not known yet.
    private(set) var held: Int64 = 0
    private var lastUse: Int64 = .min
    private var lastBulk: Int64 = 0
    /// What came in over the last day from interactive jobs, for what is kept back for them.
    private var interactive: Tally?
    private var observedSince: Int64?

    init(_ kind: WindowKind, spread: Int64) {
        self.kind = kind
        self.spread = spread
        switch kind {
        case .requestsPerMinute, .inputTokensPerMinute, .imagesPerMinute:
            tally = Tally(resolution: 500, retention: 3_600_000)
        case .spendPer10Minutes: tally = Tally(resolution: 5000, retention: 3_600_000)
        case .requestsPerDay:
            tally = Tally(resolution: 60_000, retention: 26 * 3_600_000)
            interactive = Tally(resolution: 600_000, retention: 0)
        case .spendPerDay: tally = Tally(resolution: 60_000, retention: 26 * 3_600_000)
        case .spendPerMonth: tally = Tally(resolution: 3_600_000, retention: 26 * 3_600_000)
        }
    }

    /// The smaller of what is configured and what Google has said.
    func limit(now: Int64) -> Int64? {
        guard let learnt, now < learnt.until else { return configured }
        return min(learnt.limit, configured ?? learnt.limit)
    }

    func isLearnt(now: Int64) -> Bool {
        guard let learnt, now < learnt.until else { return false }
        return configured.map { learnt.limit < $0 } ?? true
    }

    var used: Int64 { tally.sum }

    /// Lets go what is older than the span.
    ///
    /// A day begins and ends `spread` late, and what was sent so shortly around midnight counts in both, because it
    /// is not known in which of them it arrived.
    mutating func advance(now: Int64, _ calendar: inout CivilCalendar) {
        tally.advance(to: start(now: now, &calendar))
        interactive?.advance(to: now - 24 * 3_600_000)
    }

    private func start(now: Int64, _ calendar: inout CivilCalendar) -> Int64 {
        if let length = kind.rollingLength { return now - length - spread }
        return period(now: now, &calendar).lowerBound - spread - 1
    }

    /// The day or month that is counted, its end being when its successor is.
    func period(now: Int64, _ calendar: inout CivilCalendar) -> Range<Int64> {
        let period =
            kind == .spendPerMonth ? calendar.month(at: now - spread) : calendar.day(at: now - spread)
        return period.lowerBound..<period.upperBound + spread
    }

    /// What holds an amount back, `advance` having been called; nil when there is room for it.
    func obstacle(
        for amount: Int64, _ manner: Manner, now: Int64, _ calendar: inout CivilCalendar
    ) -> WindowObstacle? {
        func usedUp(until opening: Opening) -> WindowObstacle { WindowObstacle(kind: kind, opening: opening) }
        guard amount > 0, let limit = limit(now: now) else { return nil }
        guard amount <= limit else { return usedUp(until: .never) }
        let missing = used + held + amount - limit
        let paced: Opening
        if let length = kind.rollingLength {
            if missing > 0 {
                return usedUp(until: tally.leaving(missing).map { .at($0 + length + spread + 1) } ?? .uponEnding)
            }
            paced = manner.isPaced ? pace(amount, limit: limit, length: length, now: now) : .now
        } else {
            let end = period(now: now, &calendar).upperBound
            if missing > 0 { return usedUp(until: missing > held ? .at(end) : .uponEnding) }
            let isSpread = manner.isBulk && interactive != nil
            paced = isSpread ? bulkOpening(for: amount, limit: limit, now: now, end: end) : .now
        }
        return paced == .now ? nil : WindowObstacle(kind: kind, opening: paced, isPaced: true)
    }

    /// The first half of a rolling window goes as fast as it is asked for; from then on it goes at the greatest even
    /// rate that what comes back can keep up.
    ///
    /// So a window is never dry for long, and whoever comes next does not wait out a minute. The bound on the wait for
    /// the next start is two shares of the window, `2 * length * amount / limit`, once the rate has settled.
    private func pace(_ amount: Int64, limit: Int64, length: Int64, now: Int64) -> Opening {
        let taken = used + held
        guard taken > 0, (taken + amount) * 2 > limit, lastUse > .min else { return .now }
        // The one more is the one that goes when the next comes back.
        var room = Double(limit - taken + amount)
        var rate = Double.infinity
        for bucket in tally.counted {
            rate = min(rate, room / Double(max(1, bucket.time + length + spread + 1 - lastUse)))
            room += Double(bucket.amount)
        }
        rate = min(rate, room / Double(length + spread))
        let next = lastUse + Int64(Double(amount) / rate)
        return next > now ? .at(next) : .now
    }

    /// The first half of what bulk may take of a day goes as fast as it is asked for; the rest is spread over the day.
    private func bulkOpening(for amount: Int64, limit: Int64, now: Int64, end: Int64) -> Opening {
        let left = limit - used - reserve(limit: limit, now: now, until: end)
        if left >= amount, left * 2 >= limit - reserve(limit: limit, now: now, until: now + 86_400_000) { return .now }
        let next = max(lastBulk, now - 86_400_000) + (end - lastBulk) / (max(0, left / amount) + 1)
        return next > now ? .at(min(next, end)) : left >= amount ? .now : .at(min(end, now + 60_000))
    }

    /// What of a day bulk jobs leave to interactive ones: what those took of the last day, as far as the day still
    /// goes, and a quarter more; a thirty-second of the limit to the day's end, and never more than half.
    func reserve(limit: Int64, now: Int64, until end: Int64) -> Int64 {
        let left = Double(max(0, end - now)) / 86_400_000
        let expected = max(interactivePerDay(now: now) * 1.25, Double(limit) / 8) * left
        return min(limit / 2, max(limit / 32, Int64(expected)))
    }

    /// What interactive jobs take in a day, at the rate of the last one.
    func interactivePerDay(now: Int64) -> Double {
        guard let interactive else { return 0 }
        let observed = min(86_400_000, max(3_600_000, now - (observedSince ?? now)))
        return Double(interactive.sum) * 86_400_000 / Double(observed)
    }

    /// Counts an amount that was sent; the bucket it went to.
    mutating func use(_ amount: Int64, isBulk: Bool, now: Int64, _ calendar: inout CivilCalendar) -> Int64 {
        advance(now: now, &calendar)
        tally.prune(before: start(now: now, &calendar))
        lastUse = now
        if observedSince == nil { observedSince = now }
        if isBulk {
            lastBulk = now
        } else {
            interactive?.add(amount, at: now)
            interactive?.prune(before: now - 24 * 3_600_000)
        }
        return tally.add(amount, at: now)
    }

    mutating func hold(_ amount: Int64, now: Int64) {
        held += amount
        lastUse = now
    }

    /// Lets go of what was held, and counts what it came to.
    mutating func settle(_ amount: Int64, as cost: Int64, now: Int64, _ calendar: inout CivilCalendar) {
        held -= amount
        guard cost > 0 else { return }
        advance(now: now, &calendar)
        tally.prune(before: start(now: now, &calendar))
        tally.add(cost, at: now)
    }

    /// Counts an amount from now on that was counted from earlier; the bucket it went to.
    mutating func move(_ amount: Int64, from bucket: Int64, now: Int64, _ calendar: inout CivilCalendar) -> Int64 {
        advance(now: now, &calendar)
        tally.takeBack(amount, from: bucket)
        return tally.add(amount, at: now)
    }

    mutating func takeBack(_ amount: Int64, from bucket: Int64) { tally.takeBack(amount, from: bucket) }

    /// Counts what was used before a restart.
    mutating func restore(_ amount: Int64, isBulk: Bool, at time: Int64) {
        tally.insert(amount, at: time)
        lastUse = max(lastUse, time)
        observedSince = min(observedSince ?? time, time)
        if isBulk { lastBulk = max(lastBulk, time) } else { interactive?.insert(amount, at: time) }
    }

    mutating func shift(by step: Int64) {
        tally.shift(by: step)
        interactive?.shift(by: step)
        if lastUse > .min { lastUse += step }
        lastBulk += step
        observedSince = observedSince.map { $0 + step }
        learnt = learnt.map { ($0.limit, $0.until + step) }
    }
}
