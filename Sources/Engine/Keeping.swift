// What an answer brought: kept as files, compared with what was asked, written down in one transaction.

import Logging
import ImageHeader
import Store
import Wire

extension Engine {
    func keep(_ answer: CallAnswer, of id: CallID, _ order: CallOrder, upstream: Duration) async {
        guard answer.images.contains(where: { $0.kind == .final }) else {
            var error = WireError(.noImage, "upstream made no image", hint: "ask in other words", charged: .yes)
            error.finishReason = answer.finishReason
            error.text = answer.text
            return await fail(id, order, error, answer.counted, upstream: upstream)
        }
        guard let final = answer.images.firstIndex(where: { $0.kind == .final && $0.isUsable }) else {
            let error = WireError(
                .upstreamInvalid, "what came as an image is none", hint: "ask again", charged: .yes)
            return await fail(id, order, error, answer.counted, upstream: upstream)
        }
        let arrived = answer.images.enumerated().filter { $0.element.isUsable }.map { index, image in
            ArrivedImage(
                file: Self.file(of: image), kind: image.kind(isChosen: index == final), mimeType: image.mimeType,
                width: image.width, height: image.height)
        }
        // First of all: to hash and to flush takes long enough for a run to end meanwhile.
        let receipt = await store.artifacts.leaveReceipt(
            Self.end(
                of: id, answer, final, order, keptCount: arrived.count, timing(of: id, upstream: upstream),
                at: clock.now()), arrived)
        let finalFile: TemporaryArtifact.Kept
        do throws(StoreError) {
            let file = Self.file(of: answer.images[final])
            finalFile = try await insist(id.job, charged: .yes) { () async throws(StoreError) in
                try await file.keep(noting: receipt)
            }
        } catch {
            let crossed = WireError(error, charged: .yes, job: id.job)
            if case .corrupt = error { return await fail(id, order, crossed, answer.counted, upstream: upstream) }
            // The run ends: the next one has the receipt.
            receipt.leaveBehind()
            return abandon(id, crossed)
        }
        var artifacts: [KeptArtifact] = []
        for (index, image) in answer.images.enumerated() {
            if index == final {
                artifacts.append(image.kept(as: .final, finalFile))
            } else if let file = await keepExtra(image, receipt, of: id.job) {
                artifacts.append(image.kept(as: image.kind(isChosen: false), file))
            }
        }
        var end = Self.end(
            of: id, answer, final, order, keptCount: artifacts.count, timing(of: id, upstream: upstream),
            at: clock.now())
        end.artifacts = artifacts
        let finished = end
        await settle(id, end.error, .cost(end.costMicros)) { [store] () async throws(StoreError) in
            try await store.finish(finished)
        }
    }

    /// What of an answer that broke off had come whole; its place among the images of an answer nobody knows.
    func keepWhole(_ files: [TemporaryArtifact], of id: JobID) async -> [KeptArtifact] {
        var kept: [KeptArtifact] = []
        for file in files {
            do {
                if let artifact = try await file.keepIfWhole(as: .extra) { kept.append(artifact) }
            } catch {
                logger.warning(
                    "an image of an answer that broke off could not be kept",
                    metadata: ["job": "\(id)", "error": "\(error)"])
            }
        }
        return kept
    }

    /// What is written of a call whose image came, but for the images.
    private static func end(
        of id: CallID, _ answer: CallAnswer, _ final: Int, _ order: CallOrder, keptCount: Int, _ timing: Timing,
        at now: Timestamp
    ) -> FinishedCall {
        let comparison = Comparison(
            answer: answer, final: answer.images[final], plan: order.plan, outputType: order.params.outputType,
            keptCount: keptCount)
        return FinishedCall(
            job: id.job, call: id.call, at: now, artifacts: [], text: answer.text,
            finishReason: answer.finishReason, modelAnswered: answer.modelAnswered,
            warnings: comparison.warnings, usage: answer.usage,
            costMicros: answer.costMicros ?? order.plan.expectedMicros,
            basis: answer.costMicros == nil ? .catalogue : .usage, timing: timing,
            error: order.params.exact == true ? comparison.mismatch(in: id.job) : nil,
            // A number in it that names no artifact could not be replayed.
            turn: keptCount == answer.images.count ? answer.turn : nil, grounding: answer.grounding)
    }

    /// Keeps a draft or a further image if it can be kept: the picture that was asked for does not wait for it.
    private func keepExtra(
        _ image: AnswerImage, _ receipt: LeftReceipt, of id: JobID
    ) async -> TemporaryArtifact.Kept? {
        guard image.isUsable else { return nil }
        do {
            return try await Self.file(of: image).keep(noting: receipt)
        } catch {
            logger.warning(
                "a further image could not be kept, going on without it",
                metadata: ["job": "\(id)", "error": "\(error)"])
            return nil
        }
    }

    private static func file(of image: AnswerImage) -> TemporaryArtifact {
        guard let file = image.sink as? TemporaryArtifact else {
            preconditionFailure("an image of an answer is not in a sink of the engine")
        }
        return file
    }
}

extension CallAnswer {
    /// What the call comes to should its image be lost.
    fileprivate var counted: Counted? {
        guard let usage, let costMicros else { return nil }
        return Counted(usage: usage, costMicros: costMicros)
    }
}

extension AnswerImage {
    /// That its bytes are an image of a kind that is known; its size need not be, since it was paid for.
    fileprivate var isUsable: Bool { ImageType(rawValue: mimeType) != nil }
    fileprivate var hasSize: Bool { width > 0 && height > 0 }

    /// Of several images the one that was chosen is what the caller is owed.
    fileprivate func kind(isChosen: Bool) -> Kind { isChosen ? .final : kind == .final ? .extra : kind }

    fileprivate func kept(as kind: Kind, _ file: TemporaryArtifact.Kept) -> KeptArtifact {
        KeptArtifact(
            kind: kind,
            entry: ImageEntry(
                sha256: file.sha256, mimeType: mimeType, width: width, height: height, bytes: file.bytes))
    }
}

/// What came, beside what was asked.
struct Comparison {
    let answer: CallAnswer
    let final: AnswerImage
    let plan: CallPlan
    /// As the caller asked.
    let outputType: OutputType?
    /// Images of the answer that were kept, the final one included.
    let keptCount: Int

    // Models round to multiples of 8 or 16 pixels: 1376 x 768 is Gemini's 16:9 (0.8 % off), 1584 x 672 its 21:9 (1 %).
    private static let ratioTolerance = 0.025
    /// Of the number of pixels; the sizes stand a factor of four apart.
    private static let sizeTolerance = 0.1

    var warnings: [Warning] {
        var warnings: [Warning] = []
        let pixels = "\(final.width)x\(final.height)"
        if !final.hasSize {
            warnings.append(
                Warning(.sizeUnknown, "the image does not tell its width and height; it is kept as it came"))
        } else if let expected = plan.expectedPixels {
            // In floating point: a header may claim sides whose product is no Int.
            let area =
                Double(final.width) * Double(final.height) / (Double(expected.width) * Double(expected.height))
            if abs(area - 1) > Self.sizeTolerance {
                let size = plan.requested.imageSize.map { " for \($0)" } ?? ""
                warnings.append(
                    Warning(.sizeDiffers, "the image is \(pixels), not \(expected.width)x\(expected.height)\(size)"))
            }
        }
        if let wanted = wantedRatio, final.hasSize,
            abs(Double(final.width) / Double(final.height) / wanted.value - 1)
                > Self.ratioTolerance
        {
            warnings.append(Warning(.ratioDiffers, "the image is \(pixels), not \(wanted.name)"))
        }
        if let wanted = outputType?.rawValue, final.mimeType != wanted {
            warnings.append(Warning(.typeDiffers, "the image is \(final.mimeType), not \(wanted)"))
        } else if final.claimedType != final.mimeType {
            warnings.append(
                Warning(.typeDiffers, "the image is \(final.mimeType), although upstream said \(final.claimedType)"))
        }
        if let answered = answer.modelAnswered, answered != plan.model.sent {
            warnings.append(Warning(.modelDiffers, "upstream answered with \(answered), not \(plan.model.sent)"))
        }
        if answer.images.count > 1 { warnings.append(Warning(.extraImages, extraText)) }
        return warnings + answer.remarks
    }

    /// The end of a request that wanted exactly what it asked for; nil when that came.
    ///
    /// What upstream claimed of the type and further images are nothing that was asked for, and where neither size nor
    /// ratio was, any will do.
    func mismatch(in job: JobID) -> WireError? {
        let isOtherType = outputType.map { $0.rawValue != final.mimeType } ?? false
        let isSizeAsked = plan.requested.imageSize != nil
        let differences = warnings.filter { warning in
            switch warning.code {
            case .ratioDiffers, .modelDiffers: true
            case .sizeDiffers: isSizeAsked
            case .sizeUnknown: isSizeAsked || plan.requested.aspectRatio != nil
            case .typeDiffers: isOtherType
            default: false
            }
        }
        guard !differences.isEmpty else { return nil }
        return WireError(
            .mismatch, differences.map(\.message).joined(separator: "; "),
            hint: "the image is kept all the same: darkroom show \(job)", charged: .yes, job: job)
    }

    private var extraText: String {
        let extra = answer.images.count - 1
        let text = extra == 1 ? "the answer had one image more" : "the answer had \(extra) images more"
        let dropped = answer.images.count - keptCount
        return dropped == 0 ? text : "\(text), of which \(dropped) could not be kept"
    }

    private var wantedRatio: (value: Double, name: String)? {
        guard let name = plan.requested.aspectRatio else { return nil }
        let sides = name.split(separator: ":").compactMap { Double($0) }
        guard sides.count == 2, sides[0] > 0, sides[1] > 0 else { return nil }
        return (sides[0] / sides[1], name)
    }
}
