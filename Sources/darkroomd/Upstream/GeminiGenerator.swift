// One project's route as the engine sees it: what can be refused before money, and one exchange. The adapter stands
// here because only this target knows both Gemini and the protocol.

import Engine
import Gemini
import ImageHeader
import Quota
import Store
import Wire

/// A project that draws through its route.
struct GeminiGenerator: ImageGenerator {
    let project: ProjectConfiguration
    private let live: LiveSettings
    /// Every project's name and route, for the advice where a parameter would work.
    let neighbours: [(project: String, route: RouteName)]
    /// What this project's upstream is known to offer.
    let models: ModelWatch
    /// Absent as long as there is no key.
    private let route: (any Route)?
    private let key: KeyWatch

    /// - Parameters:
    ///   - project: Whose key and limits.
    ///   - live: The configuration in force, for defaults and the catalogue.
    ///   - route: The way to upstream; absent when the credential is missing.
    ///   - key: Told what upstream says of the key.
    ///   - models: Told what upstream says of models.
    init(
        project: ProjectConfiguration, live: LiveSettings, route: (any Route)?, key: KeyWatch,
        models: ModelWatch
    ) {
        self.project = project
        self.live = live
        self.neighbours = live.configuration.projects.map { ($0.name, $0.route) }
        self.route = route
        self.key = key
        self.models = models
    }

    var defaultModel: String { live.configuration.defaultModel }
    var catalogue: Catalogue { live.configuration.catalogue }
    /// That a request whose price is not known whole is refused.
    var refusesUnpriced: Bool { live.configuration.refusesUnpriced }

    func check(_ params: GenerateImage.Params) throws(WireError) {
        let choice = try choose(params)
        try checkSupport(params, choice.model)
        try checkValues(params, choice.model)
    }

    func checkKey() throws(WireError) {
        guard route != nil else { throw key.missing() }
    }

    func plan(_ params: GenerateImage.Params, _ material: Material) throws(WireError) -> CallPlan {
        let choice = try choose(params)
        let model = choice.model
        try checkSupport(params, model)
        try checkValues(params, model)
        let replay = Replay(material.history, model: choice.sent, route: project.route.rawValue)
        try checkMaterial(material, replay, model)
        let price = try price(params, material, replay, model)
        guard let size = model.size(named: params.imageSize) else { throw .unpriced }
        let pixels = model.expectedPixels(
            aspectRatio: params.aspectRatio ?? replay.ratio(material.inputs, of: model), imageSize: params.imageSize)
        return CallPlan(
            project: project.name, route: project.route.rawValue,
            model: JobModel(asked: choice.asked, sent: choice.sent),
            holdMicros: price.hold, expectedMicros: price.expected,
            warnings: choice.warnings + replay.warnings(model: choice.sent) + price.warnings,
            usuallySeconds: size.usuallySeconds.map(Double.init),
            upstreamTimeout: UpstreamTimeout.of(
                model: model, size: size, inputCount: material.inputs.count, tier: project.serviceTier),
            requested: Requested(aspectRatio: params.aspectRatio, imageSize: params.imageSize),
            expectedPixels: pixels.map { (width: $0.width, height: $0.height) }, freshStart: replay.isFreshStart,
            inputTokens: price.inputTokens)
    }

    func generate(
        _ order: CallOrder, sink: @escaping @Sendable () throws -> any ArtifactSink,
        progress: @escaping @Sendable (CallProgress) -> Void
    ) async -> CallOutcome {
        guard let route else { return .failed(key.missing()) }
        let sent = order.plan.model.sent
        guard let model = catalogue.resolve(sent) else {
            return .failed(
                WireError(.modelUnavailable, "the model \(sent) is not in the catalogue", charged: .no))
        }
        let request: GenerationRequest
        do {
            request = try self.request(for: order, model)
        } catch {
            return .failed(
                WireError(.internal, "an input image of the job cannot be read any more", charged: .no))
        }
        do throws(GeminiError) {
            let answer = try await route.generate(
                request, deadline: order.timeout, makeSink: { _ in GeminiSink(try sink()) },
                progress: { event in
                    switch event {
                    case .sent: progress(.sent)
                    case .receiving(let bytes): progress(.receiving(bytes: bytes))
                    }
                })
            key.accepted()
            models.answered(sent)
            return .answered(callAnswer(answer, model, order))
        } catch {
            key.heard(error)
            if error.kind == .modelUnavailable { models.refused(sent) }
            return outcome(of: error, model, order)
        }
    }

    private func callAnswer(
        _ answer: Gemini.Answer<GeminiSink>, _ model: Model, _ order: CallOrder
    ) -> CallAnswer {
        // All of them, also what turned out to be no image: the turn names images by their place in this list.
        let images = answer.images.enumerated().map { index, image in
            var mimeType = "application/octet-stream"
            var pixels: PixelSize?
            if case .known(let type, let size) = image.header { (mimeType, pixels) = (type.mimeType, size) }
            return AnswerImage(
                sink: image.sink.target, claimedType: image.claimedMimeType ?? mimeType,
                kind: index == answer.finalIndex ? .final : image.isThought ? .draft : .extra,
                mimeType: mimeType, width: pixels?.width ?? 0, height: pixels?.height ?? 0)
        }
        let cost = answer.usage.map { usage in
            let tokens = model.costMicros(
                usage, imageSize: order.params.imageSize, imageCount: answer.images.count, tier: project.serviceTier)
            let searches = answer.findings.flatMap { model.groundingMicros(queries: $0.queries.count) } ?? 0
            return Int64(tokens) + Int64(searches)
        }
        return CallAnswer(
            images: images, text: answer.text.isEmpty ? nil : answer.text, finishReason: answer.finishReason,
            modelAnswered: answer.modelVersion, usage: answer.usage.map(Wire.Usage.init), costMicros: cost,
            turn: answer.content, grounding: answer.findings.map(Wire.GroundingResult.init),
            remarks: answer.remarks.map { Warning(Warning.Code(rawValue: $0.code), $0.message) })
    }

    private func outcome(of error: GeminiError, _ model: Model, _ order: CallOrder) -> CallOutcome {
        var wire = WireError(error, project: project)
        if error.kind == .outcomeUnknown { return .outcomeUnknown(wire) }
        if error.kind == .cancelled {
            // Aborted, at the end of a drain or by a cancelling: what went out may have been received.
            guard error.reach == .notSent else {
                wire.kind = .outcomeUnknown
                wire.charged = .unknown
                return .outcomeUnknown(wire)
            }
            return .refused(wire, retryAfter: nil, scope: .call)
        }
        let scope: RefusalScope
        switch error.kind {
        case .quotaMinute, .quotaDay, .noQuota, .spendCap: scope = error.scope
        default:
            guard error.isSafeToResend else {
                let counted = error.usage.map { usage in
                    let cost = model.costMicros(
                        usage, imageSize: order.params.imageSize, imageCount: error.imageCount,
                        tier: project.serviceTier)
                    return Counted(usage: Wire.Usage(usage), costMicros: Int64(cost))
                }
                return .failed(wire, counted)
            }
            scope = error.scope
        }
        return .refused(
            wire, retryAfter: error.retryAfter, scope: scope,
            limits: error.quotas.map { NamedLimit(quotaId: $0.id, value: $0.limit) })
    }
}

extension GeminiError {
    /// Whom a refusal concerns.
    fileprivate var scope: RefusalScope {
        // What the Files API refuses says nothing of the model.
        guard reach != .notSent else { return .call }
        return switch kind {
        case .quotaMinute, .quotaDay, .noQuota: .model
        case .spendCap: endsWithMonth ? .projectThisMonth : .project
        // That one picture took too long is nothing that the next one has to wait for.
        case .upstreamTimeout: .call
        default: [429, 503].contains(upstream?.httpStatus) ? .model : .call
        }
    }
}

/// Hands image bytes to the engine's sink; Gemini and Engine know nothing of each other.
final class GeminiSink: ImageSink {
    let target: any ArtifactSink

    init(_ target: any ArtifactSink) { self.target = target }

    func write(_ bytes: UnsafeRawBufferPointer) throws { unsafe try target.write(bytes) }
}

/// How long one exchange may take: a silent minute or two is normal.
enum UpstreamTimeout {
    static func of(model: Model, size: Model.ImageSize, inputCount: Int, tier: ServiceTier?) -> Duration {
        switch size.name {
        // Google takes its time, and asks for ten minutes at least.
        case _ where tier == .flex: .seconds(600)
        case "4K": .seconds(600)
        case _ where inputCount > 3: .seconds(600)
        case "2K": .seconds(300)
        // Half a minute as a rule is several at times.
        default: (size.usuallySeconds.last ?? 0) > 30 ? .seconds(300) : .seconds(180)
        }
    }
}
