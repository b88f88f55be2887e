// Admissions through the real engine and the real store: price, hold, audit row, queue, commit.

import Engine
import Foundation
import Logging
import Quota
import Store
import Wire

/// Measures admissions one after the other behind a queue.
enum AdmissionBench {
    private static let measuredCount = 300

    /// Medians and 99th percentiles of the time until a job is durable, in microseconds.
    ///
    /// - Parameters:
    ///   - queued: How many jobs wait already.
    ///   - isDurable: Whether a commit waits for the disk.
    ///   - directory: Where the state directory is made; it is removed.
    /// - Returns: Of 300 admissions.
    /// - Throws: What the store says.
    static func run(
        queued: Int, isDurable: Bool, in directory: String
    ) async throws -> (median: Double, high: Double) {
        let path = "\(directory)/darkroom-bench-\(UUID().uuidString)"
        defer { try? FileManager.default.removeItem(atPath: path) }
        let store = try Store(path: path, durability: isDurable ? .full : .none, now: SystemClock().now())
        defer { try? store.close() }
        let limits = ProjectLimits(
            models: ["m": [.requestsPerMinute: 1_000_000, .requestsPerDay: 10_000_000]],
            spendPer10Minutes: 1_000_000_000_000, budget: Budget(perDay: 1_000_000_000_000))
        let engine = Engine(
            store: store, generators: ["p": UnaskedGenerator()], defaultProject: "p",
            settings: EngineSettings(
                maxQueue: .max, maxQueuePerUser: .max, maxConcurrent: ["p": 0], projectLimits: ["p": limits]),
            clock: SystemClock(), logger: Logger(label: "bench") { _ in SwiftLogNoOpLogHandler() })
        // Many at once share a commit.
        for start in stride(from: 0, to: queued, by: 1000) {
            try await withThrowingTaskGroup { group in
                for number in start..<min(start + 1000, queued) {
                    group.addTask { try await admit(number, engine) }
                }
                try await group.waitForAll()
            }
        }
        var times: [Double] = []
        for number in queued..<queued + measuredCount {
            let begun = ContinuousClock.now
            try await admit(number, engine)
            times.append((ContinuousClock.now - begun) / .microseconds(1))
        }
        return (Statistics.median(times) ?? 0, times.sorted()[measuredCount * 99 / 100])
    }

    private static func admit(_ number: Int, _ engine: Engine) async throws {
        let principal = Principal(
            uid: UInt32(1000 + number % 100), gid: 100, groups: [], pid: 1, unit: nil, socket: "api", isAdmin: false)
        var params = GenerateImage.Params(prompt: "A lighthouse in the fog, number \(number).")
        params.wait = false
        params.priority = number % 2 == 0 ? .bulk : .interactive
        _ = try await engine.generate(params, from: principal)
    }
}

/// Prices as the real one does, and is never asked for an image.
private struct UnaskedGenerator: ImageGenerator {
    func check(_ params: GenerateImage.Params) {}

    func checkKey() {}

    func plan(_ params: GenerateImage.Params, _ material: Material) -> CallPlan {
        CallPlan(
            project: "p", route: "native", model: JobModel(asked: "m", sent: "m"), holdMicros: 71_200,
            expectedMicros: 67_200, usuallySeconds: [8, 20], upstreamTimeout: .seconds(180), requested: Requested(),
            inputTokens: 500)
    }

    func generate(
        _ order: CallOrder, sink: @escaping @Sendable () throws -> any ArtifactSink,
        progress: @escaping @Sendable (CallProgress) -> Void
    ) async -> CallOutcome {
        .failed(WireError(.internal, "a benchmark asks for no image"))
    }
}
