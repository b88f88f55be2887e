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
    /// base64; nil when it cannot be sent back, since something in it was no image.
    package var content: [UInt8]?
    /// What a grounded answer was drawn from.
    package var findings: SearchFindings?
    package var remarks: [AnswerRemark]

    package var finalImage: Image { images[finalIndex] }
}

/// Something about an answer that its reader should know.
package struct AnswerRemark: Sendable, Equatable {
    /// `model_deprecated` or `unreadable_image`.
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
}

/// What Google counted.
package struct Usage: Sendable, Equatable {
    package var promptTokens: Int
    /// Candidates' tokens, images included, thoughts not.
    package var outputTokens: Int
    package var imageTokens: Int
    package var thoughtTokens: Int
    package var totalTokens: Int

    package init(promptTokens: Int, outputTokens: Int, imageTokens: Int, thoughtTokens: Int, totalTokens: Int) {
        self.promptTokens = promptTokens
        self.outputTokens = outputTokens
        self.imageTokens = imageTokens
        self.thoughtTokens = thoughtTokens
        self.totalTokens = totalTokens
    }

    init(_ metadata: AnswerEnvelope.UsageMetadata) {
        // Counts feed money, so nothing negative and nothing absurd gets in.
        func count(_ value: Int?) -> Int { min(max(value ?? 0, 0), 1 << 32) }
        promptTokens = count(metadata.promptTokenCount) + count(metadata.toolUsePromptTokenCount)
        outputTokens = count(metadata.candidatesTokenCount)
        thoughtTokens = count(metadata.thoughtsTokenCount)
        imageTokens = (metadata.candidatesTokensDetails ?? [])
            .filter { $0.modality == "IMAGE" }.map { count($0.tokenCount) }.reduce(0, +)
        totalTokens = max(count(metadata.totalTokenCount), promptTokens + outputTokens + thoughtTokens)
    }
}
