// Who goes next, claim by claim, and the whole against a naive reckoning on random runs.

import Quota
import Testing

private func ticket(
    _ job: Int, of principal: UInt32 = 1, model: String = "m", _ kind: Ticket<Int>.Class = .interactive
) -> Ticket<Int> {
    Ticket(job: job, principal: principal, project: "p", model: model, class: kind)
}

private func scheduler(total: Int = 1000, perPrincipal: Int = 1000, slots: Int = 1) -> Scheduler<Int> {
    Scheduler(bounds: .init(total: total, perPrincipal: perPrincipal, interactiveRun: 3), slots: ["p": slots])
}

extension Scheduler<Int> {
    fileprivate mutating func put(_ ticket: Ticket<Int>) {
        seat(ticket)
        enqueue(ticket.job)
    }

    /// Starts and ends jobs one by one until nothing may start.
    fileprivate mutating func drainInOrder(now: Int64 = 0) -> [Int] {
        var order: [Int] = []
        while let next = next(now: now) {
            order.append(next.job)
            finish(next, .unsent, now: now)
        }
        return order
    }
}

struct SchedulerTests {
    @Test func aFreeSlotIsTakenAtOnce() {
        var scheduler = scheduler(slots: 2)
        #expect(scheduler.admit(ticket(1), mayStart: true, now: 0) == .start)
        #expect(scheduler.admit(ticket(2), mayStart: true, now: 0) == .start)
        #expect(scheduler.admit(ticket(3), mayStart: true, now: 0) == .queue)
        #expect([scheduler.inFlightCount, scheduler.queuedCount] == [2, 1])
    }

    @Test func nobodyOvertakesTheQueueThroughAFreeSlot() {
        var scheduler = scheduler(slots: 1)
        scheduler.put(ticket(1))
        #expect(scheduler.admit(ticket(2), mayStart: true, now: 0) == .queue)
    }

    @Test func theQueueIsBoundedInTotalAndPerPrincipal() {
        var scheduler = scheduler(total: 3, perPrincipal: 2, slots: 0)
        #expect(scheduler.admit(ticket(1), mayStart: true, now: 0) == .queue)
        #expect(scheduler.admit(ticket(2), mayStart: true, now: 0) == .queue)
        #expect(scheduler.admit(ticket(3), mayStart: true, now: 0) == .refused(.principal))
        #expect(scheduler.admit(ticket(4, of: 2), mayStart: true, now: 0) == .queue)
        #expect(scheduler.admit(ticket(5, of: 3), mayStart: true, now: 0) == .refused(.total))
        scheduler.withdraw(1)
        #expect(scheduler.admit(ticket(6), mayStart: true, now: 0) == .queue)
    }

    @Test func whoHasFilledTheQueueLocksNobodyOut() {
        var scheduler = scheduler(total: 20, perPrincipal: 20, slots: 0)
        for job in 1...20 { #expect(scheduler.admit(ticket(job), mayStart: true, now: 0) == .queue) }
        #expect(scheduler.admit(ticket(21), mayStart: true, now: 0) == .refused(.total))
        #expect(scheduler.admit(ticket(22, of: 2), mayStart: true, now: 0) == .queue)
        #expect(scheduler.admit(ticket(23, of: 3), mayStart: true, now: 0) == .queue)
        #expect(scheduler.admit(ticket(24, of: 4), mayStart: true, now: 0) == .refused(.total))
        scheduler.withdraw(23)
        // It has one already, which is less than a tenth.
        #expect(scheduler.admit(ticket(25, of: 2), mayStart: true, now: 0) == .queue)
        scheduler.withdraw(1)
        #expect(scheduler.admit(ticket(26, of: 2), mayStart: true, now: 0) == .refused(.total))
    }

    @Test func principalsTakeTurns() {
        var scheduler = scheduler()
        for job in 1...4 { scheduler.put(ticket(job, of: 1)) }
        for job in 11...12 { scheduler.put(ticket(job, of: 2)) }
        #expect(scheduler.drainInOrder() == [1, 11, 2, 12, 3, 4])
    }

    @Test func bulkStartsAfterThreeInteractiveOnesAtTheLatest() {
        var scheduler = scheduler()
        for job in 1...7 { scheduler.put(ticket(job)) }
        for job in 101...103 { scheduler.put(ticket(job, .bulk)) }
        #expect(scheduler.drainInOrder() == [1, 2, 3, 101, 4, 5, 6, 102, 7, 103])
    }

    @Test func aShutGateHoldsBackItsModelAlone() {
        var scheduler = scheduler()
        scheduler.put(ticket(1, model: "shut"))
        scheduler.put(ticket(2, model: "open"))
        scheduler.shut(GateKey(project: "p", model: "shut"), Gate(until: 100, reason: "r"))
        #expect(scheduler.drainInOrder(now: 99) == [2])
        #expect(scheduler.nextOpening(now: 99) == 100)
        #expect(scheduler.drainInOrder(now: 100) == [1])
        #expect(scheduler.nextOpening(now: 100) == nil)
    }

    @Test func aShorterGateDoesNotOpenALongerOne() {
        var scheduler = scheduler()
        let key = GateKey(project: "p", model: nil)
        scheduler.shut(key, Gate(until: 100, reason: "long"))
        scheduler.shut(key, Gate(until: 50, reason: "short"))
        #expect(scheduler.shutGate(project: "p", model: "m", now: 60) == Gate(until: 100, reason: "long"))
    }

    @Test func aGateBeforeEverythingHoldsEveryProjectUntilItsTime() {
        var scheduler = Scheduler<Int>(bounds: .init(total: 10, perPrincipal: 10), slots: ["p": 2, "q": 2])
        scheduler.put(ticket(1))
        var other = ticket(2)
        other.project = "q"
        scheduler.put(other)
        let gate = Gate(until: 5000, reason: "full")
        let isNews = scheduler.shutEverywhere(gate)
        #expect(isNews)
        #expect(scheduler.next(now: 0)?.job == nil)
        #expect(scheduler.admit(ticket(3), mayStart: true, now: 0) == .queue)
        #expect([ticket(1), other].map { scheduler.standstill(of: $0, now: 0) } == [.gate(gate), .gate(gate)])
        // A gate of the project's own that opens later is what it waits for.
        let later = Gate(until: 9000, reason: "r")
        scheduler.shut(GateKey(project: "q", model: nil), later)
        #expect(scheduler.standstill(of: other, now: 0) == .gate(later))
        #expect(scheduler.nextOpening(now: 0) == 5000)
        scheduler.clockWasSet(by: 1000)
        #expect(scheduler.next(now: 5999)?.job == nil)
        // Looked at and shut again: that is no news.
        let isNewsAgain = scheduler.shutEverywhere(Gate(until: 7000, reason: "full"))
        #expect(!isNewsAgain)
        #expect(scheduler.next(now: 7000)?.job == 1)
        scheduler.openEverywhere()
        #expect(scheduler.gateEverywhere == nil)
        #expect(scheduler.next(now: 10_000)?.job == 2)
    }

    @Test func aJobThatComesBackGoesFirst() {
        var scheduler = scheduler()
        for job in 1...3 { scheduler.put(ticket(job)) }
        let first = scheduler.next(now: 0)
        #expect(first?.job == 1)
        if let first { scheduler.finish(first, .refused, now: 0) }
        scheduler.seat(ticket(1))
        scheduler.enqueue(1, first: true)
        #expect(scheduler.drainInOrder() == [1, 2, 3])
    }

    @Test func aJobIsInLineOnce() {
        var scheduler = scheduler()
        scheduler.put(ticket(1))
        scheduler.enqueue(1)
        scheduler.enqueue(1, first: true)
        scheduler.put(ticket(2))
        #expect(scheduler.drainInOrder() == [1, 2])
        #expect([scheduler.entryCount, scheduler.queuedCount] == [0, 0])
    }

    @Test func aModelThatIsAskedForAllTheTimeDoesNotStarveAnother() {
        var scheduler = scheduler()
        scheduler.put(ticket(1, model: "a"))
        scheduler.put(ticket(2, model: "a"))
        var order: [Int] = []
        for job in 100..<300 {
            scheduler.put(ticket(job, model: "b"))
            guard let next = scheduler.next(now: 0) else { continue }
            order.append(next.job)
            scheduler.finish(next, .answered(costMicros: 0), now: 0)
        }
        #expect(order == [1, 2] + Array(100..<298))
    }

    @Test func withdrawnJobsBehindAShutGateTakeNoRoom() {
        var scheduler = scheduler()
        scheduler.shut(GateKey(project: "p", model: "m"), Gate(until: 100, reason: "r"))
        scheduler.put(ticket(0))
        for job in 1...10_000 {
            scheduler.put(ticket(job))
            scheduler.withdraw(job)
            #expect(scheduler.next(now: 0)?.job == nil)
            #expect(scheduler.entryCount <= 35)
        }
        scheduler.put(ticket(10_001))
        #expect(scheduler.forecast(10_001, usualSeconds: 1, now: 0)?.position == 2)
        #expect(scheduler.drainInOrder(now: 100) == [0, 10_001])
    }

    @Test func aJobThatLeftItsPlaceAndCameBackHasItsNewPlaceOnly() {
        var scheduler = scheduler()
        for job in 1...3 { scheduler.put(ticket(job)) }
        scheduler.withdraw(1)
        scheduler.put(ticket(1))
        #expect(scheduler.drainInOrder() == [2, 3, 1])
    }

    @Test func theForecastCountsWhoIsAheadAndTheSlots() {
        var scheduler = scheduler(slots: 2)
        for job in 1...2 { #expect(scheduler.admit(ticket(job), mayStart: true, now: 0) == .start) }
        for job in 3...6 { scheduler.put(ticket(job)) }
        #expect(scheduler.forecast(3, usualSeconds: 10, now: 0) == Forecast(position: 1, startsInSeconds: 5))
        #expect(scheduler.forecast(6, usualSeconds: 10, now: 0) == Forecast(position: 4, startsInSeconds: 20))
        scheduler.measured(seconds: 20, project: "p", model: "m")
        scheduler.shut(GateKey(project: "p", model: "m"), Gate(until: 7000, reason: "r"))
        #expect(scheduler.forecast(3, usualSeconds: 10, now: 0) == Forecast(position: 1, startsInSeconds: 17))
    }

    @Test func whateverHappensEachJobStartsOnceAndTheCountsAgree() {
        var random = SystemRandomNumberGenerator()
        for _ in 0..<200 {
            let slots = Int.random(in: 1...4, using: &random)
            var scheduler = scheduler(total: 50, perPrincipal: 20, slots: slots)
            var queued: Set<Int> = []
            var started: Set<Int> = []
            var underWay: [Ticket<Int>] = []
            for job in 0..<300 {
                let one = ticket(
                    job, of: .random(in: 1...4), model: ["a", "b"].randomElement() ?? "a",
                    Bool.random() ? .bulk : .interactive)
                switch scheduler.admit(one, mayStart: true, now: 0) {
                case .start:
                    underWay.append(one)
                    #expect(started.insert(job).inserted)
                case .queue:
                    scheduler.enqueue(job)
                    queued.insert(job)
                case .refused: break
                }
                if Int.random(in: 0..<4) == 0, let victim = queued.randomElement() {
                    let isOut = scheduler.withdraw(victim)
                    #expect(isOut)
                    queued.remove(victim)
                }
                if Bool.random(), let ended = underWay.popLast() {
                    scheduler.finish(ended, .answered(costMicros: 0), now: 0)
                }
                while let next = scheduler.next(now: 0) {
                    #expect(queued.remove(next.job) != nil)
                    #expect(started.insert(next.job).inserted)
                    underWay.append(next)
                }
                #expect(underWay.count == slots || queued.isEmpty)
                #expect([scheduler.queuedCount, scheduler.inFlightCount] == [queued.count, underWay.count])
            }
        }
    }
}
