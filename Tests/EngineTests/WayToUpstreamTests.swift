// What is not sent, and what is not sent again: cancelled, late, refused.

import Engine
import Store
import Testing
import Wire

struct WayToUpstreamTests {
    private let busy = WireError(.quotaMinute, "the minute is used up", charged: .no)
    private let down = WireError(.upstreamUnavailable, "no connection", charged: .no)

    @Test func aJobCancelledWhileItWasSentIsNotSentAgain() async throws {
        try await EngineFixture().run { bench in
            let id = try await bench.engine.generate(params(), from: alice)
            let exchange = await bench.fake.next()
            let waiter = Task.immediate { try await bench.engine.wait(for: id, from: alice) }
            #expect(try await bench.engine.cancel(id, by: alice).charged == .unknown)
            #expect(try await waiter.value.error?.charged == .unknown)
            exchange.end(.refused(down, retryAfter: .seconds(1), scope: .call))
            let result = try await bench.engine.wait(for: id, from: alice)
            #expect(result.state == .cancelled && result.error?.kind == .cancelled)
            #expect(result.error?.charged == .no && result.cost == nil && bench.fake.callCount == 1)
        }
    }

    @Test func aJobWhoseDeadlineIsPastIsNotSent() async throws {
        try await EngineFixture().run { bench in
            let id = try await bench.engine.generate(
                params {
                    $0.deadlineSeconds = 0
                    $0.wait = false
                }, from: alice)
            let result = try await bench.engine.wait(for: id, from: alice)
            #expect(result.state == .failed && result.error?.kind == .deadline && result.error?.charged == .no)
            #expect(result.cost == nil && bench.fake.callCount == 0)
        }
    }

    @Test func aDeadlineBeforeItsCallerWaitedIsTheCallersAlone() async throws {
        try await EngineFixture().run { bench in
            let id = try await bench.engine.generate(params { $0.deadlineSeconds = 5 }, from: alice)
            let exchange = await bench.fake.next()
            bench.clock.advance(by: 5000)
            let answered = try await bench.engine.wait(
                for: id, from: alice, until: Timestamp(milliseconds: 1_005_000))
            #expect(answered.state == .sent && answered.error?.kind == .deadline)
            #expect(answered.error?.charged == .unknown)
            let later = Task.immediate { try await bench.engine.wait(for: id, from: alice) }
            try exchange.answer()
            #expect(try await later.value.state == .done)
        }
    }

    @Test func aMinutesQuotaIsWaitedForAsOftenAsItTakes() async throws {
        try await EngineFixture().run { bench in
            let id = try await bench.engine.generate(params(), from: alice)
            for second in 1...5 as ClosedRange<Int64> {
                await bench.fake.next().end(.refused(busy, retryAfter: .seconds(1), scope: .model))
                await bench.clock.sleeper(until: 1_000_000 + second * 1000)
                bench.clock.advance(by: 1000)
            }
            try await bench.fake.next().answer()
            let result = try await bench.engine.wait(for: id, from: alice)
            #expect(result.state == .done && result.attempts == 6)
        }
    }

    @Test func aRefusalWhileStoppingAnswersItsWaiter() async throws {
        let fixture = EngineFixture()
        let id = try await fixture.run { bench in
            let id = try await bench.engine.generate(params(), from: alice)
            let exchange = await bench.fake.next()
            let waiter = Task.immediate { try await bench.engine.wait(for: id, from: alice) }
            let stopping = Task.immediate { await bench.engine.stop(drain: .seconds(60)) }
            exchange.end(.refused(down, retryAfter: .seconds(1), scope: .call))
            let result = try await waiter.value
            #expect(result.state == .waiting && result.error?.kind == .stopping && result.error?.charged == .no)
            await stopping.value
            return id
        }
        try await fixture.run { bench in
            try await bench.fake.next().answer()
            #expect(try await bench.engine.wait(for: id, from: alice).state == .done)
        }
    }
}
