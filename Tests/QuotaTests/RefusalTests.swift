// What a 429 and a 503 do to those behind: nobody runs into a gate that is known to be shut, and one goes first.

import Quota
import Testing

private let noon = instant("2026-11-22T20:00:00Z")

private func ticket(_ job: Int, model: String = "m") -> Ticket<Int> {
    Ticket(job: job, principal: 1, project: "p", model: model, class: .interactive)
}

/// A scheduler with ten jobs of one model in line.
private func scheduler() -> Scheduler<Int> {
    var scheduler = Scheduler<Int>(bounds: .init(total: 100, perPrincipal: 100), slots: ["p": 20])
    for job in 1...10 {
        scheduler.seat(ticket(job))
        scheduler.enqueue(job)
    }
    return scheduler
}

extension Scheduler<Int> {
    fileprivate mutating func startAll(at now: Int64) -> [Int] {
        var started: [Int] = []
        while let ticket = next(now: now) { started.append(ticket.job) }
        return started
    }

    /// Starts one job and has it refused.
    fileprivate mutating func refuseOne(_ refusal: Refusal, at now: Int64, jitter: Double = 0) -> Verdict? {
        guard let ticket = next(now: now) else { return nil }
        let verdict = refused(ticket, refusal, sentAt: now, now: now, jitter: jitter)
        finish(ticket, .refused, now: now)
        return verdict
    }
}

struct RefusalTests {
    private let model = GateKey(project: "p", model: "m")

    @Test func aMinutesRefusalShutsTheGateForAllAndOneGoesFirst() {
        var scheduler = scheduler()
        let refusal = Refusal(.minute, reason: "quota_minute", retryAfter: 7968)
        #expect(scheduler.refuseOne(refusal, at: noon) == Verdict(key: model, until: noon + 7968))
        #expect(scheduler.startAll(at: noon + 7967) == [])
        #expect(scheduler.nextOpening(now: noon + 1) == noon + 7968)
        #expect(scheduler.startAll(at: noon + 7968) == [2])
        // A refusal would have come by then.
        #expect(scheduler.nextOpening(now: noon + 7969) == noon + 10_968)
        #expect(scheduler.startAll(at: noon + 10_968).count == 8)
    }

    @Test func aProbeThatIsAnsweredOpensTheGateAtOnce() {
        var scheduler = scheduler()
        _ = scheduler.refuseOne(Refusal(.minute, reason: "r", retryAfter: 1000), at: noon)
        let probe = scheduler.next(now: noon + 1000)
        #expect(scheduler.startAll(at: noon + 1100) == [])
        if let probe { scheduler.finish(probe, .answered(costMicros: 0), now: noon + 1200) }
        #expect(scheduler.startAll(at: noon + 1200).count == 8)
    }

    @Test func aProbeThatNeverLeftIsFollowedByAnother() {
        var scheduler = scheduler()
        _ = scheduler.refuseOne(Refusal(.minute, reason: "r", retryAfter: 1000), at: noon)
        let probe = scheduler.next(now: noon + 1000)
        if let probe { scheduler.finish(probe, .unsent, now: noon + 1200) }
        #expect(scheduler.startAll(at: noon + 1200) == [3])
    }

    @Test func aUsedUpDayIsShutUntilMidnightInCaliforniaWhateverTheHintSays() {
        var scheduler = scheduler()
        let verdict = scheduler.refuseOne(Refusal(.day, reason: "quota_day", retryAfter: 3000), at: noon)
        #expect(verdict == Verdict(key: model, until: instant("2026-11-23T08:00:02Z")))
    }

    @Test(arguments: [
        (Refusal.Kind.noQuota, "m" as String?, Gate.untilOpened),
        (.creditDepleted, nil, Gate.untilOpened),
        (.monthlyCap, nil, instant("2026-12-01T08:00:02Z")),
    ])
    func whatOnlyAnAdminOrTheMonthMendsStopsTheModelOrTheProject(kind: Refusal.Kind, model: String?, until: Int64) {
        var scheduler = scheduler()
        let key = GateKey(project: "p", model: model)
        #expect(scheduler.refuseOne(Refusal(kind, reason: "r"), at: noon) == Verdict(key: key, until: until))
        scheduler.seat(ticket(99, model: "other"))
        scheduler.enqueue(99)
        #expect(scheduler.startAll(at: noon + 86_400_000) == (model == nil ? [] : [99]))
        // One goes first, and when that one was let in the others do.
        scheduler.resume(project: "p", now: noon + 86_400_000)
        let probe = scheduler.next(now: noon + 86_400_000)
        #expect(probe != nil && scheduler.startAll(at: noon + 86_400_000).allSatisfy { $0 == 99 })
        if let probe { scheduler.finish(probe, .answered(costMicros: 0), now: noon + 86_400_000) }
        #expect(scheduler.startAll(at: noon + 86_400_000).count >= 8)
    }

    @Test func aBareRefusalBacksOffToAMinute() {
        var scheduler = scheduler()
        var now = noon
        var waits: [Int64] = []
        for _ in 0..<8 {
            guard let verdict = scheduler.refuseOne(Refusal(.bare, reason: "r"), at: now, jitter: 0.5) else { break }
            waits.append(verdict.until - now)
            now = verdict.until
        }
        #expect(waits == [1000, 2000, 4000, 8000, 16_000, 32_000, 60_000, 60_000])
    }

    @Test func refusalsOfWhatWasUnderWayCountOnce() {
        var scheduler = scheduler()
        let tickets = (0..<5).compactMap { _ in scheduler.next(now: noon) }
        let waits = tickets.map { ticket in
            scheduler.refused(
                ticket, Refusal(.bare, reason: "r"), sentAt: noon, now: noon + 100, jitter: 0.5
            ).until - noon - 100
        }
        #expect(waits == [1000, 1000, 1000, 1000, 1000])
    }

    @Test func afterFiveUnavailableTheBreakerOpensAndOneProbes() {
        var scheduler = scheduler()
        var gates: [GateKey?] = []
        for second in 0..<5 as Range<Int64> {
            let verdict = scheduler.refuseOne(Refusal(.unavailable, reason: "r"), at: noon + second)
            gates.append(verdict?.key)
        }
        #expect(gates == [nil, nil, nil, nil, model])
        #expect(scheduler.startAll(at: noon + 29_000) == [])
        let probe = scheduler.next(now: noon + 30_004)
        #expect(scheduler.startAll(at: noon + 30_004) == [])
        if let probe {
            _ = scheduler.refused(
                probe, Refusal(.unavailable, reason: "r"), sentAt: noon, now: noon + 31_000, jitter: 0)
            scheduler.finish(probe, .refused, now: noon + 31_000)
        }
        #expect(scheduler.startAll(at: noon + 60_000) == [])
        #expect(scheduler.startAll(at: noon + 61_000).count == 1)
    }

    @Test func toResumeLeavesAModelWithoutRoomAlone() {
        var scheduler = scheduler()
        for second in 0..<5 as Range<Int64> {
            _ = scheduler.refuseOne(Refusal(.unavailable, reason: "r"), at: noon + second)
        }
        scheduler.resume(project: "p", now: noon + 1000)
        #expect(scheduler.startAll(at: noon + 1000) == [])
    }

    @Test(arguments: [0, 1] as [Double])
    func aWaitThatIsNamedBesideA503IsTheLeast(jitter: Double) {
        var scheduler = scheduler()
        let verdict = scheduler.refuseOne(
            Refusal(.unavailable, reason: "r", retryAfter: 8000), at: noon, jitter: jitter)
        #expect(verdict?.key == nil && (8000...9000).contains((verdict?.until ?? 0) - noon))
    }

    @Test func aStartedJobDoesNotGoOutIntoWhatWasShutMeanwhileUnlessItProbesThat() {
        var scheduler = scheduler()
        let started = (0..<2).compactMap { _ in scheduler.next(now: noon) }
        #expect(started.map { scheduler.isShut(to: $0, now: noon) } == [false, false])
        _ = scheduler.refused(
            started[0], Refusal(.minute, reason: "r", retryAfter: 1000), sentAt: noon, now: noon, jitter: 0)
        scheduler.finish(started[0], .refused, now: noon)
        #expect(scheduler.isShut(to: started[1], now: noon))
        let probe = scheduler.next(now: noon + 1010)
        #expect(probe.map { scheduler.isShut(to: $0, now: noon + 1010) } == false)
        #expect(scheduler.isShut(to: started[1], now: noon + 1010))
        scheduler.pause(project: "p")
        #expect(probe.map { scheduler.isShut(to: $0, now: noon + 1010) } == true)
    }

    @Test func aPausedProjectTakesInAndStartsNothing() {
        var scheduler = scheduler()
        scheduler.pause(project: "p")
        #expect(scheduler.admit(ticket(50), mayStart: true, now: noon) == .queue)
        #expect(scheduler.startAll(at: noon) == [])
        scheduler.resume(project: "p", now: noon)
        #expect(scheduler.startAll(at: noon).count == 10)
    }

    @Test func whatItsProjectHasNoRoomForGoesToTheNextThatMayServeIt() {
        var scheduler = Scheduler<Int>(
            bounds: .init(total: 100, perPrincipal: 100), slots: ["p": 1, "q": 1, "r": 1])
        for job in 1...4 {
            scheduler.seat(
                Ticket(
                    job: job, principal: 1, project: "p", model: "m", class: .interactive,
                    overflow: job == 4 ? [] : ["r", "q"]))
            scheduler.enqueue(job)
        }
        let first = scheduler.next(now: noon)
        let second = scheduler.next(now: noon)
        let third = scheduler.next(now: noon)
        #expect([first?.project, second?.project, third?.project] == ["p", "r", "q"])
        #expect([first?.home, second?.home, third?.home] == ["p", "p", "p"])
        #expect(scheduler.next(now: noon)?.job == nil)
        if let second { scheduler.finish(second, .answered(costMicros: 0), now: noon) }
        #expect(scheduler.next(now: noon)?.job == nil)
        if let first { scheduler.finish(first, .answered(costMicros: 0), now: noon) }
        #expect(scheduler.next(now: noon)?.job == 4)
    }
}
