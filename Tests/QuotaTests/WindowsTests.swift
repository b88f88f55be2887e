// Windows: no limit is crossed however requests come; days, learnt limits, restarts and clocks that were set.

import Quota
import Testing

private let noon = instant("2026-11-22T20:00:00Z")

private func scheduler(
    _ limits: Limits, spend: Limits = [:], slots: Int = 1000, rows: [UsageRow] = []
) -> Scheduler<Int> {
    var windows = Windows()
    windows.configure(project: "p", models: ["m": limits], spend: spend)
    windows.restore(rows)
    return Scheduler(bounds: .init(total: 100_000, perPrincipal: 100_000), slots: ["p": slots], windows: windows)
}

private func ticket(
    _ job: Int, _ kind: Ticket<Int>.Class = .interactive, _ demand: Demand = Demand(inputTokens: 100),
    of principal: UInt32 = 1, in project: String = "p"
) -> Ticket<Int> {
    Ticket(job: job, principal: principal, project: project, model: "m", class: kind, demand: demand)
}

extension Scheduler<Int> {
    /// Starts all that may start at a moment, each ending at once.
    fileprivate mutating func startAll(at now: Int64, costMicros: Int64 = 0) -> [Int] {
        var started: [Int] = []
        while let ticket = next(now: now) {
            started.append(ticket.job)
            finish(ticket, .answered(costMicros: costMicros), now: now)
        }
        return started
    }

    fileprivate mutating func queue(_ ticket: Ticket<Int>) {
        seat(ticket)
        enqueue(ticket.job)
    }
}

struct WindowsTests {
    @Test(
        arguments: [WindowKind.requestsPerMinute, .imagesPerMinute, .inputTokensPerMinute, .spendPer10Minutes], [1, 3])
    func noSpanOfAWindowHoldsMoreThanItsLimit(kind: WindowKind, principals: UInt32) {
        for seed in 1...5 as ClosedRange<UInt64> {
            var random = Seeded(seed)
            let limit = Int64.random(in: 50...400, using: &random)
            var scheduler = scheduler(kind.isSpend ? [:] : [kind: limit], spend: kind.isSpend ? [kind: limit] : [:])
            let length: Int64 = kind.isSpend ? 600_000 : 60_000
            var sent: [(time: Int64, amount: Int64)] = []
            var now = noon
            for job in 0..<1500 {
                let amount = Int64.random(in: 1...20, using: &random)
                let demand = Demand(images: amount, inputTokens: amount, holdMicros: amount)
                scheduler.queue(ticket(job, .interactive, demand, of: UInt32(job) % principals))
                now += .random(in: 0...length / 40, using: &random)
                while let next = scheduler.next(now: now) {
                    let taken = kind == .requestsPerMinute ? 1 : next.demand.images
                    scheduler.finish(next, .answered(costMicros: taken), now: now)
                    sent.append((now, taken))
                }
            }
            #expect(sent.count > 100)
            for (place, first) in sent.enumerated() {
                let inSpan = sent[place...].prefix { $0.time < first.time + length }.reduce(0) { $0 + $1.amount }
                #expect(inSpan <= limit)
            }
        }
    }

    @Test func whoeverIsAloneUsesAWindowAtOnceAndTheNextWaitsUntilItIsOpen() {
        var scheduler = scheduler([.requestsPerMinute: 5])
        for job in 0..<8 { scheduler.queue(ticket(job)) }
        #expect(scheduler.startAll(at: noon) == [0, 1, 2, 3, 4])
        let obstacle = scheduler.standstill(of: ticket(5), now: noon)
        let opening = noon + 62_001
        #expect(obstacle == .window(WindowObstacle(kind: .requestsPerMinute, opening: .at(opening))))
        #expect(scheduler.forecast(7, usualSeconds: 1, now: noon) == Forecast(position: 3, startsInSeconds: 62.001))
        #expect(scheduler.nextOpening(now: noon) == opening)
        #expect(scheduler.startAll(at: opening - 2) == [])
        #expect(scheduler.startAll(at: opening) == [5, 6, 7])
    }

    @Test func aWindowThatIsSharedIsSpreadAndWhoWaitsForThatIsQueuedNotStopped() {
        var scheduler = scheduler([.requestsPerMinute: 6])
        for job in 0..<5 { scheduler.queue(ticket(job)) }
        scheduler.queue(ticket(10, of: 2))
        #expect(scheduler.startAll(at: noon) == [0, 10, 1])
        #expect(scheduler.standstill(of: ticket(2), now: noon) == nil)
        if case .window(let window) = scheduler.obstacle(to: ticket(2), now: noon) {
            #expect(window.isPaced && window.kind == .requestsPerMinute)
        } else {
            Issue.record("nothing holds it back")
        }
        // The other has nothing in line any more and counts for ten minutes all the same.
        #expect(scheduler.startAll(at: noon + 61_000) == [2])
        for job in 20..<26 { scheduler.queue(ticket(job)) }
        #expect(scheduler.startAll(at: noon + 590_000) == [3, 4, 20])
        #expect(scheduler.startAll(at: noon + 660_000) == [21, 22, 23, 24, 25])
    }

    @Test func bulkHasItsTurnAlsoAmongInteractiveJobsOfTheSamePrincipalThatAreNotSpread() {
        var scheduler = scheduler([.requestsPerMinute: 10])
        for job in 0..<50 { scheduler.queue(ticket(job, .bulk)) }
        var (run, longest, next) = (0, 0, 100)
        for now in stride(from: noon, to: noon + 1_200_000, by: 500) {
            scheduler.queue(ticket(next))
            next += 1
            for job in scheduler.startAll(at: now) {
                run = job < 100 ? 0 : run + 1
                longest = max(longest, run)
            }
        }
        #expect(longest == 8)
    }

    @Test func projectsOfOneQuotaShareItsWindowsAndGatesAndTakeTurns() {
        var windows = Windows()
        windows.configure(project: "p", models: ["m": [.requestsPerMinute: 4]])
        var scheduler = Scheduler<Int>(
            bounds: .init(total: 100, perPrincipal: 100), slots: ["p": 9, "q": 9, "r": 9], windows: windows)
        scheduler.share(["q": "p"])
        for job in 0..<9 { scheduler.queue(ticket(job, in: ["p", "q", "r"][job % 3])) }
        // Those of r are bounded by nothing.
        #expect(scheduler.startAll(at: noon).sorted() == [0, 1, 2, 3, 4, 5, 8])
        scheduler.shut(GateKey(project: "p", model: "m"), Gate(until: noon + 100_000, reason: "r"))
        #expect(scheduler.shutGate(project: "q", model: "m", now: noon) != nil)
        #expect(scheduler.jobs(behind: GateKey(project: "p", model: "m")).sorted() == [6, 7])
        scheduler.pause(project: "p")
        #expect(scheduler.startAll(at: noon + 100_000) == [7])
    }

    @Test func aWindowThatIsAskedWithoutEndIsUsedToItsEndAndNeverDryForLong() {
        var scheduler = scheduler([.requestsPerMinute: 30])
        for job in 0..<1000 { scheduler.queue(ticket(job, of: UInt32(job) % 2)) }
        var starts: [Int64] = []
        for now in stride(from: noon, to: noon + 1_200_000, by: 100) {
            starts += scheduler.startAll(at: now).map { _ in now }
        }
        let settled = starts.filter { $0 >= noon + 300_000 }
        let longest = zip(settled, settled.dropFirst()).map { $1 - $0 }.max() ?? .max
        #expect(longest <= 4200)
        #expect(settled.count >= 30 * 15 * 90 / 100)
    }

    @Test func theOpeningIsToldAndKept() {
        var scheduler = scheduler([.requestsPerDay: 2])
        for job in 0..<3 { scheduler.queue(ticket(job)) }
        #expect(scheduler.startAll(at: noon) == [0, 1])
        let midnight = instant("2026-11-23T08:00:00Z")
        #expect(scheduler.nextOpening(now: noon) == midnight + 2000)
        #expect(scheduler.startAll(at: midnight + 1999) == [])
        #expect(scheduler.startAll(at: midnight + 2000) == [2])
    }

    @Test func whatIsSentAroundMidnightCountsInBothDays() {
        let midnight = instant("2026-11-23T08:00:00Z")
        var scheduler = scheduler([.requestsPerDay: 3])
        for job in 0..<6 { scheduler.queue(ticket(job)) }
        #expect(scheduler.startAll(at: midnight - 1000) == [0, 1, 2])
        #expect(scheduler.startAll(at: midnight + 2000) == [])
        #expect(scheduler.startAll(at: midnight + 90_000_000) == [3, 4, 5])
    }

    @Test func ofADayBulkLeavesApartToInteractiveJobs() {
        var scheduler = scheduler([.requestsPerDay: 800])
        for job in 0..<1000 { scheduler.queue(ticket(job, .bulk)) }
        let atOnce = scheduler.startAll(at: noon).count
        #expect(atOnce >= 300 && atOnce <= 700)
        for job in 2000..<2050 { scheduler.queue(ticket(job)) }
        #expect(scheduler.startAll(at: noon + 1000).count == 50)
    }

    @Test func aLearntLimitHoldsForADay() {
        var scheduler = scheduler([:])
        let id = "GenerateRequestsPerDayPerProjectPerModel"
        for job in 0..<5 { scheduler.queue(ticket(job)) }
        let isKnown = scheduler.windows.learn(NamedLimit(quotaId: id, value: 2), project: "p", model: "m", now: noon)
        let isUnknown = scheduler.windows.learn(
            NamedLimit(quotaId: "Odd", value: 2), project: "p", model: "m", now: noon)
        #expect(isKnown?.kind == .requestsPerDay && isUnknown == nil)
        #expect(scheduler.startAll(at: noon) == [0, 1])
        let standing = scheduler.windows.standing(project: "p", model: "m", now: noon)
        #expect(standing.map(\.isLearnt) == [true])
        #expect(standing.map(\.remaining) == [0])
        #expect(scheduler.startAll(at: noon + 43_202_000) == [2, 3])
        #expect(scheduler.startAll(at: noon + 86_400_000) == [4])
    }

    @Test func usageSurvivesARestartInMidWindow() {
        let limits: Limits = [.requestsPerMinute: 4, .requestsPerDay: 6]
        let rows = [-50_000, -1000, -500, -3_600_000, -7_200_000].map { age in
            UsageRow(
                at: noon + Int64(age), project: "p", model: "m", images: 1, inputTokens: 10, costMicros: 100)
        }
        var scheduler = scheduler(limits, spend: [.spendPer10Minutes: 1_000_000], rows: rows)
        let spend = scheduler.windows.spend(project: "p", now: noon)
        #expect(spend.map(\.used) == [300])
        for job in 0..<4 { scheduler.queue(ticket(job)) }
        var started: [Int] = []
        for now in stride(from: noon, to: noon + 200_000, by: 500) { started += scheduler.startAll(at: now) }
        // One that the day still has.
        #expect(started == [0])
    }

    @Test func aRequestThatIsMoreThanAWholeLimitIsTakenOut() {
        var scheduler = scheduler([.inputTokensPerMinute: 50])
        scheduler.queue(ticket(1))
        #expect(scheduler.startAll(at: noon) == [])
        let hopeless = scheduler.takeHopeless()
        #expect(hopeless.map(\.ticket.job) == [1])
        #expect(hopeless.map(\.limit) == [.inputTokensPerMinute])
        #expect(scheduler.queuedCount == 0)
    }

    @Test(arguments: [-7_200_000, -61_000, 61_000, 7_200_000] as [Int64])
    func aClockThatWasSetDoesNotOpenAWindow(step: Int64) {
        var scheduler = scheduler([.requestsPerMinute: 2])
        var watch = ClockWatch(wall: noon, steady: 0)
        for job in 0..<3 { scheduler.queue(ticket(job)) }
        #expect(scheduler.startAll(at: noon) == [0, 1])
        let found = watch.step(wall: noon + 41_000 + step, steady: 41_000)
        #expect(found == step)
        if let found { scheduler.clockWasSet(by: found) }
        #expect(scheduler.startAll(at: noon + 61_000 + step) == [])
        #expect(scheduler.startAll(at: noon + 63_000 + step) == [2])
    }

    @Test func aSuspendIsTimeThatWentBy() {
        var watch = ClockWatch(wall: noon, steady: 0)
        #expect(watch.step(wall: noon + 3_600_000, steady: 3_600_000) == nil)
        // A slewed clock is noticed when it has come far enough.
        let steps = (1...8).map { watch.step(wall: noon + 3_600_000 + $0 * 100, steady: 3_600_000) }
        #expect(steps == [nil, nil, nil, nil, nil, 600, nil, nil])
    }

    @Test func aRequestCountsFromWhenItHasLeft() {
        var scheduler = scheduler([.requestsPerMinute: 2])
        for job in 1...3 { scheduler.queue(ticket(job)) }
        let first = scheduler.next(now: noon)
        let second = scheduler.next(now: noon)
        // One finds a connection, the other has to make one.
        scheduler.left(1, now: noon + 500)
        scheduler.left(2, now: noon + 9000)
        for ticket in [first, second].compactMap({ $0 }) {
            scheduler.finish(ticket, .answered(costMicros: 0), now: noon + 12_000)
        }
        scheduler.queue(ticket(4))
        #expect(scheduler.startAll(at: noon + 62_300) == [])
        #expect(scheduler.startAll(at: noon + 62_501) == [3])
        #expect(scheduler.startAll(at: noon + 70_900) == [])
        #expect(scheduler.startAll(at: noon + 71_001) == [4])
    }

    @Test func aRequestThatNeverLeftCountsForNothing() {
        var scheduler = scheduler([.requestsPerMinute: 1], spend: [.spendPer10Minutes: 10])
        scheduler.queue(ticket(1, .interactive, Demand(holdMicros: 10)))
        scheduler.queue(ticket(2, .interactive, Demand(holdMicros: 10)))
        let first = scheduler.next(now: noon)
        #expect(first?.job == 1)
        if let first { scheduler.finish(first, .unsent, now: noon) }
        #expect(scheduler.next(now: noon + 1000)?.job == 2)
    }

    @Test func moneyUnderWayCountsAtItsWorst() {
        var scheduler = scheduler([:], spend: [.spendPer10Minutes: 100])
        for job in 0..<3 { scheduler.queue(ticket(job, .interactive, Demand(holdMicros: 50))) }
        let first = scheduler.next(now: noon)
        let second = scheduler.next(now: noon + 302_000)
        #expect(scheduler.next(now: noon + 302_000)?.job == nil)
        #expect(scheduler.windows.spend(project: "p", now: noon + 302_000).map(\.held) == [100])
        if let first { scheduler.finish(first, .answered(costMicros: 10), now: noon + 303_000) }
        if let second { scheduler.finish(second, .unknown, now: noon + 303_000) }
        #expect(scheduler.windows.spend(project: "p", now: noon + 303_000).map(\.used) == [60])
    }
}
