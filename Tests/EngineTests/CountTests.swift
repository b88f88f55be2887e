// A job of several calls: each with its own slot, state, attempts, hold and end, and one answer for all.

import Engine
import Store
import Testing
import Wire

struct CountTests {
    private let blocked = WireError(.blocked, "upstream made no image", charged: .no)

    /// The next exchanges, by the number of their call.
    private func exchanges(_ count: Int, _ bench: Bench) async -> [FakeGenerator.Exchange] {
        var found: [FakeGenerator.Exchange] = []
        for _ in 0..<count { found.append(await bench.fake.next()) }
        return found.sorted { $0.order.call < $1.order.call }
    }

    @Test func everyCallBringsItsImageInTheOrderOfTheCalls() async throws {
        try await EngineFixture().run(slots: 2) { bench in
            let id = try await bench.engine.generate(params { $0.count = 3 }, from: alice)
            let first = await exchanges(2, bench)
            #expect(first.map(\.order.call) == [0, 1])
            #expect(try await bench.engine.status().inFlight == 2)
            try first[1].answer("22")
            let last = await bench.fake.next()
            try last.answer("333")
            try first[0].answer("1")
            let result = try await bench.engine.wait(for: id, from: alice)
            #expect(result.state == .done && result.failed == [] && result.error == nil)
            #expect(result.images.map(\.bytes) == [1, 2, 3] && result.attempts == 3)
            #expect(result.cost == Cost(micros: 900, basis: .usage))
            #expect(
                result.usage == Usage(promptTokens: 3, outputTokens: 6, imageTokens: 9, thoughtTokens: 12))
            #expect(try await bench.engine.status().inFlight == 0)
        }
    }

    @Test func whatFailedIsToldBesideWhatCame() async throws {
        try await EngineFixture().run { bench in
            let id = try await bench.engine.generate(params { $0.count = 2 }, from: alice)
            let calls = await exchanges(2, bench)
            calls[0].end(.failed(blocked))
            try calls[1].answer()
            let result = try await bench.engine.wait(for: id, from: alice)
            #expect(result.state == .done && result.error == nil && result.images.count == 1)
            #expect(result.failed.map(\.kind) == [.blocked])
            #expect(result.cost == Cost(micros: 300, basis: .usage))
        }
    }

    @Test func whenAllFailTheAnswerIsTheErrorOfTheFirst() async throws {
        try await EngineFixture().run { bench in
            let id = try await bench.engine.generate(params { $0.count = 2 }, from: alice)
            let calls = await exchanges(2, bench)
            calls[1].end(.failed(WireError(.noImage, "none", charged: .yes)))
            calls[0].end(.failed(blocked))
            let result = try await bench.engine.wait(for: id, from: alice)
            #expect(result.state == .failed && result.error?.kind == .blocked)
            #expect(result.failed.map(\.kind) == [.blocked, .noImage])
            #expect(result.cost == Cost(micros: 400, basis: .catalogue))
        }
    }

    @Test func aRefusedCallIsTriedAgainAloneWhileTheOthersEnd() async throws {
        try await EngineFixture().run { bench in
            let id = try await bench.engine.generate(params { $0.count = 2 }, from: alice)
            let calls = await exchanges(2, bench)
            let down = WireError(.upstreamUnavailable, "no connection", charged: .no)
            calls[0].end(.refused(down, retryAfter: .seconds(1), scope: .call))
            await bench.clock.sleeper(until: 1_001_000)
            try calls[1].answer()
            bench.clock.advance(by: 1000)
            let again = await bench.fake.next()
            #expect(again.order.call == 0)
            try again.answer("again")
            let result = try await bench.engine.wait(for: id, from: alice)
            #expect(result.state == .done && result.attempts == 3 && result.images.map(\.bytes) == [5, 5])
        }
    }

    @Test func cancellingEndsWhatIsNotSentAndLetsTheRestFinish() async throws {
        try await EngineFixture().run(slots: 1) { bench in
            let id = try await bench.engine.generate(params { $0.count = 3 }, from: alice)
            let sent = await bench.fake.next()
            let waiter = Task.immediate { try await bench.engine.wait(for: id, from: alice) }
            #expect(
                try await bench.engine.cancel(id, by: alice)
                    == CancelJob.Result(job: id, state: .sent, charged: .unknown))
            #expect(try await waiter.value.error?.kind == .cancelled)
            try sent.answer()
            let result = try await bench.engine.wait(for: id, from: alice)
            #expect(result.state == .done && result.images.count == 1 && bench.fake.callCount == 1)
            #expect(result.failed.map(\.kind) == [.cancelled, .cancelled])
            let status = try await bench.engine.status()
            #expect([status.inFlight, status.queued] == [0, 0])
        }
    }

    @Test func whoIsToldOfAStopIsToldThatAnotherCallIsOut() async throws {
        try await EngineFixture().run(slots: 1) { bench in
            let id = try await bench.engine.generate(params { $0.count = 2 }, from: alice)
            _ = await bench.fake.next()
            let waiter = Task.immediate { try await bench.engine.wait(for: id, from: alice) }
            await bench.engine.stop(drain: .zero)
            for told in [try await waiter.value, try await bench.engine.wait(for: id, from: alice)] {
                #expect(told.error?.kind == .stopping && told.error?.charged == .unknown)
            }
        }
    }

    @Test func theDeadlineEndsWhatIsNotSent() async throws {
        try await EngineFixture().run(slots: 1) { bench in
            let id = try await bench.engine.generate(
                params {
                    $0.count = 2
                    $0.deadlineSeconds = 5
                }, from: alice)
            let sent = await bench.fake.next()
            await bench.clock.sleeper(until: 1_005_000)
            let waiter = Task.immediate {
                try await bench.engine.wait(for: id, from: alice, until: Timestamp(milliseconds: 1_005_000))
            }
            bench.clock.advance(by: 5000)
            #expect(try await waiter.value.error?.kind == .deadline)
            try sent.answer()
            let result = try await bench.engine.wait(for: id, from: alice)
            #expect(result.state == .done && result.failed.map(\.kind) == [.deadline])
        }
    }

    @Test func afterARestartQueuedCallsGoOnAndSentOnesAreUnknown() async throws {
        let fixture = EngineFixture()
        let id = try await fixture.run(slots: 1) { bench in
            let id = try await bench.engine.generate(params { $0.count = 2 }, from: alice)
            _ = await bench.fake.next()
            return id
        }
        try await fixture.run(slots: 1) { bench in
            let exchange = await bench.fake.next()
            #expect(exchange.order.call == 1)
            try exchange.answer()
            let result = try await bench.engine.wait(for: id, from: alice)
            #expect(result.state == .done && result.failed.map(\.kind) == [.outcomeUnknown])
            #expect(result.cost == Cost(micros: 800, basis: .hold))
            #expect(try await bench.engine.status().unknown == 1)
        }
    }

    @Test func aCountThatHasNoRoomTakesNone() async throws {
        try await EngineFixture().run(queue: 5, isRunning: false) { bench in
            await #expect(throws: WireError.self) {
                try await bench.engine.generate(params { $0.count = 6 }, from: alice)
            }
            _ = try await bench.engine.generate(params { $0.count = 5 }, from: alice)
            #expect(try await bench.engine.status().queued == 5)
        }
    }

    @Test func theHoldOfAllCallsIsMeasuredAgainstTheMaximum() async throws {
        try await EngineFixture().run(isRunning: false) { bench in
            let error = await #expect(throws: WireError.self) {
                try await bench.engine.generate(
                    params {
                        $0.count = 3
                        $0.maxCostUSD = 0.0014
                    }, from: alice)
            }
            #expect(error?.kind == .overBudget && error?.path == "maxCostUSD")
            let jobs = try await bench.engine.list(ListJobs.Params(), for: admin).jobs
            #expect(jobs == [])
        }
    }
}
