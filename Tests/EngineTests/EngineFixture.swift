// A real store, a scripted generator and a clock by hand, for one test.

import Engine
import Foundation
import Logging
import Store
import Wire

let alice = Principal(uid: 1000, gid: 100, groups: [], pid: 1, unit: nil, socket: "api", isAdmin: false)
let bob = Principal(uid: 2000, gid: 100, groups: [], pid: 2, unit: nil, socket: "api", isAdmin: false)
let admin = Principal(uid: 0, gid: 0, groups: [], pid: 3, unit: nil, socket: "admin", isAdmin: true)

func params(_ prompt: String = "a cat", _ change: (inout GenerateImage.Params) -> Void = { _ in })
    -> GenerateImage.Params
{
    var params = GenerateImage.Params(prompt: prompt)
    change(&params)
    return params
}

struct Bench: Sendable {
    let engine: Engine
    let store: Store
    let clock: ManualClock
    let fake: FakeGenerator
}

/// A state directory in which engines can run one after the other.
final class EngineFixture: Sendable {
    let path = NSTemporaryDirectory() + "darkroom-engine-" + UUID().uuidString
    let clock = ManualClock()

    deinit { try? FileManager.default.removeItem(atPath: path) }

    /// Runs an engine for as long as the body takes.
    func run<Value: Sendable>(
        slots: Int = 8, queue: Int = 100, drain: Duration = .zero, isRunning: Bool = true,
        limits: ProjectLimits = ProjectLimits(), others: [String] = [], fsync: Fsync = .system,
        _ body: (Bench) async throws -> Value
    ) async throws -> Value {
        let store = try Store(path: path, fsync: fsync, now: clock.now())
        defer { try? store.close() }
        let fake = FakeGenerator()
        var generators: [String: any ImageGenerator] = ["default": fake]
        for other in others { generators[other] = FakeGenerator(project: other, sharing: fake) }
        let engine = Engine(
            store: store, generators: generators, defaultProject: "default",
            settings: EngineSettings(
                maxQueue: queue, maxQueuePerUser: queue, maxConcurrent: ["default": slots],
                projectLimits: ["default": limits], jitter: { 0 }),
            clock: clock,
            logger: Logger(label: "test", factory: { _ in SwiftLogNoOpLogHandler() }))
        let bench = Bench(engine: engine, store: store, clock: clock, fake: fake)
        guard isRunning else { return try await body(bench) }
        return try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { await engine.run() }
            let value: Value
            do {
                value = try await body(bench)
            } catch {
                await engine.stop(drain: .zero)
                throw error
            }
            await engine.stop(drain: drain)
            try await group.waitForAll()
            return value
        }
    }
}
