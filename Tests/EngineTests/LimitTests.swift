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

    @Test(.backs(.noLimitIsCrossed)) func ofTwoHundredAtOnceAgainstABudgetForFiftyExactlyFiftyAreSent() async throws {
        // A hold is 500.
        try await EngineFixture().run(slots: 100, limits: Self.limits([:], budget: Budget(perDay: 25_499))) { bench in
            let kinds = await withTaskGroup(of: ErrorKind?.self) { group in
                for number in 0..<200 {
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
            #expect(kinds.count { $0 == nil } == 50 && kinds.count { $0 == .overBudget } == 150)
            for _ in 0..<50 { try await bench.fake.next().answer() }
            #expect(bench.fake.callCount == 50)
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
                        resetsAt: Timestamp(milliseconds: 8 * 3_600_000), endsAt: Timestamp(milliseconds: 11_654_545))
                ])
            let balance = try await bench.store.balance()
            #expect(balance.held == 500 && balance.settled == 600)
            #expect(bench.engine.isBalanced && bench.engine.balance.held == 500)
        }
    }

    @Test func aHoldIsComparedWithTheCallersMostInWholeMicroDollars() async throws {
        try await EngineFixture().run { bench in
            // As binary fractions 249 micro-dollars times a million are a little less than 249.
            _ = try await bench.engine.generate(
                params {
                    $0.seed = 249; $0.maxCostUSD = 0.000249
                }, from: alice)
            try await bench.fake.next().answer()
            let error = await #expect(throws: WireError.self) {
                try await bench.engine.generate(
                    params {
                        $0.seed = 250; $0.maxCostUSD = 0.000249
                    }, from: alice)
            }
            #expect(error?.kind == .overBudget)
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
                    day, retryAfter: nil, scope: .model,
                    limits: [
                        NamedLimit(quotaId: "GenerateRequestsPerDayX", value: 250),
                        NamedLimit(quotaId: "GenerateRequestsPerDayY", value: 300),
                        NamedLimit(quotaId: "GenerateRequestsPerMinuteX", value: 10),
                    ]))
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
            #expect(windows?.map(\.limit) == [10, 250] && windows?.map(\.source) == [.learnt, .learnt])
        }
    }

    @Test func whatUpstreamSaidOfALimitHoldsInTheNextRun() async throws {
        let fixture = EngineFixture()
        try await fixture.run { bench in
            let day = WireError(.quotaDay, "the daily quota is used up", retryable: true, charged: .no)
            let first = try await bench.engine.generate(params(), from: alice)
            await bench.fake.next().end(
                .refused(
                    day, retryAfter: nil, scope: .model,
                    limits: [
                        NamedLimit(quotaId: "GenerateRequestsPerDayX", value: 250),
                        NamedLimit(quotaId: "GenerateRequestsPerMinuteX", value: 10),
                    ]))
            _ = try await bench.engine.wait(for: first, from: alice)
        }
        try await fixture.run { bench in
            let error = await #expect(throws: WireError.self) {
                try await bench.engine.generate(params(), from: alice)
            }
            #expect(error?.kind == .quotaDay && error?.message == "the daily quota is used up")
            #expect(error?.resetsAt != nil && error?.job == nil && bench.fake.callCount == 0)
            let windows = try await bench.engine.quota(of: nil, terms: Terms()).projects.first?.models.first?.windows
            #expect(windows?.map(\.limit) == [10, 250] && windows?.map(\.source) == [.learnt, .learnt])
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
