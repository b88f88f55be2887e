// A `generateContent` request that the API would accept, and the sentences in which it refuses the others.

/// What one accepted request asks for.
struct GenerateRequest: Sendable {
    var model: Model
    var dialect = Dialect.developer
    /// The text of the last user turn.
    var prompt = ""
    var ratio = "1:1"
    var size = ImageSize.one
    var seed = 0
    var wantsImage = true
    var wantsThoughts = false
    var inputImages = 0
    /// The sides of the first input image that shows them.
    var firstInput: ImageSides?
    /// The type that was asked for, where it can be.
    var imageType: ImageType?
    var searches: Set<Model.Search> = []
    /// Of the Developer API; on Vertex it is a header.
    var serviceTier = "standard"

    init(model: Model) { self.model = model }

    /// Reads a parsed body, whose long strings have been replaced by `blobs`, see `RequestBody`.
    init(model: Model, body: JSON, blobs: [Blob], check: ContentsCheck) throws(Refusal) {
        self.model = model
        dialect = check.dialect
        let body = try FieldCheck.canonical(body, dialect: check.dialect)
        try readContents(body["contents"]?.elements ?? [], blobs: blobs, check)
        if let tier = body["serviceTier"]?.text { serviceTier = tier }
        let config = body["generationConfig"] ?? [:]
        try readModalities(config["responseModalities"])
        ratio = firstInput?.nearest(of: model.ratios) ?? ratio
        try readImageConfig(config)
        try readThinking(config["thinkingConfig"])
        try readSampling(config)
        try readTools(body["tools"]?.elements ?? [])
        for (index, setting) in (body["safetySettings"]?.elements ?? []).enumerated() where setting["category"] == nil {
            throw .invalidArgument(
                "* GenerateContentRequest.safety_settings[\(index)].category: category is required\n")
        }
    }

    /// Counted as the API does, roughly: a token for four bytes, and so many for an image.
    var textTokens: Int { prompt.utf8.count / 4 + 1 }
    var inputTokens: Int { textTokens + inputImages * model.inputImageTokens }

    static func unknownModel(_ id: String, version: String) -> Refusal {
        Refusal(
            status: 404, code: "NOT_FOUND",
            message: "models/\(id) is not found for API version \(version), or is not supported for generateContent. "
                + "Call ListModels to see the list of available models and their supported methods.")
    }

    /// The prompt of a body, also of one that will be refused: rules and the record go by it.
    static func prompt(of body: JSON) -> String {
        if let prompt = body["prompt"]?.text { return prompt }
        let turns = body["contents"]?.elements ?? body["contents"].map { [$0] } ?? []
        let turn = turns.last { ($0["role"]?.text ?? "user") == "user" }
        let parts = turn?["parts"].map { $0.elements.isEmpty ? [$0] : $0.elements } ?? []
        return parts.compactMap { $0["text"]?.text }.joined(separator: "\n")
    }

    private mutating func readModalities(_ modalities: JSON?) throws(Refusal) {
        let asked = Set((modalities?.elements ?? []).compactMap(\.text))
        let possible: [Set<String>] = model.drawsImages ? [["TEXT"], ["IMAGE"], ["TEXT", "IMAGE"]] : [["TEXT"]]
        if !asked.isEmpty, !possible.contains(asked) {
            let list = possible.map { "* " + $0.sorted(by: >).joined(separator: ", ") }.joined(separator: "\n")
            throw .invalidArgument(
                "The requested combination of response modalities (\(asked.sorted().joined(separator: ", "))) is not "
                    + "supported by the model. models/\(model.id) accepts the following combination of response "
                    + "modalities:\n\(list)\n")
        }
        wantsImage = model.drawsImages && (asked.isEmpty || asked.contains("IMAGE"))
    }

    private mutating func readImageConfig(_ config: JSON) throws(Refusal) {
        let format = config["responseFormat"]?.elements.lazy.compactMap { $0["image"] }.first
        let imageConfig = config["imageConfig"]
        let ratio = imageConfig?["aspectRatio"]?.text ?? format?["aspectRatio"]?.text.flatMap { Message.ratioNames[$0] }
        let size = imageConfig?["imageSize"]?.text ?? format?["imageSize"]?.text.flatMap { Message.sizeNames[$0] }
        if !model.drawsImages, imageConfig != nil || format != nil {
            throw .invalidArgument("Aspect ratio is not enabled for this model")
        }
        if let ratio {
            if !model.ratios.contains(ratio) { throw Self.mustBeOneOf("aspect_ratio", model.ratiosInOrder) }
            self.ratio = ratio
        }
        try readOutput(imageConfig?["imageOutputOptions"])
        guard let size else { return }
        if model.sizes == [.one], !model.hasThinking {
            throw .invalidArgument("Image size is not enabled for this model")
        }
        guard let known = ImageSize(rawValue: size), model.sizes.contains(known) else {
            throw Self.mustBeOneOf("image_size", model.sizes.map(\.rawValue))
        }
        self.size = known
    }

    private mutating func readOutput(_ options: JSON?) throws(Refusal) {
        if let type = options?["mimeType"]?.text {
            guard let known = ImageType(mimeType: type), known != .webp else {
                throw Self.mustBeOneOf("image_output_options.mime_type", ["image/png", "image/jpeg"])
            }
            imageType = known
        }
        if let quality = options?["compressionQuality"]?.integerValue, !(0...100).contains(quality) {
            throw .invalidArgument(
                "* GenerateContentRequest.generation_config.image_config.image_output_options.compression_quality: "
                    + "compression_quality must be in the range [0, 100].\n")
        }
    }

    private static func mustBeOneOf(_ field: String, _ values: [String]) -> Refusal {
        let quoted = values.map { "'\($0)'" }
        let list =
            quoted.count > 2
            ? quoted.dropLast().joined(separator: ", ") + ", or " + (quoted.last ?? "")
            : quoted.joined(separator: " or ")
        return .invalidArgument(
            "* GenerateContentRequest.generation_config.image_config.\(field): \(field) must be one of \(list).\n")
    }

    private mutating func readThinking(_ thinking: JSON?) throws(Refusal) {
        guard let thinking else { return }
        if !model.hasThinking { throw .invalidArgument("Thinking is not enabled for models/\(model.id)") }
        if thinking["thinkingLevel"] != nil, thinking["thinkingBudget"] != nil {
            throw .invalidArgument("You can only set only one of thinking budget and thinking level.")
        }
        if let level = thinking["thinkingLevel"]?.text, model.drawsImages, !model.thinkingLevels.contains(level) {
            throw .invalidArgument(
                "Thinking level \(level) is not supported for this model. Please retry with other thinking level.")
        }
        wantsThoughts = thinking["includeThoughts"]?.isTrue ?? false
    }

    private mutating func readSampling(_ config: JSON) throws(Refusal) {
        seed = config["seed"]?.integerValue ?? 0
        for (name, field, largest) in [("temperature", "temperature", 2.0), ("topP", "top_p", 1.0)] {
            guard let value = config[name]?.number, !(0...largest).contains(value) else { continue }
            throw .invalidArgument(
                "* GenerateContentRequest.generation_config.\(field): \(field) must be in the range [0.0, \(largest)].\n"
            )
        }
        if let count = config["candidateCount"]?.integerValue, count != 1 {
            throw .invalidArgument("Multiple candidates is not enabled for this model")
        }
        if let most = config["maxOutputTokens"]?.integerValue, !(1...32768).contains(most) {
            throw .invalidArgument(
                "Unable to submit request because it has a maxOutputTokens value of \(most) but the supported range is "
                    + "from 1 (inclusive) to 32769 (exclusive). Update the value and try again.")
        }
    }

    private mutating func readTools(_ tools: [JSON]) throws(Refusal) {
        for tool in tools {
            if tool["functionDeclarations"] != nil, model.drawsImages {
                throw .invalidArgument("Function calling is not enabled for models/\(model.id)")
            }
            guard let search = tool["googleSearch"] else { continue }
            if model.searches.isEmpty { throw .invalidArgument("Search as tool is not enabled for this model") }
            if let range = search["timeRangeFilter"], (range["startTime"] == nil) != (range["endTime"] == nil) {
                throw .invalidArgument("Time range filter needs both start_time and end_time.")
            }
            let types = search["searchTypes"]
            // Pages only, when nothing is said; a model without image search gives pages for both.
            if types?["imageSearch"] != nil, model.searches.contains(.images) { searches.insert(.images) }
            if types?["webSearch"] != nil || types?["imageSearch"] == nil || searches.isEmpty {
                searches.insert(.pages)
            }
        }
    }
}
