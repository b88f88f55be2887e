// The store fails under the engine: nothing paid for is lost, and whoever waits is told.

import Engine
import GRDB
import Store
import Testing
import Wire

struct FailureTests {
    private func execute(_ sql: String, in fixture: EngineFixture) throws {
        // The store writes at the same time, so this connection waits for its turn.
        var configuration = Configuration()
        configuration.busyMode = .timeout(10)
        try DatabaseQueue(path: fixture.path + "/darkroom.sqlite", configuration: configuration)
            .write { try $0.execute(sql: sql) }
    }

    private static let refusing = """
        CREATE TRIGGER refuse BEFORE UPDATE OF state ON call WHEN NEW.state = 'done'
        BEGIN SELECT RAISE(ABORT, 'refused'); END
        """

    @Test func aPaidImageIsWrittenDownWhenTheStoreTakesItAgain() async throws {
        let fixture = EngineFixture()
        try await fixture.run { bench in
            let id = try await bench.engine.generate(params(), from: alice)
            try execute(Self.refusing, in: fixture)
            try await bench.fake.next().answer()
            await bench.clock.sleeper(until: 1_001_000)
            try execute("DROP TRIGGER refuse", in: fixture)
            bench.clock.advance(by: 1000)
            let result = try await bench.engine.wait(for: id, from: alice)
            #expect(result.state == .done && result.images.count == 1)
            #expect(bench.fake.callCount == 1)
        }
    }

    @Test func aStoreThatStaysBrokenIsToldAndTheJobIsUnknownAfterwards() async throws {
        let fixture = EngineFixture()
        let id = try await fixture.run { bench in
            let id = try await bench.engine.generate(params(), from: alice)
            let waiter = Task.immediate { try await bench.engine.wait(for: id, from: alice) }
            try execute(Self.refusing, in: fixture)
            try await bench.fake.next().answer()
            for moment in [1_001_000, 1_006_000, 1_031_000] as [Int64] {
                await bench.clock.sleeper(until: moment)
                bench.clock.advance(by: moment - bench.clock.now().milliseconds)
            }
            let result = try await waiter.value
            #expect(result.state == .sent && result.error?.kind == .internal && result.error?.charged == .yes)
            return id
        }
        try await fixture.run { bench in
            let result = try await bench.engine.result(of: id, for: alice)
            #expect(result.state == .unknown && result.cost == Cost(micros: 500, basis: .hold))
            #expect(bench.fake.callCount == 0)
        }
    }

    @Test func aPaidImageThatCouldNotBeWrittenDownIsDoneAtTheNextStart() async throws {
        let fixture = EngineFixture()
        let id = try await fixture.run { bench in
            let id = try await bench.engine.generate(params(), from: alice)
            try execute(Self.refusing, in: fixture)
            try await bench.fake.next().answer()
            await bench.clock.sleeper(until: 1_001_000)
            return id
        }
        try execute("DROP TRIGGER refuse", in: fixture)
        try await fixture.run { bench in
            let result = try await bench.engine.result(of: id, for: alice)
            #expect(result.state == .done && result.images.count == 1)
            #expect(bench.fake.callCount == 0)
        }
    }

    @Test func anEndThatIsWrittenLateIsWrittenAfterAll() async throws {
        let fixture = EngineFixture()
        try await fixture.run { bench in
            let id = try await bench.engine.generate(params(), from: alice)
            try execute(Self.refusing, in: fixture)
            try await bench.fake.next().answer()
            for moment in [1_001_000, 1_006_000, 1_031_000, 1_056_000] as [Int64] {
                await bench.clock.sleeper(until: moment)
                // Whoever comes after half a minute is told at once.
                if moment == 1_056_000 {
                    let told = try await bench.engine.wait(for: id, from: alice)
                    #expect(told.state == .sent && told.error?.charged == .yes)
                    try execute("DROP TRIGGER refuse", in: fixture)
                }
                bench.clock.advance(by: moment - bench.clock.now().milliseconds)
            }
            var end = await bench.engine.events(of: id, for: alice).makeAsyncIterator()
            while await end.next() != nil {}
            #expect(try await bench.engine.result(of: id, for: alice).state == .done)
        }
    }

    @Test func aRefusalWhoseEndCannotBeWrittenIsToldAsNotCharged() async throws {
        let fixture = EngineFixture()
        try await fixture.run { bench in
            let id = try await bench.engine.generate(params(), from: alice)
            let waiter = Task.immediate { try await bench.engine.wait(for: id, from: alice) }
            try execute(
                """
                CREATE TRIGGER refuse BEFORE UPDATE OF state ON call WHEN NEW.state = 'failed'
                BEGIN SELECT RAISE(ABORT, 'refused'); END
                """, in: fixture)
            let none = WireError(.noQuota, "this tier has none", retryable: false, charged: .no)
            await bench.fake.next().end(.refused(none, retryAfter: nil, scope: .call))
            for moment in [1_001_000, 1_006_000, 1_031_000] as [Int64] {
                await bench.clock.sleeper(until: moment)
                bench.clock.advance(by: moment - bench.clock.now().milliseconds)
            }
            let result = try await waiter.value
            #expect(result.state == .sent && result.error?.kind == .internal && result.error?.charged == .no)
        }
    }

    @Test func anAdmissionThatCannotBeWrittenGivesItsSlotBack() async throws {
        let fixture = EngineFixture()
        try await fixture.run(slots: 1) { bench in
            try execute(
                "CREATE TRIGGER refuse BEFORE INSERT ON job BEGIN SELECT RAISE(ABORT, 'refused'); END", in: fixture)
            await #expect(throws: WireError.self) { try await bench.engine.generate(params(), from: alice) }
            try execute("DROP TRIGGER refuse", in: fixture)
            let id = try await bench.engine.generate(params(), from: alice)
            try await bench.fake.next().answer()
            #expect(try await bench.engine.wait(for: id, from: alice).state == .done)
        }
    }
}
