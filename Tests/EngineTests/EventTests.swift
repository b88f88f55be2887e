// Events: the first at once, never more than four a second, one at least in ten seconds.

import Testing
import Wire

@testable import Engine

struct EventTests {
    @Test func theFirstEventSaysWhereTheJobStands() async throws {
        try await EngineFixture().run(slots: 1) { bench in
            let first = try await bench.engine.generate(params("one"), from: alice)
            _ = await bench.fake.next()
            let second = try await bench.engine.generate(params("two"), from: alice)
            var sent = await bench.engine.events(of: first, for: alice).makeAsyncIterator()
            #expect(await sent.next() == JobEvent(job: first, state: .sent, attempt: 1, usuallySeconds: [8, 20]))
            var queued = await bench.engine.events(of: second, for: alice).makeAsyncIterator()
            #expect(await queued.next() == JobEvent(job: second, state: .queued, position: 1, startsInSeconds: 14))
        }
    }

    @Test func silenceIsBrokenBeforeTenSecondsAndHasteIsHeldBack() async throws {
        try await EngineFixture().run { bench in
            let id = try await bench.engine.generate(params(), from: alice)
            let exchange = await bench.fake.next()
            var events = await bench.engine.events(of: id, for: alice).makeAsyncIterator()
            let sent = JobEvent(job: id, state: .sent, attempt: 1, usuallySeconds: [8, 20])
            #expect(await events.next() == sent)
            await bench.clock.sleeper(until: 1_009_000)
            bench.clock.advance(by: 9000)
            #expect(await events.next() == sent)
            for bytes in 1...100 { exchange.progress(.receiving(bytes: bytes)) }
            await bench.clock.sleeper(until: 1_009_350)
            bench.clock.advance(by: 350)
            #expect(await events.next() == JobEvent(job: id, state: .receiving, bytes: 100))
            try exchange.answer()
            #expect(await events.next() == nil)
            #expect(try await bench.engine.wait(for: id, from: alice).state == .done)
        }
    }

    @Test func ofAJobThatHasEndedThereIsOneEvent() async throws {
        try await EngineFixture().run { bench in
            let id = try await bench.engine.generate(params(), from: alice)
            try await bench.fake.next().answer()
            #expect(try await bench.engine.wait(for: id, from: alice).state == .done)
            #expect(await all(bench.engine.events(of: id, for: alice)) == [JobEvent(job: id, state: .done)])
        }
    }

    @Test func somebodyElsesJobHasNoEvents() async throws {
        try await EngineFixture().run { bench in
            let id = try await bench.engine.generate(params(), from: alice)
            let theirs = Task.immediate { await all(bench.engine.events(of: id, for: bob)) }
            try await bench.fake.next().answer()
            #expect(try await bench.engine.wait(for: id, from: alice).state == .done)
            #expect(await theirs.value == [])
            #expect(await all(bench.engine.events(of: id, for: bob)) == [])
        }
    }

    @Test func aSecondWatcherDoesNotSilenceTheFirst() async throws {
        try await EngineFixture().run { bench in
            let id = try await bench.engine.generate(params(), from: alice)
            _ = await bench.fake.next()
            var events = await bench.engine.events(of: id, for: alice).makeAsyncIterator()
            let sent = JobEvent(job: id, state: .sent, attempt: 1, usuallySeconds: [8, 20])
            #expect(await events.next() == sent)
            await bench.clock.sleeper(until: 1_009_000)
            bench.clock.advance(by: 8000)
            let others = await bench.engine.events(of: id, for: admin)
            bench.clock.advance(by: 1000)
            #expect(await events.next() == sent)
            _ = others
        }
    }

    /// The first event of a late watcher is its own, the others are everybody's.
    @Test func aWatcherIsToldAtMostFourTimesInAnySecondHoweverLateItCame() async throws {
        let start: Int64 = 1_000_000
        for late in [1, LiveJob.eventSpacing / 2, LiveJob.eventSpacing - 1] {
            let fixture = EngineFixture()
            try await fixture.run { bench in
                let id = try await bench.engine.generate(params(), from: alice)
                let exchange = await bench.fake.next()
                let early = await bench.engine.events(of: id, for: alice)
                bench.clock.advance(by: late)
                var events = await bench.engine.events(of: id, for: alice).makeAsyncIterator()
                #expect(await events.next()?.state == .sent)
                var told = [late]
                for number in 1...8 as ClosedRange<Int64> {
                    exchange.progress(.receiving(bytes: Int(number)))
                    await bench.clock.sleeper(until: start + number * LiveJob.eventSpacing)
                    bench.clock.advance(by: number * LiveJob.eventSpacing - (told.last ?? 0))
                    #expect(await events.next() == JobEvent(job: id, state: .receiving, bytes: Int(number)))
                    told.append(number * LiveJob.eventSpacing)
                }
                for first in told { #expect(told.count { (first...first + 1000).contains($0) } <= 4, "\(told)") }
                _ = early
            }
        }
    }

    private func all(_ events: AsyncStream<JobEvent>) async -> [JobEvent] {
        await events.reduce(into: []) { $0.append($1) }
    }
}
