// Calls that another project may serve than the one that they are for.

import Engine
import Quota
import Store
import Testing
import Wire

struct OverflowTests {
    private let terms = Terms(projects: ["default", "spare"])
    private static let day = CallOutcome.refused(
        WireError(.quotaDay, "the daily quota is used up", retryable: true, charged: .no), retryAfter: nil,
        scope: .model)

    @Test func anotherProjectServesWhatTheFirstHasNoRoomForAndTheResultSaysWhich() async throws {
        try await EngineFixture().run(slots: 1, others: ["spare"]) { bench in
            let terms = Terms(projects: ["default", "spare"])
            let first = try await bench.engine.generate(params("1"), from: alice, terms: terms)
            let second = try await bench.engine.generate(params("2"), from: alice, terms: terms)
            for _ in 0..<2 { try await bench.fake.next().answer() }
            #expect(try await bench.engine.wait(for: first, from: alice).project == "default")
            #expect(try await bench.engine.wait(for: second, from: alice).project == "spare")
            let rows = try await bench.engine.usage(
                ReportUsage.Params(by: .project), for: alice, userName: { _ in nil }
            ).rows
            #expect(Set(rows.map(\.project)) == ["default", "spare"] && rows.allSatisfy { $0.images == 1 })
        }
    }

    @Test func whatItsOwnProjectRefusesForGoodAnotherServes() async throws {
        try await EngineFixture().run(others: ["spare"]) { bench in
            let id = try await bench.engine.generate(params(), from: alice, terms: terms)
            await bench.fake.next().end(Self.day)
            let exchange = await bench.fake.next()
            #expect(exchange.order.plan.project == "spare")
            try exchange.answer()
            let result = try await bench.engine.wait(for: id, from: alice)
            #expect(result.state == .done && result.project == "spare" && bench.fake.callCount == 2)
            #expect(bench.engine.isBalanced)
        }
    }

    @Test func whenAllHaveRefusedTheHintNamesTheOneThatDidLast() async throws {
        try await EngineFixture().run(others: ["spare"]) { bench in
            let id = try await bench.engine.generate(params(), from: alice, terms: terms)
            let behind = try await bench.engine.generate(
                params {
                    $0.priority = .bulk; $0.deadlineSeconds = 86_400
                }, from: alice, terms: Terms(concurrency: 1))
            await bench.fake.next().end(Self.day)
            let credit = WireError(.spendCap, "the credit is used up", charged: .no)
            await bench.fake.next().end(.refused(credit, retryAfter: nil, scope: .project))
            let error = try await bench.engine.wait(for: id, from: alice).error
            #expect(error?.kind == .spendCap && error?.hint == "then: darkroom admin resume spare")
            // The other waits for its own project's day.
            let standing = try await bench.engine.result(of: behind, for: alice)
            #expect(standing.state == .waiting && standing.reason == .quotaDay)
        }
    }

    @Test func whoWaitsForBothIsEndedWhenTheLastOfThemIsShutForGood() async throws {
        try await EngineFixture().run(slots: 1, others: ["spare"]) { bench in
            _ = try await bench.engine.setPaused(true, project: "spare", by: admin)
            let terms = Terms(projects: terms.projects, concurrency: 1)
            let first = try await bench.engine.generate(params("1"), from: alice, terms: terms)
            let second = try await bench.engine.generate(params("2"), from: alice, terms: terms)
            await bench.fake.next().end(Self.day)
            // Both may still be served when the other project is resumed.
            for id in [first, second] {
                while try await bench.engine.result(of: id, for: alice).state != .waiting { await Task.yield() }
            }
            _ = try await bench.engine.setPaused(false, project: "spare", by: admin)
            await bench.fake.next().end(Self.day)
            for id in [first, second] {
                #expect(try await bench.engine.wait(for: id, from: alice).error?.kind == .quotaDay)
            }
            #expect(bench.fake.callCount == 2)
        }
    }

    @Test func whoNamesAProjectIsServedByNoOther() async throws {
        try await EngineFixture().run(slots: 1, others: ["spare"]) { bench in
            let first = try await bench.engine.generate(params("1"), from: alice, terms: terms)
            let named = try await bench.engine.generate(
                params("2") { $0.project = "default" }, from: alice, terms: terms)
            #expect(try await bench.engine.result(of: named, for: alice).state == .queued)
            try await bench.fake.next().answer()
            #expect(try await bench.engine.wait(for: first, from: alice).state == .done)
            try await bench.fake.next().answer()
            #expect(try await bench.engine.wait(for: named, from: alice).project == "default")
        }
    }

    @Test func whoMayGoElsewhereIsToldWhenThatIs() async throws {
        try await EngineFixture().run(slots: 1, others: ["spare"]) { bench in
            _ = try await bench.engine.setPaused(true, project: "default", by: admin)
            #expect(try await bench.engine.price(params(), from: alice, terms: terms).startsInSeconds == 0)
            #expect(try await bench.engine.price(params(), from: alice).startsInSeconds == nil)
            let id = try await bench.engine.generate(params(), from: alice, terms: terms)
            try await bench.fake.next().answer()
            #expect(try await bench.engine.wait(for: id, from: alice).project == "spare")
        }
    }

    @Test func aLentCallThatWasRefusedIsItsOwnProjectsAgainInTheNextRun() async throws {
        let fixture = EngineFixture()
        let id = try await fixture.run(others: ["spare"]) { bench in
            _ = try await bench.engine.setPaused(true, project: "default", by: admin)
            let id = try await bench.engine.generate(
                params { $0.deadlineSeconds = 5000 }, from: alice, terms: terms)
            let minute = WireError(.quotaMinute, "the minute is used up", retryable: true, charged: .no)
            await bench.fake.next().end(.refused(minute, retryAfter: .seconds(300), scope: .model))
            while try await bench.engine.result(of: id, for: alice).state != .waiting { await Task.yield() }
            return id
        }
        try await fixture.run(others: ["spare"]) { bench in
            _ = try await bench.engine.setPaused(false, project: "default", by: admin)
            let exchange = await bench.fake.next()
            #expect(exchange.order.plan.project == "default")
            try exchange.answer()
            #expect(try await bench.engine.wait(for: id, from: alice).project == "default")
            #expect(bench.engine.isBalanced)
        }
    }
}
