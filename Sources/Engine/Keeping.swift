// What an answer brought: kept as files, compared with what was asked, written down in one transaction.

import Logging
import ImageHeader
import Store
import Wire

extension Engine {
    func keep(_ answer: CallAnswer, of id: JobID, _ order: CallOrder, upstream: Duration) async {
        guard answer.images.allSatisfy({ ImageType(rawValue: $0.mimeType) != nil && $0.width > 0 && $0.height > 0 })
        else {
            let error = WireError(
                .upstreamInvalid, "what came as an image is none", hint: "ask again", charged: .yes)
            return await fail(id, order, error, upstream: upstream)
        }
        guard let final = answer.images.firstIndex(where: { $0.kind == .final }) else {
            var error = WireError(.noImage, "upstream made no image", hint: "ask in other words", charged: .yes)
            error.finishReason = answer.finishReason
            error.text = answer.text
            return await fail(id, order, error, upstream: upstream)
        }
        var artifacts: [KeptArtifact] = []
        for (index, image) in answer.images.enumerated() {
            guard let temporary = image.sink as? TemporaryArtifact else {
                preconditionFailure("an image of an answer is not in a sink of the engine")
            }
            do {
                let kept = try await keepFile(temporary, of: id)
                let isExtra = image.kind == .final && index != final
                artifacts.append(
                    KeptArtifact(
                        kind: isExtra ? .extra : image.kind,
                        entry: ImageEntry(
                            sha256: kept.sha256, mimeType: image.mimeType, width: image.width, height: image.height,
                            bytes: kept.bytes)))
            } catch {
                return await fail(id, order, WireError(error, charged: .yes, job: id), upstream: upstream)
            }
        }
        let end = FinishedCall(
            job: id, call: order.call, at: clock.now(), artifacts: artifacts, text: answer.text,
            finishReason: answer.finishReason, modelAnswered: answer.modelAnswered,
            warnings: Comparison(answer: answer, final: answer.images[final], plan: order.plan).warnings,
            usage: answer.usage, costMicros: answer.costMicros ?? order.plan.expectedMicros,
            basis: answer.costMicros == nil ? .catalogue : .usage, timing: timing(of: id, upstream: upstream))
        await settle(id, nil) { [store] () async throws(StoreError) in try await store.finish(end) }
    }

    /// Keeps one file, and again while the disk fails.
    private func keepFile(_ file: TemporaryArtifact, of id: JobID) async throws(StoreError) -> TemporaryArtifact.Kept {
        for pause in [1, 5, 25] as [Int64] {
            do throws(StoreError) {
                return try await file.keep()
            } catch {
                logger.critical("a paid image could not be kept", metadata: ["job": "\(id)", "error": "\(error)"])
                if Task.isCancelled { throw error }
                let until = clock.now().milliseconds + pause * 1000
                await clock.sleep(until: Timestamp(milliseconds: until))
            }
        }
        return try await file.keep()
    }
}

/// What came, beside what was asked.
struct Comparison {
    let answer: CallAnswer
    let final: AnswerImage
    let plan: CallPlan

    // Models round to multiples of 8 or 16 pixels: 1376 x 768 is Gemini's 16:9 (0.8 % off), 1584 x 672 its 21:9 (1 %).
    private static let ratioTolerance = 0.025
    /// Of the number of pixels; the sizes stand a factor of four apart.
    private static let sizeTolerance = 0.1

    var warnings: [Warning] {
        var warnings: [Warning] = []
        let pixels = "\(final.width)x\(final.height)"
        if let expected = plan.expectedPixels {
            let area = Double(final.width * final.height) / Double(expected.width * expected.height)
            if abs(area - 1) > Self.sizeTolerance {
                let size = plan.requested.imageSize.map { " for \($0)" } ?? ""
                warnings.append(
                    Warning(.sizeDiffers, "the image is \(pixels), not \(expected.width)x\(expected.height)\(size)"))
            }
        }
        if let wanted = wantedRatio,
            abs(Double(final.width) / Double(final.height) / wanted.value - 1)
                > Self.ratioTolerance
        {
            warnings.append(Warning(.ratioDiffers, "the image is \(pixels), not \(wanted.name)"))
        }
        if final.claimedType != final.mimeType {
            warnings.append(
                Warning(.typeDiffers, "the image is \(final.mimeType), although upstream said \(final.claimedType)"))
        }
        if let answered = answer.modelAnswered, answered != plan.model.sent {
            warnings.append(Warning(.modelDiffers, "upstream answered with \(answered), not \(plan.model.sent)"))
        }
        let extra = answer.images.count - 1
        if extra > 0 {
            warnings.append(
                Warning(
                    .extraImages, extra == 1 ? "the answer had one image more" : "the answer had \(extra) images more"))
        }
        return warnings
    }

    private var wantedRatio: (value: Double, name: String)? {
        guard let name = plan.requested.aspectRatio else { return nil }
        let sides = name.split(separator: ":").compactMap { Double($0) }
        guard sides.count == 2, sides[0] > 0, sides[1] > 0 else { return nil }
        return (sides[0] / sides[1], name)
    }
}
