// What a job waits for and is told of it, and what it is refused for because it opens too late.

import Engine
import Quota
import Testing
import Wire

struct WaitingTests {
    private static let twoAMinute = ProjectLimits(models: ["gemini-x": [.requestsPerMinute: 2]])

    @Test func aMinutesLimitIsUsedAtOnceThenWaitedForAndToldOf() async throws {
        try await EngineFixture().run(limits: Self.twoAMinute) { bench in
            var jobs: [JobID] = []
            for number in 0..<3 { jobs.append(try await bench.engine.generate(params("\(number)"), from: alice)) }
            for _ in 0..<2 { try await bench.fake.next().answer() }
            let price = try await bench.engine.price(params(), from: alice)
            #expect(price.startsInSeconds == 62.001 && price.holdUSD == 0.0005 && price.expectedUSD == 0.0004)
            // The window is two seconds longer than Google's.
            let opening = Timestamp(milliseconds: 1_062_001)
            var events = await bench.engine.events(of: jobs[2], for: alice).makeAsyncIterator()
            #expect(
                await events.next()
                    == JobEvent(
                        job: jobs[2], state: .waiting, position: 1, startsInSeconds: 62.001, reason: .quotaMinute,
                        until: opening))
            let waiting = try await bench.engine.result(of: jobs[2], for: alice)
            #expect(waiting.state == .waiting && waiting.reason == .quotaMinute && waiting.until == opening)
            let listed = try await bench.engine.list(ListJobs.Params(state: .waiting), for: alice).jobs
            #expect(listed.map(\.job) == [jobs[2]] && listed.map(\.until) == [opening])
            await bench.clock.sleeper(until: 1_009_000)
            bench.clock.advance(by: 62_001)
            try await bench.fake.next().answer()
            let result = try await bench.engine.wait(for: jobs[2], from: alice)
            #expect(result.state == .done && result.reason == nil && result.until == nil)
        }
    }

    @Test func aMinuteThatIsSharedOutIsWaitedForAlsoWhenItsTurnComesAfterTheDeadline() async throws {
        try await EngineFixture().run(limits: Self.twoAMinute) { bench in
            _ = try await bench.engine.generate(params("1"), from: alice)
            try await bench.fake.next().answer()
            let shared = try await bench.engine.generate(params("2") { $0.deadlineSeconds = 20 }, from: bob)
            let standing = try await bench.engine.result(of: shared, for: bob)
            #expect(standing.state == .queued && standing.reason == nil)
            await bench.clock.sleeper(until: 1_020_000)
            bench.clock.advance(by: 20_000)
            #expect(try await bench.engine.wait(for: shared, from: bob).error?.kind == .deadline)
            // A limit that is used up is another matter.
            _ = try await bench.engine.generate(params("3"), from: alice)
            try await bench.fake.next().answer()
            let late = await #expect(throws: WireError.self) {
                try await bench.engine.generate(params("4") { $0.deadlineSeconds = 20 }, from: bob)
            }
            #expect(late?.kind == .quotaMinute && late?.resetsAt == Timestamp(milliseconds: 1_062_001))
        }
    }

    @Test func theMoneyOfTenMinutesThatComesTooLateIsOverBudget() async throws {
        try await EngineFixture().run(limits: ProjectLimits(spendPer10Minutes: 600)) { bench in
            let first = try await bench.engine.generate(params(), from: alice)
            try await bench.fake.next().answer()
            _ = try await bench.engine.wait(for: first, from: alice)
            let late = await #expect(throws: WireError.self) {
                try await bench.engine.generate(params { $0.deadlineSeconds = 60 }, from: alice)
            }
            #expect(late?.kind == .overBudget && late?.resetsAt != nil && late?.isRetryable == true)
            let id = try await bench.engine.generate(params { $0.deadlineSeconds = 700 }, from: alice)
            let waiting = try await bench.engine.result(of: id, for: alice)
            #expect(waiting.state == .waiting && waiting.reason == .overBudget && waiting.until == late?.resetsAt)
        }
    }
}
