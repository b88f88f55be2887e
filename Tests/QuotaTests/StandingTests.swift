// Whether a day or a month will last, also where the clock is changed.

import Quota
import Testing

struct StandingTests {
    @Test(
        arguments: [
            // 25 hours, 23 and 24.
            ("2026-11-01T07:00:00Z", 90_000_000), ("2027-03-14T08:00:00Z", 82_800_000),
            ("2026-11-22T08:00:00Z", 86_400_000),
        ] as [(String, Int64)])
    func aDayThatIsUsedTooFastEndsBeforeItsMidnightWhicheverLengthItHas(midnight: String, length: Int64) {
        let start = instant(midnight)
        let now = start + length / 2
        var windows = Windows(spread: 0)
        windows.configure(project: "p", models: ["m": [.requestsPerDay: 100]])
        windows.restore([
            UsageRow(at: now - 1000, project: "p", model: "m", images: 60, inputTokens: 0, costMicros: 0, requests: 60)
        ])
        var ledger = Ledger<Int>()
        ledger.setBudget(Budget(perDay: 100), for: .project("p"))
        ledger.restore(spent: 60, accounts: [.project("p")], at: now - 1000)
        let day = windows.standing(project: "p", model: "m", now: now).first
        let budget = ledger.standing(.project("p"), now: now).first
        // In half of it six tenths are used: a third of the day more, and the rest is too.
        #expect(day?.endsAt == now + length / 3 && budget?.endsAt == now + length / 3)
        #expect(day?.resetsAt == start + length && budget?.resetsAt == start + length)
        ledger.restore(spent: 40, accounts: [.project("p")], at: now - 1000)
        #expect(ledger.standing(.project("p"), now: now).first?.endsAt == nil)
        let late = windows.standing(project: "p", model: "m", now: start + length * 5 / 8).first
        #expect(late?.used == 60 && late?.endsAt == nil)
    }
}
