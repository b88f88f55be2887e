// What is used of each window and when it opens again, for whoever asks.

/// One window as it stands.
package struct WindowStanding: Sendable, Equatable {
    package var kind: WindowKind
    /// Nil where nothing limits it.
    package var limit: Int64?
    /// Of requests that have ended, or money that was spent.
    package var used: Int64
    /// Of requests under way.
    package var held: Int64
    /// When the whole of it is free again if nothing more is used; milliseconds since 1970.
    package var resetsAt: Int64?
    /// That the limit is Google's word, not the configuration's.
    package var isLearnt: Bool
    /// When it will be used up at the rate of its period until now; nil when it will not or is already, and for rolling
    /// windows.
    package var endsAt: Int64?

    package init(
        kind: WindowKind, limit: Int64?, used: Int64, held: Int64, resetsAt: Int64?, isLearnt: Bool, endsAt: Int64?
    ) {
        self.kind = kind
        self.limit = limit
        self.used = used
        self.held = held
        self.resetsAt = resetsAt
        self.isLearnt = isLearnt
        self.endsAt = endsAt
    }

    package var remaining: Int64? { limit.map { max(0, $0 - used - held) } }

    /// When a limit is reached at the rate so far; of the first ten minutes no rate is made.
    static func end(of limit: Int64, used: Int64, in period: Range<Int64>, now: Int64) -> Int64? {
        let gone = now - period.lowerBound
        guard gone >= 600_000, used > 0, used < limit else { return nil }
        let end = now + Int64(Double(limit - used) * Double(gone) / Double(used))
        return end < period.upperBound ? end : nil
    }
}

extension Windows {
    /// The windows of one model that have a limit, in the order of the kinds.
    package func standing(project: String, model: String, now: Int64) -> [WindowStanding] {
        guard let counts = projects[project]?.models[model] else { return [] }
        var calendar = pacific
        return WindowKind.allCases.compactMap { kind in
            counts.windows[kind].flatMap { $0.standing(inFlight: Int64(counts.inFlight), now: now, &calendar) }
        }
    }

    /// The money windows of a project that have a limit.
    package func spend(project: String, now: Int64) -> [WindowStanding] {
        var calendar = money
        return WindowKind.allCases.compactMap { kind in
            projects[project]?.spend[kind].flatMap { $0.standing(inFlight: 0, now: now, &calendar) }
        }
    }

    /// Models of a project that have a limit or were used.
    package func models(project: String) -> [String] { (projects[project]?.models.keys).map { $0.sorted() } ?? [] }
}

extension Window {
    fileprivate func standing(inFlight: Int64, now: Int64, _ calendar: inout CivilCalendar) -> WindowStanding? {
        guard let limit = limit(now: now) else { return nil }
        var copy = self
        copy.advance(now: now, &calendar)
        let underWay = kind.isSpend ? 0 : min(copy.used, kind == .inputTokensPerMinute ? 0 : inFlight)
        var standing = WindowStanding(
            kind: kind, limit: limit, used: copy.used - underWay, held: copy.held + underWay, resetsAt: nil,
            isLearnt: isLearnt(now: now), endsAt: nil)
        if let length = kind.rollingLength {
            standing.resetsAt = copy.tally.counted.last.map { $0.time + length + spread }
        } else {
            let period = period(now: now, &calendar)
            // Midnight itself, as people know it.
            standing.resetsAt = max(now, period.upperBound - spread)
            standing.endsAt = WindowStanding.end(of: limit, used: copy.used + copy.held, in: period, now: now)
        }
        return standing
    }
}
