// Projects that somebody has stopped, an admin or upstream: what waits, what is refused, and who lets it go on.

import Engine
import Quota
import Store
import Testing
import Wire

struct StoppedProjectTests {
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

    @Test func whatAPauseHoldsBackUntilItsDeadlineSaysSo() async throws {
        try await EngineFixture().run { bench in
            _ = try await bench.engine.setPaused(true, project: "default", by: admin)
            #expect(try await bench.engine.price(params(), from: alice).startsInSeconds == nil)
            let id = try await bench.engine.generate(
                params {
                    $0.deadlineSeconds = 20
                    $0.wait = false
                }, from: alice)
            var events = await bench.engine.events(of: id, for: alice).makeAsyncIterator()
            #expect(await events.next() == JobEvent(job: id, state: .waiting, position: 1, reason: .paused))
            await bench.clock.sleeper(until: 1_009_000)
            bench.clock.advance(by: 20_000)
            let error = try await bench.engine.wait(for: id, from: alice).error
            #expect(error?.kind == .paused && error?.charged == .no && error?.isRetryable == true)
            #expect(error?.hint?.contains("darkroom admin resume default") == true && bench.fake.callCount == 0)
        }
    }

    @Test func thePriceOfWhatUpstreamHasStoppedIsWhatItSaid() async throws {
        try await EngineFixture().run { bench in
            let first = try await bench.engine.generate(params(), from: alice)
            await bench.fake.next().end(
                .refused(WireError(.noQuota, "there is none", charged: .no), retryAfter: nil, scope: .model))
            _ = try await bench.engine.wait(for: first, from: alice)
            let error = await #expect(throws: WireError.self) { try await bench.engine.price(params(), from: alice) }
            #expect(error?.kind == .noQuota && error?.charged == nil && bench.fake.callCount == 1)
        }
    }

    @Test func aMonthlyCapSaysWhenItEndsAndIsTriedOnceAnAdminResumesTheProject() async throws {
        let fixture = EngineFixture()
        let cap = WireError(.spendCap, "the cap is reached", hint: "raise it", charged: .no)
        try await fixture.run { bench in
            let first = try await bench.engine.generate(params(), from: alice)
            await bench.fake.next().end(.refused(cap, retryAfter: nil, scope: .projectThisMonth))
            let error = try await bench.engine.wait(for: first, from: alice).error
            #expect(error?.hint == "raise it; then: darkroom admin resume default")
            // It is still December in Los Angeles.
            #expect(error?.resetsAt == Timestamp(milliseconds: 8 * 3_600_000 + 2000))
            let second = await #expect(throws: WireError.self) {
                try await bench.engine.generate(params(), from: alice)
            }
            #expect(second?.hint == error?.hint)
            _ = try await bench.engine.setPaused(false, project: "default", by: admin)
            let probe = try await bench.engine.generate(params(), from: alice)
            let exchange = await bench.fake.next()
            let behind = try await bench.engine.generate(params(), from: alice)
            #expect(try await bench.engine.result(of: behind, for: alice).state == .waiting)
            try exchange.answer()
            #expect(try await bench.engine.wait(for: probe, from: alice).state == .done)
            try await bench.fake.next().answer()
            #expect(try await bench.engine.wait(for: behind, from: alice).state == .done)
        }
        try await fixture.run { bench in
            let id = try await bench.engine.generate(params(), from: alice)
            try await bench.fake.next().answer()
            #expect(try await bench.engine.wait(for: id, from: alice).state == .done)
        }
    }

    @Test func afterFiveUnavailableTheModelIsLeftAloneAndThenTriedByOne() async throws {
        try await EngineFixture().run { bench in
            var ids: [JobID] = []
            for number in 0..<5 { ids.append(try await bench.engine.generate(params("\(number)"), from: alice)) }
            let none = WireError(.upstreamUnavailable, "there is no capacity", retryable: true, charged: .no)
            for _ in 0..<5 { await bench.fake.next().end(.refused(none, retryAfter: nil, scope: .model)) }
            for id in ids {
                while try await bench.engine.result(of: id, for: alice).state != .waiting { await Task.yield() }
            }
            ids.append(try await bench.engine.generate(params("behind"), from: bob))
            let behind = try await bench.engine.result(of: ids[5], for: bob)
            #expect(behind.state == .waiting && behind.reason == .upstreamUnavailable)
            #expect(behind.until == Timestamp(milliseconds: 1_030_000))
            bench.clock.advance(by: 30_000)
            let probe = await bench.fake.next()
            #expect(bench.fake.callCount == 6)
            try probe.answer()
            for _ in 0..<5 { try await bench.fake.next().answer() }
            for id in ids { #expect(try await bench.engine.wait(for: id, from: admin).state == .done) }
        }
    }
}
