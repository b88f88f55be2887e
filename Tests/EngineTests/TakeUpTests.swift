// The jobs of the run before: nobody who asks after one is answered too early, and none is given up too early.

import Engine
import Testing
import Wire

struct TakeUpTests {
    /// A state directory with one queued job.
    private func leftBehind(_ fixture: EngineFixture) async throws -> JobID {
        try await fixture.run(isRunning: false) { bench in
            try await bench.engine.generate(params(), from: alice)
        }
    }

    @Test func whatIsQueuedIsListedByPagesAndByLabelAndOwner() async throws {
        try await EngineFixture().run(slots: 1) { bench in
            _ = try await bench.engine.generate(params(), from: alice)
            let sent = await bench.fake.next()
            var queued: [JobID] = []
            for label in ["x", "y", "x"] {
                bench.clock.advance(by: 1)
                queued.append(try await bench.engine.generate(params { $0.label = label }, from: alice))
            }
            bench.clock.advance(by: 1)
            let foreign = try await bench.engine.generate(params(), from: bob)
            func list(_ params: ListJobs.Params, _ principal: Principal = alice) async throws -> [JobID] {
                try await bench.engine.list(params, for: principal).jobs.map(\.job)
            }
            #expect(try await list(ListJobs.Params(state: .queued)) == queued.reversed())
            #expect(try await list(ListJobs.Params(state: .queued), admin) == [foreign] + queued.reversed())
            #expect(try await list(ListJobs.Params(state: .queued, label: "x")) == [queued[2], queued[0]])
            #expect(try await list(ListJobs.Params(state: .waiting)) == [])
            let page = try await bench.engine.list(ListJobs.Params(limit: 2, state: .queued), for: alice)
            #expect(page.jobs.map(\.job) == [queued[2], queued[1]] && page.jobs.map(\.state) == [.queued, .queued])
            var rest = ListJobs.Params(limit: 2, state: .queued)
            rest.cursor = page.cursor
            let last = try await bench.engine.list(rest, for: alice)
            #expect(last.jobs.map(\.job) == [queued[0]] && last.cursor == nil)
            // Behind a gate they wait.
            let busy = WireError(.quotaMinute, "the minute is used up", charged: .no)
            sent.end(.refused(busy, retryAfter: .seconds(7), scope: .model))
            await bench.clock.sleeper(until: 1_007_004)
            #expect(try await list(ListJobs.Params(limit: 3, state: .waiting)) == queued.reversed())
            #expect(try await list(ListJobs.Params(state: .queued)) == [])
        }
    }

    @Test func whoeverAsksBeforeItIsTakenUpWaitsAndWatches() async throws {
        let fixture = EngineFixture()
        let id = try await leftBehind(fixture)
        try await fixture.run(isRunning: false) { bench in
            let waiter = Task.immediate { try await bench.engine.wait(for: id, from: alice) }
            let watcher = Task.immediate {
                await bench.engine.events(of: id, for: alice).reduce(into: [JobState]()) { $0.append($1.state) }
            }
            async let running: Void = bench.engine.run()
            try await bench.fake.next().answer()
            let result = try await waiter.value
            #expect(result.state == .done && result.error == nil)
            #expect(await watcher.value.isEmpty == false)
            await bench.engine.stop(drain: .zero)
            await running
        }
    }

    @Test func whoeverWaitsInVainIsAnsweredWhenTheDaemonStops() async throws {
        let fixture = EngineFixture()
        let id = try await leftBehind(fixture)
        try await fixture.run(isRunning: false) { bench in
            let waiter = Task.immediate { try await bench.engine.wait(for: id, from: alice) }
            await bench.engine.stop(drain: .zero)
            let result = try await waiter.value
            #expect(result.state == .queued && result.error?.kind == .stopping && result.error?.charged == .no)
        }
    }

    @Test func aJobWaitsForAKeyThatIsMissingAfterARestart() async throws {
        let fixture = EngineFixture()
        let id = try await leftBehind(fixture)
        try await fixture.run(isRunning: false) { bench in
            bench.fake.setKey(isMissing: true)
            async let running: Void = bench.engine.run()
            await bench.clock.sleeper(until: 1_030_000)
            #expect(try await bench.engine.result(of: id, for: alice).state == .waiting)
            bench.fake.setKey(isMissing: false)
            bench.clock.advance(by: 30_000)
            try await bench.fake.next().answer()
            #expect(try await bench.engine.wait(for: id, from: alice).state == .done)
            await bench.engine.stop(drain: .zero)
            await running
        }
    }
}
