// One project's route as the engine sees it: what can be refused before money, and one exchange. The adapter stands
// here because only this target knows both Gemini and the protocol.

import Engine
import Gemini
import ImageHeader
import Store
import Wire

/// A project that draws through the native route.
struct GeminiGenerator: ImageGenerator {
    let project: ProjectConfiguration
    private let defaultModel: String
    let catalogue: Catalogue
    /// Absent as long as there is no key.
    private let route: NativeRoute?
    private let key: KeyWatch

    /// - Parameters:
    ///   - project: Whose key and limits.
    ///   - defaultModel: For requests that name none.
    ///   - catalogue: What models there are.
    ///   - route: The way to upstream; absent when the credential is missing.
    ///   - key: Told what upstream says of the key.
    init(
        project: ProjectConfiguration, defaultModel: String, catalogue: Catalogue, route: NativeRoute?, key: KeyWatch
    ) {
        self.project = project
        self.defaultModel = defaultModel
        self.catalogue = catalogue
        self.route = route
        self.key = key
    }

    func plan(_ params: GenerateImage.Params) throws(WireError) -> CallPlan {
        let asked = params.model ?? defaultModel
        let (model, warnings) = try model(named: asked)
        try refuseUnsupported(params, model)
        try checkValues(params, model)
        let promptBytes = params.prompt.utf8.count
        guard let hold = model.holdMicros(imageSize: params.imageSize, promptBytes: promptBytes),
            let expected = model.expectedMicros(imageSize: params.imageSize, promptBytes: promptBytes),
            let size = model.size(named: params.imageSize)
        else { throw WireError(.unpriced, "the price of this request is not known") }
        guard route != nil else { throw key.missing() }
        let pixels = model.expectedPixels(aspectRatio: params.aspectRatio, imageSize: params.imageSize)
        return CallPlan(
            project: project.name, route: project.route.rawValue, model: JobModel(asked: asked, sent: model.id),
            holdMicros: Int64(hold), expectedMicros: Int64(expected), warnings: warnings,
            usuallySeconds: size.usuallySeconds.map(Double.init),
            upstreamTimeout: UpstreamTimeout.of(model: model, size: size),
            requested: Requested(aspectRatio: params.aspectRatio, imageSize: params.imageSize),
            expectedPixels: pixels.map { (width: $0.width, height: $0.height) })
    }

    func generate(
        _ order: CallOrder, sink: @escaping @Sendable () throws -> any ArtifactSink,
        progress: @escaping @Sendable (CallProgress) -> Void
    ) async -> CallOutcome {
        guard let route else { return .failed(key.missing()) }
        guard case .current(let model) = catalogue.model(named: order.plan.model.sent) else {
            return .failed(
                WireError(.modelUnavailable, "the model \(order.plan.model.sent) is not in the catalogue", charged: .no)
            )
        }
        let request = GenerationRequest(
            model: model.id, prompt: order.params.prompt, aspectRatio: order.params.aspectRatio,
            imageSize: model.wireImageSize(order.params.imageSize))
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
            return .answered(callAnswer(answer, model, size: order.params.imageSize))
        } catch {
            key.heard(error)
            return outcome(of: error)
        }
    }

    private func callAnswer(_ answer: Gemini.Answer<GeminiSink>, _ model: Model, size: String?) -> CallAnswer {
        var images: [AnswerImage] = []
        for (index, image) in answer.images.enumerated() {
            guard case .known(let type, let pixels) = image.header else { continue }
            images.append(
                AnswerImage(
                    sink: image.sink.target, claimedType: image.claimedMimeType ?? type.mimeType,
                    kind: index == answer.finalIndex ? .final : image.isThought ? .draft : .extra,
                    mimeType: type.mimeType, width: pixels?.width ?? 0, height: pixels?.height ?? 0))
        }
        let cost = answer.usage.map {
            Int64(model.costMicros($0, imageSize: size, imageCount: answer.images.count))
        }
        return CallAnswer(
            images: images, text: answer.text.isEmpty ? nil : answer.text, finishReason: answer.finishReason,
            modelAnswered: answer.modelVersion, usage: answer.usage.map(Wire.Usage.init), costMicros: cost)
    }

    private func outcome(of error: GeminiError) -> CallOutcome {
        var wire = WireError(error, project: project)
        if error.kind == .outcomeUnknown { return .outcomeUnknown(wire) }
        // Aborted, at the end of a drain: what went out may have been received.
        if error.kind == .cancelled, error.reach == .unknown {
            wire.kind = .outcomeUnknown
            wire.charged = .unknown
            return .outcomeUnknown(wire)
        }
        guard error.isSafeToResend else { return .failed(wire) }
        let scope: RefusalScope =
            switch error.upstream?.httpStatus {
            case 429, 503: .model
            default: .call
            }
        return .refused(wire, retryAfter: error.retryAfter, scope: scope)
    }
}

/// Hands image bytes to the engine's sink; Gemini and Engine know nothing of each other.
final class GeminiSink: ImageSink {
    let target: any ArtifactSink

    init(_ target: any ArtifactSink) { self.target = target }

    func write(_ bytes: UnsafeRawBufferPointer) throws { unsafe try target.write(bytes) }
}

/// How long one exchange may take (`upstream.md` section 9): a silent minute or two is normal.
enum UpstreamTimeout {
    static func of(model: Model, size: Model.ImageSize) -> Duration {
        switch size.name {
        case "4K": .seconds(600)
        case "2K": .seconds(300)
        default: model.id.contains("-pro-") ? .seconds(300) : .seconds(180)
        }
    }
}
