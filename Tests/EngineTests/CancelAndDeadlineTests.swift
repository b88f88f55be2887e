// Cancel, deadline, stop and restart tell the truth about money.

import Engine
import Store
import Testing
import Wire

struct CancelAndDeadlineTests {
    @Test func aQueuedJobIsCancelledAtNoCharge() async throws {
        try await EngineFixture().run(slots: 1) { bench in
            let first = try await bench.engine.generate(params("one"), from: alice)
            let second = try await bench.engine.generate(params("two"), from: alice)
            let cancelled = try await bench.engine.cancel(second, by: alice)
            #expect(cancelled == CancelJob.Result(job: second, state: .cancelled, charged: .no))
            #expect(try await bench.engine.wait(for: second, from: alice).error?.kind == .cancelled)
            try await bench.fake.next().answer()
            #expect(try await bench.engine.wait(for: first, from: alice).state == .done)
            #expect(bench.fake.callCount == 1)
        }
    }

    @Test func aSentJobIsLeftToFinishAndKept() async throws {
        try await EngineFixture().run { bench in
            let id = try await bench.engine.generate(params(), from: alice)
            let exchange = await bench.fake.next()
            #expect(
                try await bench.engine.cancel(id, by: alice)
                    == CancelJob.Result(job: id, state: .sent, charged: .unknown))
            await #expect(throws: WireError.self) { try await bench.engine.cancel(id, by: bob) }
            try exchange.answer()
            #expect(try await bench.engine.wait(for: id, from: alice).state == .done)
            #expect(
                try await bench.engine.cancel(id, by: alice) == CancelJob.Result(job: id, state: .done, charged: .yes))
        }
    }

    @Test func aQueuedJobFailsAtItsDeadlineAtNoCharge() async throws {
        try await EngineFixture().run(slots: 1) { bench in
            _ = try await bench.engine.generate(params("one"), from: alice)
            let exchange = await bench.fake.next()
            let second = try await bench.engine.generate(params("two") { $0.deadlineSeconds = 5 }, from: alice)
            await bench.clock.sleeper(until: 1_005_000)
            bench.clock.advance(by: 5000)
            let result = try await bench.engine.wait(for: second, from: alice)
            #expect(result.state == .failed && result.error?.kind == .deadline && result.error?.charged == .no)
            try exchange.answer()
        }
    }

    @Test func atTheDeadlineOfASentJobItsWaiterIsAnsweredAndTheImageIsKept() async throws {
        try await EngineFixture().run { bench in
            let id = try await bench.engine.generate(params { $0.deadlineSeconds = 5 }, from: alice)
            let exchange = await bench.fake.next()
            await bench.clock.sleeper(until: 1_005_000)
            // It waits before this goes on: an immediate task runs until it first suspends.
            let waiter = Task.immediate {
                try await bench.engine.wait(for: id, from: alice, until: Timestamp(milliseconds: 1_005_000))
            }
            bench.clock.advance(by: 5000)
            let answered = try await waiter.value
            #expect(answered.state == .sent && answered.error?.kind == .deadline)
            #expect(answered.error?.charged == .unknown && answered.error?.job == id)
            try exchange.answer()
            #expect(try await bench.engine.wait(for: id, from: alice).state == .done)
        }
    }

    @Test func eachCallerUnderAKeyHasADeadlineOfItsOwn() async throws {
        try await EngineFixture().run(slots: 1) { bench in
            func ask(_ prompt: String, _ seconds: Double) async throws -> (job: JobID, due: Timestamp) {
                let params = params(prompt) {
                    $0.idempotencyKey = prompt
                    $0.deadlineSeconds = seconds
                }
                return (try await bench.engine.generate(params, from: alice), bench.engine.deadline(of: params))
            }
            func wait(_ caller: (job: JobID, due: Timestamp)) -> Task<JobResult, any Error> {
                Task.immediate { try await bench.engine.wait(for: caller.job, from: alice, until: caller.due) }
            }
            let first = try await ask("one", 10)
            let exchange = await bench.fake.next()
            let (queued, hurried) = (try await ask("two", 60), try await ask("two", 5))
            let (one, two, second) = (wait(first), wait(queued), wait(hurried))
            await bench.clock.sleeper(until: 1_005_000)
            bench.clock.advance(by: 5000)
            let answered = try await second.value
            #expect(answered.state == .queued && answered.error?.kind == .deadline)
            #expect(answered.error?.charged == .no && answered.error?.job == queued.job)
            await bench.clock.sleeper(until: 1_010_000)
            bench.clock.advance(by: 5000)
            #expect(try await one.value.error?.charged == .unknown)
            // The job's own deadline is past, and whoever asks now is not late.
            let again = wait(try await ask("one", 10))
            try exchange.answer()
            #expect(try await again.value.state == .done)
            try await bench.fake.next().answer()
            #expect(try await two.value.state == .done)
        }
    }

    @Test func atTheJobsOwnDeadlineAnUnsentOneEndsForAllWhoWait() async throws {
        try await EngineFixture().run(slots: 1) { bench in
            _ = try await bench.engine.generate(params("one"), from: alice)
            _ = await bench.fake.next()
            let asked = params("two") {
                $0.idempotencyKey = "k"
                $0.deadlineSeconds = 5
            }
            let id = try await bench.engine.generate(asked, from: alice)
            await bench.clock.sleeper(until: 1_005_000)
            let waiters = ([1_005_000, 1_060_000, nil] as [Int64?]).map { due in
                Task.immediate {
                    try await bench.engine.wait(
                        for: id, from: alice, until: due.map { Timestamp(milliseconds: $0) })
                }
            }
            bench.clock.advance(by: 5000)
            for waiter in waiters {
                let result = try await waiter.value
                #expect(result.state == .failed && result.error?.kind == .deadline && result.error?.charged == .no)
            }
        }
    }

    @Test func aRefusalIsTriedAgainWhenTheGateOpens() async throws {
        try await EngineFixture().run { bench in
            let id = try await bench.engine.generate(params("one"), from: alice)
            let busy = WireError(.quotaMinute, "the minute is used up", charged: .no)
            await bench.fake.next().end(.refused(busy, retryAfter: .seconds(7), scope: .model))
            await bench.clock.sleeper(until: 1_007_000)
            // The gate is shut for everybody, and whoever cannot wait is told at once.
            let behind = try await bench.engine.generate(params("two"), from: bob)
            await #expect(throws: WireError.self) {
                try await bench.engine.generate(params("three") { $0.deadlineSeconds = 3 }, from: bob)
            }
            var events = await bench.engine.events(of: behind, for: bob).makeAsyncIterator()
            // Its place is the second, once the first is in line again.
            let event = await events.next()
            #expect(event?.state == .waiting && event?.reason == .quotaMinute && event?.startsInSeconds == 7)
            #expect(event?.until == Timestamp(milliseconds: 1_007_000))
            #expect(bench.fake.callCount == 1)
            bench.clock.advance(by: 7000)
            for _ in 0..<2 { try await bench.fake.next().answer() }
            let result = try await bench.engine.wait(for: id, from: alice)
            #expect(result.state == .done && result.attempts == 2)
            #expect(try await bench.engine.wait(for: behind, from: bob).state == .done)
        }
    }

    @Test func theThirdRefusalIsTheEnd() async throws {
        try await EngineFixture().run { bench in
            let id = try await bench.engine.generate(params(), from: alice)
            let down = WireError(.upstreamUnavailable, "no connection", charged: .no)
            for second in 1...2 as ClosedRange<Int64> {
                await bench.fake.next().end(.refused(down, retryAfter: .seconds(1), scope: .call))
                await bench.clock.sleeper(until: 1_000_000 + second * 1000)
                bench.clock.advance(by: 1000)
            }
            await bench.fake.next().end(.refused(down, retryAfter: .seconds(1), scope: .call))
            let result = try await bench.engine.wait(for: id, from: alice)
            #expect(result.state == .failed && result.error?.kind == .upstreamUnavailable)
            #expect(result.error?.charged == .no && result.attempts == 3 && result.cost == nil)
            #expect(bench.fake.callCount == 3)
        }
    }

    @Test func aQueuedJobGoesOnAfterARestartAndASentOneIsUnknown() async throws {
        let fixture = EngineFixture()
        let (first, second) = try await fixture.run(slots: 1) { bench in
            let first = try await bench.engine.generate(params("one"), from: alice)
            let second = try await bench.engine.generate(params("two"), from: alice)
            _ = await bench.fake.next()
            return (first, second)
        }
        try await fixture.run { bench in
            let exchange = await bench.fake.next()
            #expect(exchange.order.job == second && exchange.order.params.prompt == "two")
            try exchange.answer()
            #expect(try await bench.engine.wait(for: second, from: alice).state == .done)
            #expect(try await bench.engine.result(of: first, for: alice).state == .unknown)
        }
    }

    @Test func stoppingLetsASentJobFinish() async throws {
        let fixture = EngineFixture()
        try await fixture.run(drain: .seconds(60)) { bench in
            _ = try await bench.engine.generate(params(), from: alice)
            let exchange = await bench.fake.next()
            try exchange.answer()
        }
        try await fixture.run { bench in
            let jobs = try await bench.engine.list(ListJobs.Params(), for: alice).jobs
            #expect(jobs.map(\.state) == [.done])
        }
    }
}
