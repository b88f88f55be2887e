// A generator that does what a test says, call by call.

import Engine
import Store
import Synchronization
import Wire

final class FakeGenerator: ImageGenerator {
    /// What a test holds of an exchange that is under way.
    struct Exchange: Sendable {
        let order: CallOrder
        let sink: @Sendable () throws -> any ArtifactSink
        let progress: @Sendable (CallProgress) -> Void
        let end: @Sendable (CallOutcome) -> Void

        /// Answers with one image of these bytes.
        func answer(
            _ bytes: String = "image", width: Int = 1024, height: Int = 1024, type: String = "image/png",
            claimed: String = "image/png"
        ) throws {
            end(
                .answered(
                    CallAnswer(
                        images: [try image(bytes, width, height, type, claimed)], modelAnswered: "gemini-x",
                        usage: usage, costMicros: 300)))
        }

        func image(
            _ bytes: String, _ width: Int, _ height: Int, _ type: String = "image/png",
            _ claimed: String = "image/png", kind: AnswerImage.Kind = .final
        ) throws -> AnswerImage {
            let sink = try sink()
            try unsafe Array(bytes.utf8).withUnsafeBytes { try unsafe sink.write($0) }
            return AnswerImage(
                sink: sink, claimedType: claimed, kind: kind, mimeType: type, width: width, height: height)
        }
    }

    private struct State {
        var calls = 0
        var isKeyMissing = false
        var unclaimed: [Exchange] = []
        var waiting: [CheckedContinuation<Exchange, Never>] = []
    }

    private let state = Mutex(State())
    private let project: String
    /// Who is told of the exchanges.
    private let teller: FakeGenerator?

    init(project: String = "default", sharing teller: FakeGenerator? = nil) {
        self.project = project
        self.teller = teller
    }

    var callCount: Int { state.withLock { $0.calls } }

    func setKey(isMissing: Bool) { state.withLock { $0.isKeyMissing = isMissing } }

    func check(_ params: GenerateImage.Params) throws(WireError) {
        if params.model == "none" { throw WireError(.unknownModel, "there is no model none", path: "model") }
    }

    func checkKey() throws(WireError) {
        if state.withLock({ $0.isKeyMissing }) { throw WireError(.keyMissing, "there is no key") }
    }

    func plan(_ params: GenerateImage.Params, _ material: Material) throws(WireError) -> CallPlan {
        try check(params)
        return CallPlan(
            project: project, route: "native", model: JobModel(asked: params.model ?? "flash", sent: "gemini-x"),
            // Another hold than 500 is asked for as a seed.
            holdMicros: params.seed.flatMap { $0 > 0 ? Int64($0) : nil } ?? 500, expectedMicros: 400,
            usuallySeconds: [8, 20],
            upstreamTimeout: .seconds(300),
            requested: Requested(aspectRatio: params.aspectRatio, imageSize: params.imageSize),
            expectedPixels: (1024, 1024), inputTokens: 10)
    }

    func generate(
        _ order: CallOrder, sink: @Sendable @escaping () throws -> any ArtifactSink,
        progress: @Sendable @escaping (CallProgress) -> Void
    ) async -> CallOutcome {
        if let teller { return await teller.generate(order, sink: sink, progress: progress) }
        let outcome = OutcomeBox()
        let exchange = Exchange(order: order, sink: sink, progress: progress, end: { outcome.set($0) })
        let waiter = state.withLock { state in
            state.calls += 1
            if state.waiting.isEmpty {
                state.unclaimed.append(exchange)
                return nil as CheckedContinuation<Exchange, Never>?
            }
            return state.waiting.removeFirst()
        }
        waiter?.resume(returning: exchange)
        return await outcome.value()
    }

    /// The next exchange, as soon as there is one.
    func next() async -> Exchange {
        await withCheckedContinuation { continuation in
            let exchange = state.withLock { state -> Exchange? in
                if !state.unclaimed.isEmpty { return state.unclaimed.removeFirst() }
                state.waiting.append(continuation)
                return nil
            }
            if let exchange { continuation.resume(returning: exchange) }
        }
    }
}

/// An outcome that is set once; an aborted exchange is of unknown outcome.
private final class OutcomeBox: Sendable {
    private struct State {
        var outcome: CallOutcome?
        var waiter: CheckedContinuation<CallOutcome, Never>?
    }

    private let state = Mutex(State())

    func set(_ outcome: CallOutcome) {
        let waiter = state.withLock { state in
            if state.outcome == nil { state.outcome = outcome }
            defer { state.waiter = nil }
            return state.waiter
        }
        waiter?.resume(returning: outcome)
    }

    func value() async -> CallOutcome {
        await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let outcome = state.withLock { state -> CallOutcome? in
                    if state.outcome == nil { state.waiter = continuation }
                    return state.outcome
                }
                if let outcome { continuation.resume(returning: outcome) }
            }
        } onCancel: {
            set(.outcomeUnknown(WireError(.outcomeUnknown, "aborted")))
        }
    }
}

let usage = Usage(promptTokens: 1, outputTokens: 2, imageTokens: 3, thoughtTokens: 4)
