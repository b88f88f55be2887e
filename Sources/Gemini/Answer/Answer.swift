// What an exchange brought: the images, and what was said about them.

package import ImageHeader

/// A complete answer with at least one image that is not a draft.
package struct Answer<Sink: ImageSink>: Sendable {
    package struct Image: Sendable {
        package var sink: Sink
        /// What upstream said the type is; often wrong, so for comparison only.
        package var claimedMimeType: String?
        /// A draft of a thinking model.
        package var isThought: Bool
        package var byteCount: Int
        /// Read from the bytes; always `.known`.
        package var header: ImageHeader
    }

    /// In the order of their parts, drafts and further images included.
    package var images: [Image]
    /// Index of the last image that is not a draft, in the first candidate that has one.
    package var finalIndex: Int
    /// The text parts that are not thoughts, joined, at most `AnswerLimits.textBytes`.
    package var text: String
    package var finishReason: String?
    package var finishMessage: String?
    package var usage: Usage?
    package var modelVersion: String?
    package var responseID: String?
    /// The model's turn as it came, for `Turn.content`: JSON with each image's index in `images` in the place of its
    /// base64; nil when it cannot be sent back, since something in it was no image, or may not be kept, since the key
    /// stands in it.
    package var content: [UInt8]?
    /// What a grounded answer was drawn from.
    package var findings: SearchFindings?
    package var remarks: [AnswerRemark]

    package var finalImage: Image { images[finalIndex] }
}

/// Something about an answer that its reader should know.
package struct AnswerRemark: Sendable, Equatable {
    /// `model_deprecated`, `unreadable_image` or `key_echoed`.
    package var code: String
    /// A sentence for a person, without capital or full stop.
    package var message: String
}

/// What a search found.
///
/// Google's terms ask whoever shows such an image to show the sources and the chip as well.
package struct SearchFindings: Sendable, Equatable {
    package struct Source: Sendable, Equatable {
        package var title: String?
        package var uri: String
    }

    package var sources: [Source]
    package var queries: [String]
    /// HTML as it came, but for keys.
    package var renderedChip: String?

    /// Nil when nothing was searched.
    init?(_ metadata: AnswerEnvelope.GroundingMetadata, _ redaction: Redaction) {
        queries = ((metadata.webSearchQueries ?? []) + (metadata.imageSearchQueries ?? [])).map {
            redaction.withoutSecrets($0)
        }
        sources = (metadata.groundingChunks ?? []).compactMap { chunk in
            guard let place = chunk.web ?? chunk.image, let uri = place.uri ?? place.sourceUri else { return nil }
            return Source(title: place.title.map { redaction.withoutSecrets($0) }, uri: redaction.withoutSecrets(uri))
        }
        renderedChip = (metadata.searchEntryPoint?.renderedContent).map { redaction.withoutSecrets($0) }
        if queries.isEmpty, sources.isEmpty, renderedChip == nil { return nil }
    }
}

package enum AnswerLimits {
    /// Text kept of an answer: an explanation has a few hundred bytes, `maxOutputTokens` allows about 128 KiB.
    package static let textBytes = 131_072
    /// Text kept of what came in the place of an image.
    package static let explanationBytes = 8_192
    /// Decoded bytes of all images of one answer: ten drafts and a picture in 4K stay below.
    package static let imageBytes = 192 * 1_048_576
}

/// What Google counted.
package struct Usage: Sendable, Equatable {
    package var promptTokens: Int
    /// All that came out: images, text and thoughts.
    package var outputTokens: Int
    package var imageTokens: Int
    package var thoughtTokens: Int
    /// The tier that served it, where that was told.
    package var serviceTier: ServiceTier?

    /// The most that any count is taken for: counts feed money, and a model's whole context is 131,072.
    package static let mostTokens = 1 << 24

    package init(promptTokens: Int, outputTokens: Int, imageTokens: Int, thoughtTokens: Int) {
        self.promptTokens = Self.bounded(promptTokens)
        self.outputTokens = Self.bounded(outputTokens)
        self.imageTokens = Self.bounded(imageTokens)
        self.thoughtTokens = Self.bounded(thoughtTokens)
    }

    /// Nil when nothing in it is a count.
    init?(_ metadata: AnswerEnvelope.UsageMetadata) {
        let given = [
            metadata.promptTokenCount, metadata.candidatesTokenCount, metadata.thoughtsTokenCount,
            metadata.toolUsePromptTokenCount, metadata.totalTokenCount,
        ]
        guard given.contains(where: { $0?.number != nil }) else { return nil }
        func count(_ value: AnswerEnvelope.Count?) -> Int { Self.bounded(value?.number ?? 0) }
        let prompt = count(metadata.promptTokenCount) + count(metadata.toolUsePromptTokenCount)
        let candidates = count(metadata.candidatesTokenCount)
        let thoughts = count(metadata.thoughtsTokenCount)
        let images = (metadata.candidatesTokensDetails?.value ?? [])
            .filter { $0.modality?.text == "IMAGE" }.reduce(0) { Self.bounded($0 + count($1.tokenCount)) }
        // The candidates' count has been seen to repeat the thoughts of a refusal, so the total less the prompt counts;
        // it is at least what each of its parts is.
        let output =
            metadata.totalTokenCount?.number == nil
            ? candidates + thoughts : max(count(metadata.totalTokenCount) - prompt, candidates, thoughts)
        self.init(
            promptTokens: prompt, outputTokens: max(output, images), imageTokens: images, thoughtTokens: thoughts)
        serviceTier = ((metadata.serviceTier ?? metadata.trafficType)?.text).flatMap(ServiceTier.init(answered:))
    }

    private static func bounded(_ count: Int) -> Int { min(max(count, 0), mostTokens) }
}
