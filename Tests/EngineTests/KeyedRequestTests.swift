// Under an idempotency key a request is its job, whatever would refuse a new one.

import Engine
import GRDB
import Store
import Testing
import Wire

struct KeyedRequestTests {
    private func keyed(
        _ prompt: String = "a cat", _ change: (inout GenerateImage.Params) -> Void = { _ in }
    ) -> GenerateImage.Params {
        params(prompt) {
            $0.idempotencyKey = "k"
            change(&$0)
        }
    }

    @Test func aJobIsFoundWhateverWouldRefuseANewOne() async throws {
        try await EngineFixture().run(queue: 1, isRunning: false) { bench in
            let id = try await bench.engine.generate(keyed(), from: alice)
            // Neither a seat nor a key is there.
            bench.fake.setKey(isMissing: true)
            #expect(try await bench.engine.generate(keyed(), from: alice) == id)
            let other = await #expect(throws: WireError.self) {
                try await bench.engine.generate(keyed("a dog"), from: alice)
            }
            #expect(other?.kind == .conflict && other?.path == "idempotencyKey" && other?.job == id)
            // Another uid's key is another key.
            let foreign = await #expect(throws: WireError.self) {
                try await bench.engine.generate(keyed(), from: bob)
            }
            #expect(foreign?.kind == .keyMissing)
        }
    }

    @Test func aDefaultThatIsSpeltOutAndWhatThePolicyAddsMakeNoOtherRequest() async throws {
        try await EngineFixture().run(isRunning: false) { bench in
            let id = try await bench.engine.generate(keyed(), from: alice, terms: Terms(projects: ["default"]))
            let spelt = keyed {
                $0.count = 1
                $0.exact = false
                $0.reuse = .never
                $0.inputs = []
                $0.grounding = []
                $0.safety = [:]
                $0.native = [:]
                $0.label = "another"
                $0.priority = .bulk
                $0.deadlineSeconds = 9
                $0.wait = false
                $0.delivery = Delivery.none
            }
            #expect(try await bench.engine.generate(spelt, from: alice) == id)
            // As the daemon's routes put it: a project of theirs, and what was asked beside it.
            var homed = keyed()
            homed.project = "default"
            #expect(try await bench.engine.generate(homed, asked: keyed(), from: alice) == id)
            for change in [{ $0.count = 2 }, { $0.exact = true }, { $0.reuse = .prefer }, { $0.seed = 1 }]
                as [(inout GenerateImage.Params) -> Void]
            {
                let error = await #expect(throws: WireError.self) {
                    try await bench.engine.generate(keyed("a cat", change), from: alice)
                }
                #expect(error?.kind == .conflict)
            }
        }
    }

    @Test func itsInputsAreComparedByTheirBytesAndNotKeptAgain() async throws {
        try await EngineFixture().run(isRunning: false) { bench in
            func ask(_ bytes: [UInt8]) async throws -> JobID {
                try await bench.engine.generate(keyed(), inputs: [.bytes(bytes)], from: alice)
            }
            let id = try await ask(png(8, 8))
            #expect(try await ask(png(8, 8)) == id)
            let error = await #expect(throws: WireError.self) { try await ask(png(9, 9)) }
            #expect(error?.kind == .conflict)
        }
    }

    /// With room for one: the second gets the first's job and not its refusal.
    @Test func ofTwoAtOneInstantTheSecondGetsTheJobOfTheFirst() async throws {
        try await EngineFixture().run(queue: 1, isRunning: false) { bench in
            async let first = bench.engine.generate(keyed(), from: alice)
            async let second = bench.engine.generate(keyed(), from: alice)
            async let third = bench.engine.generate(keyed(), from: alice)
            let ids = try await [first, second, third]
            #expect(Set(ids).count == 1)
            let jobs = try await bench.engine.list(ListJobs.Params(), for: alice).jobs
            #expect(jobs.map(\.job) == [ids[0]])
        }
    }

    @Test func whoWaitedForARefusalIsJudgedItself() async throws {
        try await EngineFixture().run(isRunning: false) { bench in
            bench.fake.setKey(isMissing: true)
            async let first = Self.refusal(keyed(), bench)
            async let second = Self.refusal(keyed(), bench)
            for refused in await [first, second] { #expect(refused?.kind == .keyMissing) }
            bench.fake.setKey(isMissing: false)
            _ = try await bench.engine.generate(keyed(), from: alice)
        }
    }

    private static func refusal(_ params: GenerateImage.Params, _ bench: Bench) async -> WireError? {
        do throws(WireError) {
            _ = try await bench.engine.generate(params, from: alice)
            return nil
        } catch {
            return error
        }
    }

    /// The form of what is hashed is part of the state directory: a job of today is the same request tomorrow.
    @Test func whatIsHashedIsAsItWas() async throws {
        let fixture = EngineFixture()
        try await fixture.run(isRunning: false) { bench in
            let asked = keyed {
                $0.model = "flash"
                $0.aspectRatio = "16:9"
                $0.imageSize = "1K"
                $0.count = 2
                $0.seed = -5
                $0.temperature = 0.5
                $0.safety = ["b": "BLOCK_NONE", "a": "OFF"]
                $0.grounding = [.web, .image]
                $0.maxCostUSD = 1.5
                $0.label = "not part of it"
            }
            let id = try await bench.engine.generate(asked, from: alice, terms: Terms(projects: ["default"]))
            let request = try #require(try await bench.store.request(of: id))
            #expect(
                String(decoding: request.json, as: UTF8.self) == """
                    {"aspectRatio":"16:9","count":2,"grounding":["web","image"],"imageSize":"1K","maxCostUSD":1.5,\
                    "model":"flash","project":"default","prompt":"a cat","safety":{"a":"OFF","b":"BLOCK_NONE"},\
                    "seed":-5,"temperature":0.5}
                    """)
            let hash = try await DatabaseQueue(path: fixture.path + "/darkroom.sqlite").read { database in
                try String.fetchOne(database, sql: "SELECT lower(hex(request_hash)) FROM job")
            }
            // Of the same text without the project, which the policy added.
            #expect(hash == "1fbceb7b6ffa2b2d4f761e7674ef10ea5d8c4dd3e5d875ed5129b8068f4fe277")
        }
    }
}
