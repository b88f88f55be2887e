// Events: the first at once, never more than four a second, one in ten seconds of silence.

import Engine
import Testing
import Wire

struct EventTests {
    @Test func theFirstEventSaysWhereTheJobStands() async throws {
        try await EngineFixture().run(slots: 1) { bench in
            let first = try await bench.engine.generate(params("one"), from: alice)
            _ = await bench.fake.next()
            let second = try await bench.engine.generate(params("two"), from: alice)
            var sent = bench.engine.events(of: first).makeAsyncIterator()
            #expect(await sent.next() == JobEvent(job: first, state: .sent, attempt: 1, usuallySeconds: [8, 20]))
            var queued = bench.engine.events(of: second).makeAsyncIterator()
            #expect(await queued.next() == JobEvent(job: second, state: .queued, position: 1, startsInSeconds: 14))
        }
    }

    @Test func silenceIsBrokenEveryTenSecondsAndHasteIsHeldBack() async throws {
        try await EngineFixture().run { bench in
            let id = try await bench.engine.generate(params(), from: alice)
            let exchange = await bench.fake.next()
            var events = bench.engine.events(of: id).makeAsyncIterator()
            let sent = JobEvent(job: id, state: .sent, attempt: 1, usuallySeconds: [8, 20])
            #expect(await events.next() == sent)
            await bench.clock.sleeper(until: 1_010_000)
            bench.clock.advance(by: 10_000)
            #expect(await events.next() == sent)
            for bytes in 1...100 { exchange.progress(.receiving(bytes: bytes)) }
            await bench.clock.sleeper(until: 1_010_250)
            bench.clock.advance(by: 250)
            #expect(await events.next() == JobEvent(job: id, state: .receiving, bytes: 100))
            try exchange.answer()
            #expect(await events.next() == nil)
            #expect(try await bench.engine.wait(for: id, from: alice).state == .done)
        }
    }

    @Test func aJobThatHasEndedHasNoEvents() async throws {
        try await EngineFixture().run { bench in
            let id = try await bench.engine.generate(params(), from: alice)
            try await bench.fake.next().answer()
            #expect(try await bench.engine.wait(for: id, from: alice).state == .done)
            var events = bench.engine.events(of: id).makeAsyncIterator()
            #expect(await events.next() == nil)
        }
    }
}
