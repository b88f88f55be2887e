// One account: its budget, its balance, and what it has spent this day and this month.

struct AccountBook: Sendable {
    var budget = Budget()
    private(set) var balance = Balance()
    private var day = Tally(resolution: 60_000, retention: 26 * 3_600_000)
    private var month = Tally(resolution: 3_600_000, retention: 26 * 3_600_000)

    /// The budget that does not allow this much more; a budget of zero allows nothing that costs.
    mutating func overdraft(
        _ micros: Int64, _ account: Account, now: Int64, _ calendar: inout CivilCalendar
    ) -> Overdraft? {
        advance(now: now, &calendar)
        if let limit = budget.perDay, day.sum + balance.held + micros > limit {
            return Overdraft(
                account: account, kind: .spendPerDay, limit: limit, spent: day.sum, held: balance.held,
                resetsAt: calendar.day(at: now).upperBound)
        }
        if let limit = budget.perMonth, month.sum + balance.held + micros > limit {
            return Overdraft(
                account: account, kind: .spendPerMonth, limit: limit, spent: month.sum, held: balance.held,
                resetsAt: calendar.month(at: now).upperBound)
        }
        return nil
    }

    /// A bucket's time is rounded up, and a day's first one may be midnight itself.
    private mutating func advance(now: Int64, _ calendar: inout CivilCalendar) {
        day.advance(to: calendar.day(at: now).lowerBound)
        month.advance(to: calendar.month(at: now).lowerBound)
    }

    mutating func hold(_ micros: Int64) {
        balance.admitted += micros
        balance.held += micros
    }

    /// Takes back a hold as if it had never been: it goes to another account.
    mutating func drop(_ micros: Int64) {
        balance.admitted -= micros
        balance.held -= micros
    }

    mutating func settle(_ micros: Int64, as cost: Int64, now: Int64, _ calendar: inout CivilCalendar) {
        balance.held -= micros
        balance.settled += cost
        balance.released += max(0, micros - cost)
        balance.admitted += max(0, cost - micros)
        guard cost > 0 else { return }
        advance(now: now, &calendar)
        let days = calendar.day(at: now)
        day.prune(before: days.lowerBound)
        month.prune(before: calendar.month(at: now).lowerBound)
        // Later than midnight, so that it counts in its own day, and no later than the day goes.
        let time = max(now, days.lowerBound + 1)
        day.add(cost, at: time)
        month.add(cost, at: time)
    }

    mutating func enter(spent micros: Int64, at time: Int64) {
        balance.admitted += micros
        balance.settled += micros
        day.insert(micros, at: time)
        month.insert(micros, at: time)
    }

    func standing(now: Int64, _ calendar: inout CivilCalendar) -> [WindowStanding] {
        var copy = self
        copy.advance(now: now, &calendar)
        func standing(_ kind: WindowKind, _ limit: Int64?, spent: Int64, in period: Range<Int64>) -> WindowStanding {
            let end = limit.flatMap {
                WindowStanding.end(of: $0, used: spent + balance.held, in: period, now: now)
            }
            return WindowStanding(
                kind: kind, limit: limit, used: spent, held: balance.held, resetsAt: period.upperBound,
                isLearnt: false, endsAt: end)
        }
        return [
            standing(.spendPerDay, budget.perDay, spent: copy.day.sum, in: calendar.day(at: now)),
            standing(.spendPerMonth, budget.perMonth, spent: copy.month.sum, in: calendar.month(at: now)),
        ]
    }

    mutating func shift(by step: Int64) {
        day.shift(by: step)
        month.shift(by: step)
    }
}
