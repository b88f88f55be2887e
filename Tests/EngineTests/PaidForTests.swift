// What is paid for is kept when its answer breaks off, when the disk fails at the end of a run, and when the run ends.

import Engine
import Glibc
import Quota
import Store
import Synchronization
import Testing
import Wire

/// A disk that does not flush while it is told so.
private final class StubbornDisk: Sendable {
    private let isBroken = Mutex(false)

    var fsync: Fsync {
        Fsync { descriptor in
            if self.isBroken.withLock({ $0 }) { return EIO }
            return Glibc.fsync(descriptor) == 0 ? 0 : errno
        }
    }

    func fail(_ isBroken: Bool) { self.isBroken.withLock { $0 = isBroken } }
}

struct PaidForTests {
    private func write(_ bytes: [UInt8], to exchange: FakeGenerator.Exchange) throws {
        let sink = try exchange.sink()
        try unsafe bytes.withUnsafeBytes { try unsafe sink.write($0) }
    }

    @Test func whatHadComeWholeOfAnAnswerThatBrokeOffIsKept() async throws {
        try await EngineFixture().run { bench in
            let id = try await bench.engine.generate(params(), from: alice)
            let exchange = await bench.fake.next()
            try write(png(16, 9), to: exchange)
            try write(Array(png(32, 18).dropLast(20)), to: exchange)
            exchange.end(.outcomeUnknown(WireError(.outcomeUnknown, "the answer broke off")))
            let result = try await bench.engine.wait(for: id, from: alice)
            #expect(result.state == .unknown && result.error?.charged == .unknown && result.images == [])
            #expect(result.extraImages.map(\.width) == [16])
            let sha256 = try #require(result.extraImages.first?.sha256)
            #expect(try await bench.engine.openArtifact(sha256, for: alice).entry.mimeType == "image/png")
            // Its hold stands, as that of any unknown outcome.
            #expect(try await bench.engine.status().unknown == 1 && bench.engine.balance.held == 500)
        }
    }

    @Test func whatCouldNotBeKeptBeforeTheRunEndedIsKeptByTheNext() async throws {
        let fixture = EngineFixture()
        let disk = StubbornDisk()
        let id = try await fixture.run(fsync: disk.fsync) { bench in
            let id = try await bench.engine.generate(params(), from: alice)
            let exchange = await bench.fake.next()
            disk.fail(true)
            try exchange.answer()
            // It is tried again in a second, which does not come.
            await bench.clock.sleeper(until: 1_001_000)
            return id
        }
        disk.fail(false)
        try await fixture.run { bench in
            let result = try await bench.engine.wait(for: id, from: alice)
            #expect(result.state == .done && result.images.map(\.bytes) == [5] && result.error == nil)
            #expect(result.cost == Cost(micros: 300, basis: .usage))
        }
    }

    @Test func whatWasAbortedBeforeItLeftGoesOnWithTheNextRun() async throws {
        let fixture = EngineFixture()
        let id = try await fixture.run(drain: .seconds(60)) { bench in
            let id = try await bench.engine.generate(params(), from: alice)
            let aborted = WireError(.cancelled, "cancelled before it was sent", charged: .no)
            await bench.fake.next().end(.refused(aborted, retryAfter: nil, scope: .call))
            return id
        }
        try await fixture.run { bench in
            try await bench.fake.next().answer()
            #expect(try await bench.engine.wait(for: id, from: alice).state == .done)
        }
    }

    @Test func aCancellingThatAbortsEndsWhatIsSentAsUnknown() async throws {
        try await EngineFixture().run { bench in
            let id = try await bench.engine.generate(params(), from: alice)
            _ = await bench.fake.next()
            let waiter = Task.immediate { try await bench.engine.wait(for: id, from: alice) }
            var terms = Terms()
            terms.abortsOnCancel = true
            #expect(
                try await bench.engine.cancel(id, by: alice, terms: terms)
                    == CancelJob.Result(job: id, state: .sent, charged: .unknown))
            #expect(try await waiter.value.error?.kind == .cancelled)
            let result = try await bench.engine.wait(for: id, from: alice)
            #expect(result.state == .unknown && result.error?.charged == .unknown)
            #expect(bench.engine.balance.held == 500)
        }
    }

    @Test func aCancellingThatAbortsWhatHasNotLeftCostsNothing() async throws {
        try await EngineFixture().run { bench in
            let id = try await bench.engine.generate(params(), from: alice)
            let exchange = await bench.fake.next()
            var terms = Terms()
            terms.abortsOnCancel = true
            let aborted = WireError(.cancelled, "cancelled before it was sent", charged: .no)
            exchange.end(.refused(aborted, retryAfter: nil, scope: .call))
            _ = try await bench.engine.cancel(id, by: alice, terms: terms)
            let result = try await bench.engine.wait(for: id, from: alice)
            #expect(result.state == .cancelled && result.error?.charged == .no && bench.fake.callCount == 1)
        }
    }
}
