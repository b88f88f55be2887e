// The life of a job, end by end.

import Engine
import Store
import Testing
import Wire

struct EngineTests {
    @Test func aJobEndsWithItsImageKept() async throws {
        try await EngineFixture().run { bench in
            let id = try await bench.engine.generate(params { $0.label = "cover" }, from: alice)
            let exchange = await bench.fake.next()
            // The row says `sent` before the generator is asked.
            #expect(try await bench.store.job(id)?.result.state == .sent)
            async let waited = bench.engine.wait(for: id, from: alice)
            try exchange.answer()
            let result = try await waited
            #expect(result.state == .done && result.error == nil && result.warnings == [])
            #expect(result.cost == Cost(micros: 300, basis: .usage) && result.usage == usage)
            #expect(result == (try await bench.engine.result(of: id, for: alice)))
            let sha256 = try #require(result.images.first?.sha256)
            let artifact = try await bench.engine.openArtifact(sha256, for: alice)
            #expect(artifact.entry == result.images.first)
            await #expect(throws: WireError.self) { try await bench.engine.openArtifact(sha256, for: bob) }
        }
    }

    @Test func whatCameOtherwiseIsSaid() async throws {
        try await EngineFixture().run { bench in
            let id = try await bench.engine.generate(params { $0.aspectRatio = "1:1" }, from: alice)
            let exchange = await bench.fake.next()
            let images = [
                try exchange.image("draft", 64, 64, kind: .draft),
                try exchange.image("final", 512, 256, "image/jpeg", "image/png"),
                try exchange.image("more", 512, 256),
            ]
            exchange.end(.answered(CallAnswer(images: images, modelAnswered: "gemini-y")))
            let result = try await bench.engine.wait(for: id, from: alice)
            #expect(
                result.warnings.map(\.code) == [.sizeDiffers, .ratioDiffers, .typeDiffers, .modelDiffers, .extraImages])
            #expect(result.images.map(\.bytes) == [5] && result.extraImages.map(\.bytes) == [5, 4])
            #expect(result.cost == Cost(micros: 400, basis: .catalogue))
        }
    }

    @Test func aFurtherImageThatIsNoneIsToldAndDoesNotSpoilTheAnswer() async throws {
        try await EngineFixture().run { bench in
            let id = try await bench.engine.generate(params(), from: alice)
            let exchange = await bench.fake.next()
            let images = [
                try exchange.image("draft", 0, 0, "application/octet-stream", kind: .draft),
                try exchange.image("final", 4_000_000_000, 4_000_000_000),
            ]
            exchange.end(.answered(CallAnswer(images: images)))
            let result = try await bench.engine.wait(for: id, from: alice)
            #expect(result.state == .done && result.images.map(\.bytes) == [5] && result.extraImages == [])
            #expect(result.warnings.map(\.code) == [.sizeDiffers, .extraImages])
            #expect(result.warnings.last?.message == "the answer had one image more, of which 1 could not be kept")
        }
    }

    @Test func bytesThatAreNoImageAreUpstreamInvalidAndCharged() async throws {
        try await EngineFixture().run { bench in
            let id = try await bench.engine.generate(params(), from: alice)
            try await bench.fake.next().answer(type: "application/octet-stream")
            let result = try await bench.engine.wait(for: id, from: alice)
            #expect(result.state == .failed && result.error?.kind == .upstreamInvalid && result.error?.charged == .yes)
            #expect(result.failed == [result.error])
            #expect(result.cost == Cost(micros: 300, basis: .usage) && result.usage == usage)
        }
    }

    @Test func anErrorThatUpstreamCountedCostsWhatItCounted() async throws {
        try await EngineFixture().run { bench in
            let id = try await bench.engine.generate(params(), from: alice)
            let error = WireError(.blocked, "no", charged: .yes)
            await bench.fake.next().end(.failed(error, Counted(usage: usage, costMicros: 7)))
            let result = try await bench.engine.wait(for: id, from: alice)
            #expect(result.state == .failed && result.cost == Cost(micros: 7, basis: .usage))
            #expect(result.usage == usage)
            let report = try await bench.engine.usage(ReportUsage.Params(), for: alice, userName: { _ in nil })
            #expect(report.totalUSD == 0.000_007)
        }
    }

    @Test(arguments: [nil, "1K"])
    func anImageThatDoesNotTellItsSizeIsKeptAndSaidSo(asked: String?) async throws {
        try await EngineFixture().run { bench in
            let request = params { params in
                params.exact = true
                params.imageSize = asked
            }
            let id = try await bench.engine.generate(request, from: alice)
            try await bench.fake.next().answer(width: 0, height: 0)
            let result = try await bench.engine.wait(for: id, from: alice)
            #expect(result.warnings.map(\.code) == [.sizeUnknown])
            // Who wants exactly this size cannot be told that it came; it is kept all the same.
            #expect((result.images + result.extraImages).map(\.bytes) == [5])
            #expect(result.error?.kind == (asked == nil ? nil : .mismatch))
        }
    }

    @Test func whoWantsExactlyAModelAndNoSizeTakesAnySize() async throws {
        try await EngineFixture().run { bench in
            let id = try await bench.engine.generate(params { $0.exact = true }, from: alice)
            try await bench.fake.next().answer(width: 2048, height: 2048)
            let result = try await bench.engine.wait(for: id, from: alice)
            #expect(result.state == .done && result.warnings.first?.code == .sizeDiffers, "\(result)")
        }
    }

    @Test func anUnknownOutcomeKeepsItsHold() async throws {
        try await EngineFixture().run { bench in
            let id = try await bench.engine.generate(params(), from: alice)
            await bench.fake.next().end(.outcomeUnknown(WireError(.outcomeUnknown, "it broke off")))
            let result = try await bench.engine.wait(for: id, from: alice)
            #expect(result.state == .unknown && result.error?.charged == .unknown)
            #expect(result.cost == Cost(micros: 500, basis: .hold))
            #expect(bench.fake.callCount == 1)
        }
    }

    @Test func whatIsRefusedBeforeMoneyLeavesNoRow() async throws {
        try await EngineFixture().run { bench in
            await #expect(throws: WireError(.unknownModel, "there is no model none", path: "model")) {
                try await bench.engine.generate(params { $0.model = "none" }, from: alice)
            }
            await #expect(throws: WireError.self) {
                try await bench.engine.generate(params { $0.maxCostUSD = 0.0001 }, from: alice)
            }
            let jobs = try await bench.engine.list(ListJobs.Params(), for: admin).jobs
            #expect(jobs == [])
        }
    }

    @Test func aCancelledCallerDoesNotLoseAnAdmittedJob() async throws {
        try await EngineFixture().run { bench in
            let task = Task {
                unsafe withUnsafeCurrentTask { unsafe $0?.cancel() }
                return try await bench.engine.generate(params(), from: alice)
            }
            let id = try await task.value
            try await bench.fake.next().answer()
            #expect(try await bench.engine.wait(for: id, from: alice).state == .done)
        }
    }

    @Test func theQueueIsBoundedAndStopsBeingSoWhenJobsEnd() async throws {
        try await EngineFixture().run(slots: 1, queue: 1) { bench in
            _ = try await bench.engine.generate(params("one"), from: alice)
            let first = await bench.fake.next()
            let second = try await bench.engine.generate(params("two"), from: alice)
            await #expect(throws: WireError.self) { try await bench.engine.generate(params("three"), from: alice) }
            try first.answer()
            let exchange = await bench.fake.next()
            #expect(exchange.order.params.prompt == "two" && exchange.order.job == second)
            try exchange.answer()
            #expect(try await bench.engine.wait(for: second, from: alice).state == .done)
        }
    }

    @Test func threeHundredJobsAtOnceEachEndOnce() async throws {
        try await EngineFixture().run(slots: 16, queue: 1000) { bench in
            async let answering: Void = {
                for _ in 0..<300 { try await bench.fake.next().answer() }
            }()
            let states = try await withThrowingTaskGroup(of: JobState.self) { group in
                for number in 0..<300 {
                    group.addTask {
                        let id = try await bench.engine.generate(params("\(number)"), from: alice)
                        return try await bench.engine.wait(for: id, from: alice).state
                    }
                }
                return try await group.reduce(into: [JobState]()) { $0.append($1) }
            }
            try await answering
            #expect(states == Array(repeating: .done, count: 300))
            #expect(bench.fake.callCount == 300)
            #expect(try await bench.store.verifyAudit() == AuditVerdict(rows: 900, firstBroken: nil))
            let status = try await bench.engine.status()
            #expect([status.inFlight, status.queued, status.unknown] == [0, 0, 0])
        }
    }

    @Test func listsAreOnesOwnAndPaged() async throws {
        try await EngineFixture().run(isRunning: false) { bench in
            var ids: [JobID] = []
            for number in 0..<5 {
                bench.clock.advance(by: 1)
                ids.append(try await bench.engine.generate(params("\(number)"), from: number == 2 ? bob : alice))
            }
            let first = try await bench.engine.list(ListJobs.Params(limit: 3), for: alice)
            #expect(first.jobs.map(\.job) == [ids[4], ids[3], ids[1]])
            let second = try await bench.engine.list(ListJobs.Params(limit: 3, cursor: first.cursor), for: alice)
            #expect(second.jobs.map(\.job) == [ids[0]] && second.cursor == nil)
            #expect(try await bench.engine.list(ListJobs.Params(), for: admin).jobs.count == 5)
            await #expect(throws: WireError.self) { try await bench.engine.result(of: ids[2], for: alice) }
        }
    }

    @Test func listsAndEventsSayTheSameOfAnOpenJob() async throws {
        try await EngineFixture().run(slots: 1) { bench in
            let first = try await bench.engine.generate(params("one"), from: alice)
            let exchange = await bench.fake.next()
            let second = try await bench.engine.generate(params("two"), from: alice)
            exchange.progress(.receiving(bytes: 1))
            #expect(try await jobs(in: .receiving, bench) == [first])
            #expect(try await jobs(in: .sent, bench) == [])
            #expect(try await jobs(in: .queued, bench) == [second])
            #expect(try await jobs(in: .waiting, bench) == [])
            let busy = WireError(.quotaMinute, "the minute is used up", charged: .no)
            exchange.end(.refused(busy, retryAfter: .seconds(7), scope: .model))
            await bench.clock.sleeper(until: 1_007_000)
            #expect(try await bench.engine.result(of: second, for: alice).state == .waiting)
            #expect(try await jobs(in: .waiting, bench).contains(second))
            #expect(try await jobs(in: .queued, bench) == [])
            // The slot was free only when the gate was shut: the second did not run into the same refusal.
            #expect(bench.fake.callCount == 1)
        }
    }

    @Test func somebodyElsesJobIsNotWaitedForWhileItRuns() async throws {
        try await EngineFixture().run { bench in
            let id = try await bench.engine.generate(params(), from: alice)
            let exchange = await bench.fake.next()
            let theirs = Task.immediate { try await bench.engine.wait(for: id, from: bob) }
            let mine = Task.immediate { try await bench.engine.wait(for: id, from: alice) }
            try exchange.answer()
            #expect(try await mine.value.state == .done)
            let error = await #expect(throws: WireError.self) { try await theirs.value }
            #expect(error?.kind == .notFound)
        }
    }

    private func jobs(in state: JobState, _ bench: Bench) async throws -> [JobID] {
        try await bench.engine.list(ListJobs.Params(state: state), for: alice).jobs.map(\.job)
    }
}
