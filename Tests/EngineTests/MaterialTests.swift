// What a request brings besides its parameters: inputs and conversations.

import Engine
import Foundation
import Store
import Testing
import Wire

struct MaterialTests {
    private func files(_ bench: Bench, _ fixture: EngineFixture) throws -> [String] {
        let artifacts = fixture.path + "/artifacts"
        return try FileManager.default.subpathsOfDirectory(atPath: artifacts).filter { $0.utf8.count > 60 }
    }

    @Test func inputsAreKeptAndReadBackAfterARestart() async throws {
        let fixture = EngineFixture()
        let id = try await fixture.run(slots: 1) { bench in
            _ = try await bench.engine.generate(params(), from: alice)
            let exchange = await bench.fake.next()
            let id = try await bench.engine.generate(
                params("edit"), inputs: [.bytes(png(32, 16)), .bytes(png(8, 8))], from: alice)
            try exchange.answer()
            _ = await bench.fake.next()
            return id
        }
        // The first run left it sent; a retry brings the same inputs again.
        try await fixture.run { bench in
            #expect(try await bench.engine.result(of: id, for: alice).state == .unknown)
            let again = try await bench.engine.retry(id, from: alice)
            let exchange = await bench.fake.next()
            #expect(exchange.order.job == again && exchange.order.params.prompt == "edit")
            let inputs = exchange.order.material.inputs
            #expect(inputs.map(\.width) == [32, 8] && inputs.map(\.mimeType) == ["image/png", "image/png"])
            #expect(exchange.order.params.inputs == inputs.map { .artifact($0.sha256) })
            for input in inputs { _ = try exchange.order.open(input.sha256) }
            try exchange.answer()
            _ = try await bench.engine.wait(for: again, from: alice)
        }
    }

    @Test func aQueuedEditGoesOnAfterARestartWithItsInputs() async throws {
        let fixture = EngineFixture()
        try await fixture.run(slots: 1) { bench in
            _ = try await bench.engine.generate(params(), from: alice)
            _ = await bench.fake.next()
            _ = try await bench.engine.generate(params("edit"), inputs: [.bytes(png(32, 16))], from: alice)
        }
        try await fixture.run { bench in
            let exchange = await bench.fake.next()
            #expect(exchange.order.material.inputs.map(\.height) == [16])
            _ = try exchange.order.open(exchange.order.material.inputs[0].sha256)
            try exchange.answer()
        }
    }

    @Test func whatIsNotAdmittedLeavesNoFile() async throws {
        let fixture = EngineFixture()
        try await fixture.run(isRunning: false) { bench in
            let error = await #expect(throws: WireError.self) {
                try await bench.engine.generate(
                    params { $0.maxCostUSD = 0 }, inputs: [.bytes(png(32, 16))], from: alice)
            }
            #expect(error?.kind == .overBudget)
            let bad = await #expect(throws: WireError.self) {
                try await bench.engine.generate(
                    params(), inputs: [.bytes(png(32, 16)), .bytes(Array("a text".utf8))], from: alice)
            }
            #expect(bad?.kind == .badInput && bad?.path == "inputs.1")
            let jobs = try await bench.engine.list(ListJobs.Params(), for: admin).jobs
            #expect(try jobs == [] && files(bench, fixture) == [])
        }
    }

    @Test func theSameKeyWithOtherInputsIsAConflict() async throws {
        try await EngineFixture().run { bench in
            let keyed = params { $0.idempotencyKey = "k" }
            let first = try await bench.engine.generate(keyed, inputs: [.bytes(png(32, 16))], from: alice)
            #expect(try await bench.engine.generate(keyed, inputs: [.bytes(png(32, 16))], from: alice) == first)
            let error = await #expect(throws: WireError.self) {
                try await bench.engine.generate(keyed, inputs: [.bytes(png(16, 16))], from: alice)
            }
            #expect(error?.kind == .conflict)
            // The input of the job is still there although the same bytes were given back.
            let exchange = await bench.fake.next()
            _ = try exchange.order.open(exchange.order.material.inputs[0].sha256)
            try exchange.answer()
            #expect(bench.fake.callCount == 1)
        }
    }

    @Test func twoWithOneKeyAtTheSameInstantAreOneJob() async throws {
        try await EngineFixture().run { bench in
            let ids = try await withThrowingTaskGroup(of: JobID.self) { group in
                for _ in 0..<20 {
                    group.addTask {
                        try await bench.engine.generate(params { $0.idempotencyKey = "k" }, from: alice)
                    }
                }
                return try await group.reduce(into: Set<JobID>()) { $0.insert($1) }
            }
            #expect(ids.count == 1)
            try await bench.fake.next().answer()
            for id in ids { #expect(try await bench.engine.wait(for: id, from: alice).state == .done) }
            #expect(bench.fake.callCount == 1)
        }
    }

    @Test func aConversationIsReplayedFromAnyOfItsTurns() async throws {
        try await EngineFixture().run { bench in
            let first = try await bench.engine.generate(params("one"), from: alice)
            try await answer(bench, "{1}")
            _ = try await bench.engine.wait(for: first, from: alice)
            var branches: [JobID] = []
            for prompt in ["two", "another two"] {
                let branch = try await bench.engine.generate(params(prompt) { $0.continues = first }, from: alice)
                let history = try await answer(bench, "{2}")
                #expect(history.map(\.prompt) == ["one"] && history.map(\.content) == [Array("{1}".utf8)])
                let result = try await bench.engine.wait(for: branch, from: alice)
                #expect(result.continues == first)
                branches.append(branch)
            }
            _ = try await bench.engine.generate(params("three") { $0.continues = branches[1] }, from: alice)
            let history = try await answer(bench, "{3}")
            #expect(history.map(\.prompt) == ["one", "another two"])
            #expect(history.map(\.job) == [first, branches[1]] && history.map(\.images.count) == [1, 1])
        }
    }

    @discardableResult
    private func answer(_ bench: Bench, _ turn: String) async throws -> [PastTurn] {
        let exchange = await bench.fake.next()
        exchange.end(
            .answered(CallAnswer(images: [try exchange.image("image", 1024, 1024)], turn: Array(turn.utf8))))
        return exchange.order.material.history
    }

    @Test func onlyADoneJobOfOnesOwnCanBeContinued() async throws {
        try await EngineFixture().run { bench in
            let open = try await bench.engine.generate(params(), from: alice)
            let exchange = await bench.fake.next()
            let absent = JobID(rawValue: "00000000000000000000000000")
            for (asked, principal, kind) in [
                (absent, alice, ErrorKind.notFound), (open, bob, .notFound), (open, alice, .conflict),
            ] {
                let error = await #expect(throws: WireError.self) {
                    try await bench.engine.generate(params { $0.continues = asked }, from: principal)
                }
                #expect(error?.kind == kind && error?.path == "continues")
            }
            try exchange.answer()
        }
    }
}
