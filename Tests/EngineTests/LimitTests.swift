// What is not sent because a limit, a budget or an admin says so, and what is remembered of it after a restart.

import Engine
import Foundation
import Quota
import Store
import TestKit
import Testing
import Wire

struct LimitTests {
    private static func limits(_ limits: Quota.Limits, spend: Int64? = nil, budget: Budget = Budget()) -> ProjectLimits
    {
        ProjectLimits(models: ["gemini-x": limits], spendPer10Minutes: spend, budget: budget)
    }

    @Test(.backs(.noLimitIsCrossed)) func ofManyAtOnceAgainstABudgetForFiveExactlyFiveAreSent() async throws {
        // A hold is 500.
        try await EngineFixture().run(slots: 100, limits: Self.limits([:], budget: Budget(perDay: 2_999))) { bench in
            let kinds = await withTaskGroup(of: ErrorKind?.self) { group in
                for number in 0..<40 {
                    group.addTask {
                        do throws(WireError) {
                            _ = try await bench.engine.generate(params("\(number)"), from: alice)
                            return nil
                        } catch {
                            return error.kind
                        }
                    }
                }
                return await group.reduce(into: [ErrorKind?]()) { $0.append($1) }
            }
            #expect(kinds.count { $0 == nil } == 5 && kinds.count { $0 == .overBudget } == 35)
            for _ in 0..<5 { try await bench.fake.next().answer() }
            #expect(bench.fake.callCount == 5)
        }
    }

    @Test func aBudgetSaysWhoseItIsAndWhenItIsNew() async throws {
        try await EngineFixture().run(limits: Self.limits([:], budget: Budget(perMonth: 400))) { bench in
            let error = await #expect(throws: WireError.self) {
                try await bench.engine.generate(params(), from: alice)
            }
            #expect(error?.kind == .overBudget && error?.job == nil)
            #expect(error?.message.contains("project default for the month") == true)
            // It is still December in Los Angeles.
            #expect(error?.resetsAt == Timestamp(milliseconds: 8 * 3_600_000))
        }
    }

    @Test func eachUserOfARuleHasABudgetOfItsOwn() async throws {
        try await EngineFixture().run { bench in
            func terms(_ user: UInt32) -> Terms {
                Terms(budgets: [.init(account: "each of uid 1: \(user)", budget: Budget(perDay: 600))])
            }
            _ = try await bench.engine.generate(params(), from: alice, terms: terms(1000))
            _ = try await bench.engine.generate(params(), from: bob, terms: terms(2000))
            let error = await #expect(throws: WireError.self) {
                try await bench.engine.generate(params(), from: alice, terms: terms(1000))
            }
            #expect(error?.kind == .overBudget && error?.message.hasPrefix("your budget") == true)
            let mine = try await bench.engine.quota(of: nil, terms: terms(1000)).you.spend
            #expect(mine.map(\.kind) == ["per_day"] && mine.map(\.heldUSD) == [0.0005])
            for _ in 0..<2 { try await bench.fake.next().answer() }
        }
    }

    @Test func whatWasSpentAndIsHeldCountsAfterACrash() async throws {
        let fixture = EngineFixture()
        let limits = Self.limits([.requestsPerDay: 3], budget: Budget(perDay: 1_300))
        try await fixture.run(limits: limits) { bench in
            let first = try await bench.engine.generate(params("1"), from: alice)
            try await bench.fake.next().answer()
            _ = try await bench.engine.wait(for: first, from: alice)
            let second = try await bench.engine.generate(params("2"), from: alice)
            await bench.fake.next().end(.outcomeUnknown(WireError(.outcomeUnknown, "it broke off")))
            _ = try await bench.engine.wait(for: second, from: alice)
        }
        try await fixture.run(limits: limits) { bench in
            // 300 are spent and 500 held of 1300: there is room for one.
            let third = try await bench.engine.generate(params("3"), from: alice)
            let exchange = await bench.fake.next()
            let error = await #expect(throws: WireError.self) {
                try await bench.engine.generate(params("4"), from: alice)
            }
            #expect(error?.kind == .quotaDay)
            try exchange.answer()
            _ = try await bench.engine.wait(for: third, from: alice)
            let quota = try await bench.engine.quota(of: "default", terms: Terms())
            #expect(quota.projects.first?.models.first?.windows.map(\.used) == [3])
            #expect(
                quota.projects.first?.spend == [
                    GetQuota.Spend(
                        kind: "per_day", limitUSD: 0.0013, spentUSD: 0.0006, heldUSD: 0.0005,
                        resetsAt: Timestamp(milliseconds: 8 * 3_600_000))
                ])
            let balance = try await bench.store.balance()
            #expect(balance.held == 500 && balance.settled == 600)
            #expect(bench.engine.isBalanced && bench.engine.balance.held == 500)
        }
    }

    @Test func aMinutesLimitIsWaitedForAndToldOf() async throws {
        try await EngineFixture().run(limits: Self.limits([.requestsPerMinute: 2])) { bench in
            var jobs: [JobID] = []
            for number in 0..<3 { jobs.append(try await bench.engine.generate(params("\(number)"), from: alice)) }
            try await bench.fake.next().answer()
            let price = try await bench.engine.price(params(), from: alice)
            #expect(price.startsInSeconds > 30 && price.holdUSD == 0.0005 && price.expectedUSD == 0.0004)
            // Half goes at once; the window is two seconds longer than Google's.
            while bench.fake.callCount < 3 {
                bench.clock.advance(by: 1000)
                await Task.yield()
                if bench.clock.now().milliseconds > 1_200_000 { break }
            }
            #expect(bench.clock.now().milliseconds >= 1_062_000)
            for _ in 0..<2 { try await bench.fake.next().answer() }
        }
    }

    @Test func aUsedUpDayIsRefusedAtOnceAlsoToWhoeverWaits() async throws {
        try await EngineFixture().run(slots: 1, limits: Self.limits([.requestsPerDay: 1])) { bench in
            let first = try await bench.engine.generate(params("1"), from: alice)
            let exchange = await bench.fake.next()
            let late = await #expect(throws: WireError.self) {
                try await bench.engine.generate(params("2"), from: alice)
            }
            #expect(late?.kind == .quotaDay && late?.resetsAt != nil)
            try exchange.answer()
            #expect(try await bench.engine.wait(for: first, from: alice).state == .done)
        }
        // Three calls, of which the day has room for one.
        try await EngineFixture().run(slots: 1, limits: Self.limits([.requestsPerDay: 1])) { bench in
            let job = try await bench.engine.generate(params { $0.count = 3 }, from: alice)
            try await bench.fake.next().answer()
            let result = try await bench.engine.wait(for: job, from: alice)
            #expect(result.state == .done && result.images.count == 1)
            #expect(result.failed.map(\.kind) == [.quotaDay, .quotaDay] && bench.fake.callCount == 1)
        }
    }

    @Test func aJobLargerThanAWholeLimitIsRefusedAtOnce() async throws {
        try await EngineFixture().run(limits: Self.limits([.inputTokensPerMinute: 9])) { bench in
            let error = await #expect(throws: WireError.self) {
                try await bench.engine.generate(params(), from: alice)
            }
            #expect(error?.kind == .noQuota)
        }
    }

    @Test func aRefusalIsBelievedByEverybodyBehind() async throws {
        try await EngineFixture().run(slots: 1) { bench in
            let day = WireError(.quotaDay, "the daily quota is used up", retryable: true, charged: .no)
            let first = try await bench.engine.generate(params("1"), from: alice)
            let second = try await bench.engine.generate(params("2"), from: bob)
            await bench.fake.next().end(
                .refused(
                    day, retryAfter: nil, scope: .model, limit: NamedLimit(id: "GenerateRequestsPerDayX", value: 250))
            )
            for (job, who) in [(first, alice), (second, bob)] {
                let result = try await bench.engine.wait(for: job, from: who)
                #expect(result.state == .failed && result.error?.kind == .quotaDay && result.error?.charged == .no)
                #expect(result.error?.resetsAt != nil)
            }
            let third = await #expect(throws: WireError.self) {
                try await bench.engine.generate(params("3"), from: alice)
            }
            #expect(third?.kind == .quotaDay && bench.fake.callCount == 1)
            let windows = try await bench.engine.quota(of: nil, terms: Terms()).projects.first?.models.first?.windows
            #expect(windows?.map(\.limit) == [250] && windows?.map(\.source) == [.learnt])
        }
    }

    @Test func whatUpstreamSaidOfALimitHoldsInTheNextRun() async throws {
        let fixture = EngineFixture()
        try await fixture.run { bench in
            let day = WireError(.quotaDay, "the daily quota is used up", retryable: true, charged: .no)
            let first = try await bench.engine.generate(params(), from: alice)
            await bench.fake.next().end(
                .refused(
                    day, retryAfter: nil, scope: .model, limit: NamedLimit(id: "GenerateRequestsPerDayX", value: 250)))
            _ = try await bench.engine.wait(for: first, from: alice)
        }
        try await fixture.run { bench in
            let error = await #expect(throws: WireError.self) {
                try await bench.engine.generate(params(), from: alice)
            }
            #expect(error?.kind == .quotaDay && error?.message == "the daily quota is used up")
            #expect(error?.resetsAt != nil && error?.job == nil && bench.fake.callCount == 0)
            let windows = try await bench.engine.quota(of: nil, terms: Terms()).projects.first?.models.first?.windows
            #expect(windows?.map(\.limit) == [250] && windows?.map(\.source) == [.learnt])
        }
    }

    @Test func aStoppedProjectIsStoppedInTheNextRunUntilAnAdminResumesIt() async throws {
        let fixture = EngineFixture()
        try await fixture.run { bench in
            let first = try await bench.engine.generate(params(), from: alice)
            await bench.fake.next().end(
                .refused(WireError(.noQuota, "there is none", charged: .no), retryAfter: nil, scope: .model))
            _ = try await bench.engine.wait(for: first, from: alice)
        }
        try await fixture.run { bench in
            let error = await #expect(throws: WireError.self) {
                try await bench.engine.generate(params(), from: alice)
            }
            #expect(error?.kind == .noQuota && bench.fake.callCount == 0)
            _ = try await bench.engine.setPaused(false, project: "default", by: admin)
        }
        try await fixture.run { bench in
            let id = try await bench.engine.generate(params(), from: alice)
            try await bench.fake.next().answer()
            #expect(try await bench.engine.wait(for: id, from: alice).state == .done)
        }
    }

    @Test func aDepletedCreditStopsTheProjectUntilAnAdminResumesIt() async throws {
        try await EngineFixture().run { bench in
            let first = try await bench.engine.generate(params(), from: alice)
            await bench.fake.next().end(
                .refused(WireError(.spendCap, "the credit is used up", charged: .no), retryAfter: nil, scope: .project))
            let error = try await bench.engine.wait(for: first, from: alice).error
            #expect(error?.kind == .spendCap && error?.hint?.contains("darkroom admin resume default") == true)
            let next = await #expect(throws: WireError.self) {
                try await bench.engine.generate(params(), from: alice)
            }
            #expect(next?.kind == .spendCap && bench.fake.callCount == 1)
            _ = try await bench.engine.setPaused(false, project: "default", by: admin)
            let again = try await bench.engine.generate(params(), from: alice)
            try await bench.fake.next().answer()
            #expect(try await bench.engine.wait(for: again, from: alice).state == .done)
        }
    }

    @Test func aPausedProjectTakesJobsInAndIsPausedAfterARestart() async throws {
        let fixture = EngineFixture()
        let id = try await fixture.run { bench in
            _ = try await bench.engine.setPaused(true, project: "default", by: admin)
            let id = try await bench.engine.generate(params { $0.deadlineSeconds = 5000 }, from: alice)
            #expect(try await bench.engine.result(of: id, for: alice).state == .waiting)
            return id
        }
        try await fixture.run { bench in
            _ = try await bench.engine.quota(of: nil, terms: Terms())
            #expect(try await bench.engine.status().projects["default"]?.isPaused == true)
            #expect(bench.fake.callCount == 0)
            _ = try await bench.engine.setPaused(false, project: "default", by: admin)
            try await bench.fake.next().answer()
            #expect(try await bench.engine.wait(for: id, from: alice).state == .done)
            #expect(
                try await bench.store.auditRows(after: 0, limit: 20).map(\.event).filter { $0.hasSuffix("d") }.contains(
                    "resumed"))
        }
    }

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

    @Test func aUserHasNoMoreUnderWayAndWaitingThanItsRuleSays() async throws {
        try await EngineFixture().run { bench in
            let terms = Terms(concurrency: 1, queue: 1)
            _ = try await bench.engine.generate(params("1"), from: alice, terms: terms)
            let first = await bench.fake.next()
            let second = try await bench.engine.generate(params("2"), from: alice, terms: terms)
            let full = await #expect(throws: WireError.self) {
                try await bench.engine.generate(params("3"), from: alice, terms: terms)
            }
            #expect(full?.kind == .queueFull)
            #expect(first.order.params.prompt == "1" && bench.fake.callCount == 1)
            try first.answer()
            try await bench.fake.next().answer()
            #expect(try await bench.engine.wait(for: second, from: alice).state == .done)
        }
    }

    @Test func anIdempotentRequestIsAnsweredAlsoWhenTheMoneyIsGone() async throws {
        try await EngineFixture().run(limits: Self.limits([:], budget: Budget(perDay: 500))) { bench in
            let keyed = params { $0.idempotencyKey = "k" }
            let first = try await bench.engine.generate(keyed, from: alice)
            #expect(try await bench.engine.generate(keyed, from: alice) == first)
            try await bench.fake.next().answer()
        }
    }

    @Test func usageIsAddedUpByWhatIsAskedFor() async throws {
        try await EngineFixture().run { bench in
            for who in [alice, alice, bob] {
                let id = try await bench.engine.generate(params(), from: who)
                try await bench.fake.next().answer()
                _ = try await bench.engine.wait(for: id, from: who)
            }
            func report(_ by: ReportUsage.Grouping?, _ who: Principal) async throws -> ReportUsage.Result {
                try await bench.engine.usage(ReportUsage.Params(by: by), for: who) { $0 == 1000 ? "alice" : nil }
            }
            #expect(
                try await report(.user, admin)
                    == ReportUsage.Result(
                        rows: [
                            ReportUsage.Row(user: "alice", jobs: 2, images: 2, usd: 0.0006),
                            ReportUsage.Row(user: "2000", jobs: 1, images: 1, usd: 0.0003),
                        ], totalUSD: 0.0009))
            #expect(
                try await report(.day, bob)
                    == ReportUsage.Result(
                        rows: [ReportUsage.Row(day: "1969-12-31", jobs: 1, images: 1, usd: 0.0003)], totalUSD: 0.0003))
            #expect(try await report(.model, alice).rows.map(\.model) == ["gemini-x"])
            #expect(try await report(nil, alice).totalUSD == 0.0006)
        }
    }
}
