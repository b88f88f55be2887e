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
        /// Read from the bytes.
        package var header: ImageHeader
    }

    /// In the order of their parts.
    package var images: [Image]
    /// Index of the last image that is not a draft; its `header` is `.known`.
    package var finalIndex: Int
    /// The text parts that are not thoughts, joined, at most `AnswerLimits.textBytes`.
    package var text: String
    package var finishReason: String?
    package var finishMessage: String?
    package var usage: Usage?
    package var modelVersion: String?
    package var responseID: String?
    /// The body's JSON with each image's text replaced by its number: what `continues` needs to replay the turn.
    package var envelope: [UInt8]

    package var finalImage: Image { images[finalIndex] }
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
