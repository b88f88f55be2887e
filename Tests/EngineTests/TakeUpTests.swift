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
