// A wall clock that is set while the engine works, and one that was wrong when rows were written.

import Engine
import Quota
import Store
import Testing
import Wire

struct ClockStepTests {
    private static let oneAMinute = ProjectLimits(models: ["gemini-x": [.requestsPerMinute: 1]])

    @Test(arguments: [-600_000, 7_200_000] as [Int64])
    func aClockThatIsSetOpensNoWindowAndEndsNoDeadline(step: Int64) async throws {
        try await EngineFixture().run(limits: Self.oneAMinute) { bench in
            _ = try await bench.engine.generate(params("1"), from: alice)
            try await bench.fake.next().answer()
            let second = try await bench.engine.generate(params("2") { $0.deadlineSeconds = 100 }, from: alice)
            bench.clock.advance(by: 30_000)
            bench.clock.set(by: step)
            // After the one that waits: a minute later than that, and the two seconds more.
            let seconds = try await bench.engine.price(params(), from: alice).startsInSeconds
            #expect(abs((seconds ?? 0) - 94.001) < 0.001)
            let waiting = try await bench.engine.result(of: second, for: alice)
            #expect(waiting.state == .waiting)
            #expect(waiting.until == Timestamp(milliseconds: 1_062_001 + step) && bench.fake.callCount == 1)
            bench.clock.advance(by: 32_001)
            try await bench.fake.next().answer()
            #expect(try await bench.engine.wait(for: second, from: alice).state == .done)
            #expect(bench.engine.isBalanced)
        }
    }

    @Test func whatWasWrittenByAClockThatWasAheadCountsAsOfNow() async throws {
        let fixture = EngineFixture()
        try await fixture.run(limits: Self.oneAMinute) { bench in
            let first = try await bench.engine.generate(params("1"), from: alice)
            try await bench.fake.next().answer()
            _ = try await bench.engine.wait(for: first, from: alice)
        }
        fixture.clock.set(by: -600_000)
        try await fixture.run(limits: Self.oneAMinute) { bench in
            let second = try await bench.engine.generate(params("2"), from: alice)
            let waiting = try await bench.engine.result(of: second, for: alice)
            #expect(waiting.state == .waiting && waiting.until == Timestamp(milliseconds: 462_001))
        }
    }
}
