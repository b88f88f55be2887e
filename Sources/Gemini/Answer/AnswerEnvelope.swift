// What is left of an answer when the scanner has taken its images out. Every field is optional and unknown ones are
// ignored: Google adds and omits as it likes. A scalar of another type than the reference's costs no image either: it is
// read as what it says, or counts as absent. Member names as in the API reference
// (https://ai.google.dev/api/generate-content, read 2026-11-22); snake_case spellings mean the same.

import FoundationEssentials

struct AnswerEnvelope: Decodable {
    var candidates: [Candidate]?
    var promptFeedback: Lenient<PromptFeedback>?
    var usageMetadata: Lenient<UsageMetadata>?
    var modelVersion: Word?
    var responseId: Word?
    var modelStatus: Lenient<ModelStatus>?
    /// The images of the compatible layer, which gives nothing but them and `model`.
    var data: Lenient<[CompatibleImage]>?
    var model: Word?
    /// Errors come under a 200 too.
    var error: ErrorStatus?

    struct Candidate: Decodable {
        var content: Lenient<Content>?
        var finishReason: Word?
        var finishMessage: Word?
        var groundingMetadata: Lenient<GroundingMetadata>?
    }

    /// What an image is not thrown away for: a shape that is not the expected one counts as absent.
    struct Lenient<Value: Decodable>: Decodable {
        var value: Value?

        init(value: Value?) { self.value = value }

        init(from decoder: any Decoder) throws { value = try? Value(from: decoder) }
    }

    /// A text, or the number of an enumeration as a text.
    struct Word: Decodable {
        var text: String?

        init(from decoder: any Decoder) throws {
            let value = try decoder.singleValueContainer()
            text =
                (try? value.decode(String.self)) ?? (try? value.decode(Int.self)).map { "\($0)" }
                ?? (try? value.decode(Bool.self)).map { "\($0)" }
        }
    }

    struct Flag: Decodable {
        var isSet: Bool

        init(from decoder: any Decoder) throws {
            let value = try decoder.singleValueContainer()
            isSet =
                (try? value.decode(Bool.self)) ?? (try? value.decode(String.self)).map { $0.lowercased() == "true" }
                ?? ((try? value.decode(Int.self)) == 1)
        }
    }

    /// A count, which proto3's JSON writes as a text where it has 64 bits.
    struct Count: Decodable {
        var number: Int?

        init(from decoder: any Decoder) throws {
            let value = try decoder.singleValueContainer()
            number = (try? value.decode(Int.self)) ?? (try? value.decode(String.self)).flatMap { Int($0) }
        }
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
        var b64Json: Lenient<Int>?
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
        var text: Word?
        var thought: Flag?
        var inlineData: Lenient<InlineData>?

        var isThought: Bool { thought?.isSet == true }
    }

    struct InlineData: Decodable {
        var mimeType: Word?
        /// The number that the scanner gave to the image whose text stood here.
        var data: Lenient<Int>?
    }

    struct PromptFeedback: Decodable {
        var blockReason: Word?
        var blockReasonMessage: Word?
    }

    struct UsageMetadata: Decodable {
        var promptTokenCount: Count?
        var candidatesTokenCount: Count?
        var thoughtsTokenCount: Count?
        var toolUsePromptTokenCount: Count?
        var totalTokenCount: Count?
        var candidatesTokensDetails: Lenient<[Detail]>?
        /// Of the Developer API.
        var serviceTier: Word?
        /// Of Vertex.
        var trafficType: Word?

        struct Detail: Decodable {
            var modality: Word?
            var tokenCount: Count?
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
            image.b64Json.map { Part(inlineData: Lenient(value: InlineData(data: $0))) }
        }
        native.candidates = [Candidate(content: Lenient(value: Content(parts: parts)))]
        native.modelVersion = modelVersion ?? model
        return native
    }
}
