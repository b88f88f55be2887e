// What is left of an answer when the scanner has taken its images out. Every field is optional and unknown ones are
// ignored: Google adds and omits as it likes. Member names as in the API reference
// (https://ai.google.dev/api/generate-content, read 2026-11-22); snake_case spellings mean the same.

import FoundationEssentials

struct AnswerEnvelope: Decodable {
    var candidates: [Candidate]?
    var promptFeedback: PromptFeedback?
    var usageMetadata: Lenient<UsageMetadata>?
    var modelVersion: String?
    var responseId: String?
    var modelStatus: Lenient<ModelStatus>?
    /// The images of the compatible layer, which gives nothing but them and `model`.
    var data: Lenient<[CompatibleImage]>?
    var model: String?
    /// Errors come under a 200 too.
    var error: ErrorStatus?

    struct Candidate: Decodable {
        var content: Content?
        var finishReason: String?
        var finishMessage: String?
        var groundingMetadata: Lenient<GroundingMetadata>?
    }

    /// What an image is not thrown away for: a shape that is not the expected one counts as absent.
    struct Lenient<Value: Decodable>: Decodable {
        var value: Value?

        init(from decoder: any Decoder) throws { value = try? Value(from: decoder) }
    }

    struct GroundingMetadata: Decodable {
        var webSearchQueries: [String]?
        var imageSearchQueries: [String]?
        var groundingChunks: [Chunk]?
        var searchEntryPoint: EntryPoint?

        struct Chunk: Decodable {
            var web: Place?
            var image: Place?
        }

        struct Place: Decodable {
            var title: String?
            /// Of a web page.
            var uri: String?
            /// Of the page that has the image.
            var sourceUri: String?
        }

        struct EntryPoint: Decodable {
            var renderedContent: String?
        }
    }

    struct CompatibleImage: Decodable {
        /// `b64_json`: as `InlineData.data`.
        var b64Json: Int?
    }

    struct ModelStatus: Decodable {
        var message: String?
        /// `STABLE`, `DEPRECATED` and the like.
        var modelStage: String?
        var retirementTime: String?
    }

    struct Content: Decodable {
        var parts: [Part]?
    }

    struct Part: Decodable {
        var text: String?
        var thought: Bool?
        var inlineData: InlineData?
    }

    struct InlineData: Decodable {
        var mimeType: String?
        /// The number that the scanner gave to the image whose text stood here.
        var data: Int?
    }

    struct PromptFeedback: Decodable {
        var blockReason: String?
        var blockReasonMessage: String?
    }

    struct UsageMetadata: Decodable {
        var promptTokenCount: Int?
        var candidatesTokenCount: Int?
        var thoughtsTokenCount: Int?
        var toolUsePromptTokenCount: Int?
        var totalTokenCount: Int?
        var candidatesTokensDetails: [Detail]?

        struct Detail: Decodable {
            var modality: String?
            var tokenCount: Int?
        }
    }

    /// Reads the scanner's `rest`; an array of one element is that element.
    init(rest: [UInt8]) throws {
        let decoder = JSONDecoder()
        // Looking for capitals and underscores in every name is most of the work; Google writes camelCase.
        if rest.contains(UInt8(ascii: "_")) { decoder.keyDecodingStrategy = .convertFromSnakeCase }
        let data = Data(rest)
        guard rest.first(where: { $0 != UInt8(ascii: " ") }) == UInt8(ascii: "[") else {
            self = try decoder.decode(AnswerEnvelope.self, from: data).inNativeShape
            return
        }
        let list = try decoder.decode([AnswerEnvelope].self, from: data)
        guard let only = list.first, list.count == 1 else { throw AnswerScannerError.notJSON }
        self = only.inNativeShape
    }

    /// This envelope with the images of the compatible layer as one candidate's parts.
    private var inNativeShape: AnswerEnvelope {
        guard candidates == nil, let images = data?.value else { return self }
        var native = self
        let parts = images.compactMap { image in
            image.b64Json.map { Part(inlineData: InlineData(data: $0)) }
        }
        native.candidates = [Candidate(content: Content(parts: parts))]
        native.modelVersion = modelVersion ?? model
        return native
    }
}
