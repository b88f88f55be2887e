// The fields of a request, message by message, as the v1beta Developer API and Vertex know them. Every other name is
// rejected.

/// The two APIs that know `generateContent`.
enum Dialect: Sendable {
    case developer, vertex

    /// Before an enum's name in an error.
    var types: String {
        switch self {
        case .developer: "type.googleapis.com/google.ai.generativelanguage.v1beta."
        case .vertex: "type.googleapis.com/google.cloud.aiplatform.v1."
        }
    }
}

/// What a field holds.
enum Field: Sendable {
    case string, bytes, bool, int32, float, any
    /// An enum's full type name and its values.
    case oneOf(String, [String])
    case message(Message)
    case list(of: Item)

    /// What a repeated field holds.
    enum Item: Sendable {
        case string, any
        case oneOf(String, [String])
        case message(Message)
    }
}

/// A message whose fields are checked.
enum Message: Sendable {
    case request, content, part, blob, fileData, generationConfig, imageConfig, responseFormat, imageFormat
    case thinkingConfig, safetySetting, tool, googleSearch, searchTypes, timeRange, mediaResolution, empty
    case imageOutputOptions

    /// The fields by their JSON names.
    func fields(in dialect: Dialect) -> [String: Field] {
        var fields = commonFields(dialect)
        switch (self, dialect) {
        case (.request, .developer):
            fields["store"] = .bool
            fields["serviceTier"] = .oneOf(dialect.types + "ServiceTier", ["flex", "standard", "priority"])
        case (.request, .vertex): fields["modelArmorConfig"] = .any
        case (.imageConfig, .vertex):
            fields["personGeneration"] = .oneOf(
                dialect.types + "ImageConfig.PersonGeneration", ["ALLOW_ALL", "ALLOW_ADULT", "ALLOW_NONE"])
            fields["prominentPeople"] = .oneOf(
                dialect.types + "ImageConfig.ProminentPeople", ["ALLOW_PROMINENT_PEOPLE", "BLOCK_PROMINENT_PEOPLE"])
            fields["imageOutputOptions"] = .message(.imageOutputOptions)
        case (.safetySetting, .vertex):
            fields["method"] = .oneOf(
                dialect.types + "SafetySetting.HarmBlockMethod", ["SEVERITY", "PROBABILITY"])
            fields["category"] = .oneOf(
                dialect.types + "HarmCategory", Self.harmCategories + Self.vertexHarmCategories)
        case (.googleSearch, .developer): fields["timeRangeFilter"] = .message(.timeRange)
        case (.googleSearch, .vertex):
            fields["excludeDomains"] = .list(of: .string)
            fields["blockingConfidence"] = .string
        default: break
        }
        return fields
    }

    private func commonFields(_ dialect: Dialect) -> [String: Field] {
        let types = dialect.types
        return switch self {
        case .request:
            [
                "model": .string, "contents": .list(of: .message(.content)), "systemInstruction": .message(.content),
                "generationConfig": .message(.generationConfig),
                "safetySettings": .list(of: .message(.safetySetting)), "tools": .list(of: .message(.tool)),
                "toolConfig": .any, "cachedContent": .string, "labels": .any,
            ]
        case .content: ["role": .string, "parts": .list(of: .message(.part))]
        case .part:
            [
                "text": .string, "inlineData": .message(.blob), "fileData": .message(.fileData), "thought": .bool,
                "thoughtSignature": .bytes, "mediaResolution": .message(.mediaResolution), "partMetadata": .any,
                "videoMetadata": .any, "functionCall": .any, "functionResponse": .any, "executableCode": .any,
                "codeExecutionResult": .any, "toolCall": .any, "toolResponse": .any,
            ]
        case .blob: ["mimeType": .string, "data": .bytes]
        case .fileData: ["mimeType": .string, "fileUri": .string]
        case .generationConfig: Self.generationConfigFields(types)
        case .imageConfig: ["aspectRatio": .string, "imageSize": .string]
        case .responseFormat: ["image": .message(.imageFormat), "text": .any]
        case .imageFormat:
            [
                "aspectRatio": .oneOf(types + "AspectRatio", Array(Self.ratioNames.keys)),
                "imageSize": .oneOf(types + "ImageSize", Array(Self.sizeNames.keys)),
                "mimeType": .string, "delivery": .oneOf(types + "Delivery", ["INLINE", "URI"]),
            ]
        case .thinkingConfig:
            [
                "includeThoughts": .bool, "thinkingBudget": .int32,
                "thinkingLevel": .oneOf(
                    types + "ThinkingConfig.ThinkingLevel", ["MINIMAL", "LOW", "MEDIUM", "HIGH", "XHIGH"]),
            ]
        case .safetySetting:
            [
                "category": .oneOf(types + "HarmCategory", Self.harmCategories),
                "threshold": .oneOf(types + "SafetySetting.HarmBlockThreshold", Self.thresholds),
            ]
        case .tool:
            [
                "googleSearch": .message(.googleSearch), "urlContext": .message(.empty),
                "codeExecution": .message(.empty),
                "functionDeclarations": .any, "googleSearchRetrieval": .any,
            ]
        case .googleSearch:
            ["searchTypes": .message(.searchTypes)]
        case .searchTypes: ["webSearch": .message(.empty), "imageSearch": .message(.empty)]
        case .timeRange: ["startTime": .string, "endTime": .string]
        case .mediaResolution: ["level": .oneOf(types + "Part.MediaResolution.Level", Self.resolutions)]
        case .imageOutputOptions: ["mimeType": .string, "compressionQuality": .int32]
        case .empty: [:]
        }
    }

    private static func generationConfigFields(_ types: String) -> [String: Field] {
        [
            "responseModalities": .list(of: .oneOf(types + "GenerationConfig.Modality", ["TEXT", "IMAGE", "AUDIO"])),
            "imageConfig": .message(.imageConfig), "responseFormat": .list(of: .message(.responseFormat)),
            "candidateCount": .int32, "seed": .int32, "temperature": .float, "topP": .float, "topK": .float,
            "maxOutputTokens": .int32, "stopSequences": .list(of: .string), "responseMimeType": .string,
            "responseSchema": .any, "responseJsonSchema": .any, "presencePenalty": .float, "frequencyPenalty": .float,
            "responseLogprobs": .bool, "logprobs": .int32, "enableEnhancedCivicAnswers": .bool, "speechConfig": .any,
            "thinkingConfig": .message(.thinkingConfig),
            "mediaResolution": .oneOf(types + "GenerationConfig.MediaResolution", resolutions),
        ]
    }

    private static let harmCategories = [
        "HARM_CATEGORY_HARASSMENT", "HARM_CATEGORY_HATE_SPEECH", "HARM_CATEGORY_SEXUALLY_EXPLICIT",
        "HARM_CATEGORY_DANGEROUS_CONTENT", "HARM_CATEGORY_CIVIC_INTEGRITY",
    ]

    private static let vertexHarmCategories = [
        "HARM_CATEGORY_JAILBREAK", "HARM_CATEGORY_IMAGE_HATE", "HARM_CATEGORY_IMAGE_DANGEROUS_CONTENT",
        "HARM_CATEGORY_IMAGE_HARASSMENT", "HARM_CATEGORY_IMAGE_SEXUALLY_EXPLICIT",
    ]

    private static let thresholds = [
        "BLOCK_LOW_AND_ABOVE", "BLOCK_MEDIUM_AND_ABOVE", "BLOCK_ONLY_HIGH", "BLOCK_NONE", "OFF",
        "HARM_BLOCK_THRESHOLD_UNSPECIFIED",
    ]

    private static let resolutions = [
        "MEDIA_RESOLUTION_LOW", "MEDIA_RESOLUTION_MEDIUM", "MEDIA_RESOLUTION_HIGH", "MEDIA_RESOLUTION_ULTRA_HIGH",
    ]

    /// The proto names of `responseFormat`, with the strings of `imageConfig`.
    static let ratioNames: [String: String] = [
        "ASPECT_RATIO_ONE_BY_ONE": "1:1", "ASPECT_RATIO_TWO_BY_THREE": "2:3", "ASPECT_RATIO_THREE_BY_TWO": "3:2",
        "ASPECT_RATIO_THREE_BY_FOUR": "3:4", "ASPECT_RATIO_FOUR_BY_THREE": "4:3", "ASPECT_RATIO_FOUR_BY_FIVE": "4:5",
        "ASPECT_RATIO_FIVE_BY_FOUR": "5:4", "ASPECT_RATIO_NINE_BY_SIXTEEN": "9:16",
        "ASPECT_RATIO_SIXTEEN_BY_NINE": "16:9", "ASPECT_RATIO_TWENTY_ONE_BY_NINE": "21:9",
        "ASPECT_RATIO_ONE_BY_FOUR": "1:4", "ASPECT_RATIO_FOUR_BY_ONE": "4:1", "ASPECT_RATIO_ONE_BY_EIGHT": "1:8",
        "ASPECT_RATIO_EIGHT_BY_ONE": "8:1",
    ]

    static let sizeNames: [String: String] = [
        "IMAGE_SIZE_FIVE_TWELVE": "512", "IMAGE_SIZE_ONE_K": "1K", "IMAGE_SIZE_TWO_K": "2K", "IMAGE_SIZE_FOUR_K": "4K",
    ]
}
