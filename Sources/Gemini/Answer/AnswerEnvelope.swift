// What is left of an answer when the scanner has taken its images out. Every field is optional and unknown ones are
// ignored: Google adds and omits as it likes. Member names as in the API reference
// (https://ai.google.dev/api/generate-content, read 2026-11-22); snake_case spellings mean the same.

import FoundationEssentials

struct AnswerEnvelope: Decodable {
    var candidates: [Candidate]?
    var promptFeedback: PromptFeedback?
    var usageMetadata: UsageMetadata?
    var modelVersion: String?
    var responseId: String?
    /// Errors come under a 200 too.
    var error: ErrorStatus?

    struct Candidate: Decodable {
        var content: Content?
        var finishReason: String?
        var finishMessage: String?
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
        decoder.keyDecodingStrategy = .convertFromSnakeCase
        let data = Data(rest)
        guard rest.first(where: { $0 != UInt8(ascii: " ") }) == UInt8(ascii: "[") else {
            self = try decoder.decode(AnswerEnvelope.self, from: data)
            return
        }
        let list = try decoder.decode([AnswerEnvelope].self, from: data)
        guard let only = list.first, list.count == 1 else { throw AnswerScannerError.notJSON }
        self = only
    }
}
