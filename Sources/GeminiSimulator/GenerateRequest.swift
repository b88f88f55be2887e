// A `generateContent` request that the API would accept, and the sentences in which it refuses the others.

/// What one accepted request asks for.
struct GenerateRequest: Sendable {
    var model: Model
    /// The text of the last user turn.
    var prompt = ""
    var ratio = "1:1"
    var size = ImageSize.one
    var seed = 0
    var wantsImage = true
    var wantsThoughts = false
    var inputImages = 0

    /// Reads a parsed body, whose long strings have been replaced by `blobs`, see `RequestBody`.
    init(model id: String, body: JSON, blobs: [Blob]) throws(Refusal) {
        guard let model = Model.named(id) else { throw Self.unknownModel(id) }
        self.model = model
        let body = try FieldCheck.canonical(body)
        try readContents(body["contents"]?.elements ?? [], blobs: blobs)
        let config = body["generationConfig"] ?? [:]
        try readModalities(config["responseModalities"])
        try readImageConfig(config)
        try readThinking(config["thinkingConfig"])
        seed = config["seed"]?.integerValue ?? 0
        if let count = config["candidateCount"]?.integerValue, count != 1 {
            throw .invalidArgument("Multiple candidates is not enabled for this model")
        }
        for (index, setting) in (body["safetySettings"]?.elements ?? []).enumerated() where setting["category"] == nil {
            throw .invalidArgument(
                "* GenerateContentRequest.safety_settings[\(index)].category: category is required\n")
        }
    }

    static func unknownModel(_ id: String) -> Refusal {
        Refusal(
            status: 404, code: "NOT_FOUND",
            message: "models/\(id) is not found for API version v1beta, or is not supported for generateContent. "
                + "Call ListModels to see the list of available models and their supported methods.")
    }

    /// The prompt of a body, also of one that will be refused: rules and the record go by it.
    static func prompt(of body: JSON) -> String {
        let turns = body["contents"]?.elements ?? body["contents"].map { [$0] } ?? []
        let turn = turns.last { ($0["role"]?.text ?? "user") == "user" }
        return (turn?["parts"]?.elements ?? []).compactMap { $0["text"]?.text }.joined(separator: "\n")
    }

    private mutating func readContents(_ contents: [JSON], blobs: [Blob]) throws(Refusal) {
        if contents.isEmpty { throw .invalidArgument("* GenerateContentRequest.contents: contents is not specified\n") }
        for (turnIndex, turn) in contents.enumerated() {
            let role = turn["role"]?.text ?? "user"
            if role != "user" && role != "model" { throw .invalidArgument("Please use a valid role: user, model.") }
            let parts = turn["parts"]?.elements ?? []
            if parts.isEmpty {
                throw .invalidArgument(
                    "* GenerateContentRequest.contents[\(turnIndex)].parts: contents.parts must not be empty.\n")
            }
            for (partIndex, part) in parts.enumerated() {
                try readPart(part, ofModel: role == "model", at: (turnIndex, partIndex), blobs: blobs)
            }
        }
        prompt = Self.prompt(of: ["contents": .array(contents)])
    }

    private mutating func readPart(
        _ part: JSON, ofModel: Bool, at place: (turn: Int, part: Int), blobs: [Blob]
    ) throws(Refusal) {
        let payloads = ["text", "inlineData", "fileData", "functionCall", "functionResponse"].filter { part[$0] != nil }
        if payloads.count > 1 {
            throw .invalidArgument(
                "Invalid value at 'contents[\(place.turn)].parts[\(place.part)]' (oneof), oneof field 'data' is "
                    + "already set. Cannot set '\(payloads[1])'")
        }
        guard let inline = part["inlineData"] else { return }
        if ofModel, model.demandsSignatures, part["thoughtSignature"] == nil {
            throw .invalidArgument(
                "Image part is missing a thought_signature in content position \(place.turn + 1), part position "
                    + "\(place.part + 1). Please refer to https://ai.google.dev/gemini-api/docs/thought-signatures "
                    + "for more details.")
        }
        let type = inline["mimeType"]?.text ?? ""
        if !["image/png", "image/jpeg", "image/webp", "image/heic", "image/heif"].contains(type) {
            throw .invalidArgument("Unsupported MIME type: \(type)")
        }
        let blob = Blob(standingFor: inline["data"]?.text ?? "", among: blobs)
        if !blob.isBase64 {
            throw .invalidArgument(
                "Invalid value at 'contents[\(place.turn)].parts[\(place.part)].inline_data.data' (TYPE_BYTES), "
                    + "Base64 decoding failed")
        }
        if !blob.isImage { throw .invalidArgument("Provided image is not valid.") }
        inputImages += 1
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
        guard let size else { return }
        if model.sizes == [.one], !model.hasThinking {
            throw .invalidArgument("Image size is not enabled for this model")
        }
        guard let known = ImageSize(rawValue: size), model.sizes.contains(known) else {
            throw Self.mustBeOneOf("image_size", model.sizes.map(\.rawValue))
        }
        self.size = known
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
}
