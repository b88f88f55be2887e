// After the end: exact requests, retry, reuse, and what becomes of an unknown outcome's hold.

import Engine
import Quota
import Foundation
import Store
import Testing
import Wire

struct SettlementTests {
    @Test func anExactRequestThatGotSomethingElseFailsWithItsImageKept() async throws {
        try await EngineFixture().run { bench in
            let id = try await bench.engine.generate(
                params {
                    $0.exact = true
                    $0.aspectRatio = "1:1"
                }, from: alice)
            try await bench.fake.next().answer(width: 1376, height: 768)
            let result = try await bench.engine.wait(for: id, from: alice)
            #expect(result.state == .failed && result.error?.kind == .mismatch && result.error?.charged == .yes)
            #expect(result.warnings.map(\.code) == [.ratioDiffers] && result.images == [])
            #expect(result.cost == Cost(micros: 300, basis: .usage) && result.usage == usage)
            let sha256 = try #require(result.extraImages.first?.sha256)
            #expect(try await bench.engine.openArtifact(sha256, for: alice).entry.bytes == 5)
        }
    }

    @Test func anExactRequestDoesNotMindWhatUpstreamClaimed() async throws {
        try await EngineFixture().run { bench in
            let id = try await bench.engine.generate(params { $0.exact = true }, from: alice)
            try await bench.fake.next().answer(type: "image/jpeg")
            let result = try await bench.engine.wait(for: id, from: alice)
            #expect(result.state == .done && result.warnings.map(\.code) == [.typeDiffers])
        }
    }

    @Test func aRetryIsANewJobOfTheSameRequest() async throws {
        try await EngineFixture().run { bench in
            let id = try await bench.engine.generate(
                params("a dog") {
                    $0.label = "cover"
                    $0.idempotencyKey = "k"
                }, from: alice)
            let exchange = await bench.fake.next()
            let early = await #expect(throws: WireError.self) {
                try await bench.engine.retry(id, from: alice)
            }
            #expect(early?.kind == .conflict)
            exchange.end(.failed(WireError(.blocked, "no", charged: .no)))
            _ = try await bench.engine.wait(for: id, from: alice)
            let foreign = await #expect(throws: WireError.self) {
                try await bench.engine.retry(id, from: bob)
            }
            #expect(foreign?.kind == .notFound)
            let again = try await bench.engine.retry(id, from: alice)
            let second = await bench.fake.next()
            #expect(again != id && second.order.params.prompt == "a dog")
            try second.answer()
            let result = try await bench.engine.wait(for: again, from: alice)
            #expect(result.state == .done && result.label == "cover")
        }
    }

    @Test func anIdenticalRequestUsesTheResultAgainAtNoCost() async throws {
        try await EngineFixture().run { bench in
            let first = try await bench.engine.generate(params { $0.model = "flash" }, from: alice)
            try await bench.fake.next().answer()
            let made = try await bench.engine.wait(for: first, from: alice)
            // Another name of the same model, and a default spelt out.
            let reusing = params {
                $0.count = 1
                $0.project = "default"
                $0.reuse = .only
                $0.maxCostUSD = 0
            }
            let second = try await bench.engine.generate(reusing, from: alice)
            let result = try await bench.engine.wait(for: second, from: alice)
            #expect(second != first && result.state == .done && result.reused && result.images == made.images)
            #expect(result.cost == Cost(micros: 0, basis: .reused, savedMicros: 300) && result.usage == nil)
            #expect(bench.fake.callCount == 1)
            for (asked, principal) in [(reusing, bob), (params("a dog") { $0.reuse = .only }, alice)] {
                let error = await #expect(throws: WireError.self) {
                    try await bench.engine.generate(asked, from: principal)
                }
                #expect(error?.kind == .notFound && error?.path == "reuse")
            }
        }
    }

    @Test func aResultWhoseFileIsGoneIsMadeAnew() async throws {
        let fixture = EngineFixture()
        try await fixture.run { bench in
            let first = try await bench.engine.generate(params(), from: alice)
            try await bench.fake.next().answer()
            let sha256 = try #require(try await bench.engine.wait(for: first, from: alice).images.first?.sha256)
            try FileManager.default.removeItem(atPath: "\(fixture.path)/artifacts/\(sha256.prefix(2))/\(sha256)")
            let second = try await bench.engine.generate(params { $0.reuse = .prefer }, from: alice)
            try await bench.fake.next().answer()
            #expect(try await bench.engine.wait(for: second, from: alice).reused == false)
        }
    }

    @Test(arguments: [
        (true, Cost(micros: 500, basis: .hold), Charged.yes), (false, Cost(micros: 0, basis: .hold), .no),
    ])
    func anAdminSettlesAnUnknownOutcome(charged: Bool, cost: Cost, told: Charged) async throws {
        try await EngineFixture().run { bench in
            let id = try await bench.engine.generate(params(), from: alice)
            await bench.fake.next().end(.outcomeUnknown(WireError(.outcomeUnknown, "it broke off")))
            _ = try await bench.engine.wait(for: id, from: alice)
            #expect(try await bench.engine.status().unknown == 1)
            let result = try await bench.engine.resolve(id, charged: charged, by: admin)
            #expect(result.state == .unknown && result.cost == cost && result.error?.charged == told)
            #expect(try await bench.engine.status().unknown == 0)
            let twice = await #expect(throws: WireError.self) {
                try await bench.engine.resolve(id, charged: charged, by: admin)
            }
            #expect(twice?.kind == .conflict)
        }
    }

    @Test func timeSettlesAnUnknownOutcomeAsCharged() async throws {
        let fixture = EngineFixture()
        let id = try await fixture.run { bench in
            let id = try await bench.engine.generate(params(), from: alice)
            await bench.fake.next().end(.outcomeUnknown(WireError(.outcomeUnknown, "it broke off")))
            _ = try await bench.engine.wait(for: id, from: alice)
            return id
        }
        fixture.clock.advance(by: 86_400_000)
        try await fixture.run { bench in
            await bench.clock.sleeper(until: 1_000_000 + 86_400_000 + 3_600_000)
            let result = try await bench.engine.result(of: id, for: alice)
            #expect(result.error?.charged == .yes)
            #expect(try await bench.engine.status().unknown == 0)
            // Settled while the run before was being counted, it would be held in memory for ever.
            #expect(try await bench.store.balance().held == 0 && bench.engine.balance.held == 0)
            #expect(bench.engine.isBalanced)
        }
    }

    @Test func theTimeAfterWhichAnUnknownOutcomeCountsAsChargedMayBeConfiguredAnew() async throws {
        try await EngineFixture().run { bench in
            let id = try await bench.engine.generate(params(), from: alice)
            await bench.fake.next().end(.outcomeUnknown(WireError(.outcomeUnknown, "it broke off")))
            _ = try await bench.engine.wait(for: id, from: alice)
            bench.engine.adopt(EngineSettings(unknownHold: .seconds(60), jitter: { 0 }))
            await bench.clock.sleeper(until: 1_000_000 + 3_600_000)
            bench.clock.advance(by: 3_600_000)
            await bench.clock.sleeper(until: 1_000_000 + 3_600_000 + 60_000)
            #expect(try await bench.engine.status().unknown == 0 && bench.engine.balance.held == 0)
        }
    }

    @Test func aCancelledJobThatUpstreamRefusesEndsInOneStep() async throws {
        try await EngineFixture().run { bench in
            let id = try await bench.engine.generate(params(), from: alice)
            let exchange = await bench.fake.next()
            _ = try await bench.engine.cancel(id, by: alice)
            let busy = WireError(.quotaMinute, "the minute is used up", charged: .no)
            exchange.end(.refused(busy, retryAfter: .seconds(7), scope: .model))
            let result = try await bench.engine.wait(for: id, from: alice)
            #expect(result.state == .cancelled && result.error?.charged == .no && result.cost == nil)
            #expect(
                try await bench.store.auditRows(after: 0, limit: 9).map(\.event).suffix(3) == [
                    "sent", "cancel_asked", "cancelled",
                ])
        }
    }
}
