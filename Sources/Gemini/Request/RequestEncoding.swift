// The body of `generateContent`, as the Developer API and Vertex want it
// (https://ai.google.dev/api/generate-content, read 2026-11-22).

extension GenerationRequest {
    /// Writes the request for a route; nothing of an image is read for it.
    ///
    /// - Parameters:
    ///   - route: `native` or `vertex`; the other route's body has another shape.
    ///   - uploaded: Inputs that are named by their URI instead of being sent along, by sha256.
    /// - Returns: The body with its length.
    /// - Throws: `.upstreamRejected`, not sent, when the route has no place for something that was asked, when `native`
    ///   has a fault, or when a turn of the history is not what an answer gave.
    package func body(
        for route: RouteKind, uploaded: [String: UploadedFile] = [:]
    ) throws(GeminiError) -> RequestBody {
        if nativeFault != nil { throw .unencodable("native") }
        if route != .vertex {
            if personGeneration != nil { throw .unencodable("personGeneration") }
            if outputType != nil { throw .unencodable("outputType") }
        }
        var members: [String: JSONTree] = [
            "contents": .array(try contents(uploaded)),
            "generationConfig": .object(try generationConfig()),
        ]
        if !safety.isEmpty {
            members["safetySettings"] = .array(
                safety.sorted { $0.key < $1.key }.map { category, threshold in
                    .object(["category": .string(category), "threshold": .string(threshold)])
                })
        }
        if let systemInstruction {
            members["systemInstruction"] = .object([
                "parts": .array([.object(["text": .string(systemInstruction)])])
            ])
        }
        // Vertex has it as a header.
        if route == .native, let serviceTier { members["serviceTier"] = .string(serviceTier.rawValue) }
        if !grounding.isEmpty { members["tools"] = .array([.object(["googleSearch": googleSearch])]) }
        return RequestBody(JSONTree.object(members).merging(nativeMembers).pieces)
    }

    private func contents(_ uploaded: [String: UploadedFile]) throws(GeminiError) -> [JSONTree] {
        var contents: [JSONTree] = []
        for turn in history {
            contents.append(Self.user(turn.prompt, turn.inputs, uploaded))
            contents.append(.verbatim(try ModelContent.pieces(of: turn.content, images: turn.images)))
        }
        return contents + [Self.user(prompt, inputs, uploaded)]
    }

    private static func user(
        _ prompt: String, _ inputs: [InputImage], _ uploaded: [String: UploadedFile]
    ) -> JSONTree {
        let images = inputs.map { input -> JSONTree in
            if let file = uploaded[input.sha256] {
                return .object([
                    "fileData": .object(["fileUri": .string(file.uri), "mimeType": .string(input.mimeType)])
                ])
            }
            return .object([
                "inlineData": .object(["data": .image(input.source), "mimeType": .string(input.mimeType)])
            ])
        }
        return .object([
            "role": .string("user"), "parts": .array([.object(["text": .string(prompt)])] + images),
        ])
    }

    private func generationConfig() throws(GeminiError) -> [String: JSONTree] {
        // With ["IMAGE"] alone the model does not say why it made none.
        var config: [String: JSONTree] = ["responseModalities": .array([.string("TEXT"), .string("IMAGE")])]
        var image: [String: JSONTree] = [:]
        image["aspectRatio"] = aspectRatio.map { .string($0) }
        image["imageSize"] = imageSize.map { .string($0) }
        image["personGeneration"] = personGeneration.map { .string($0) }
        image["imageOutputOptions"] = outputType.map { .object(["mimeType": .string($0)]) }
        if !image.isEmpty { config["imageConfig"] = .object(image) }
        config["seed"] = seed.map { .number($0) }
        if let temperature {
            guard temperature.isFinite else { throw .unencodable("temperature") }
            config["temperature"] = .number("\(temperature)")
        }
        var thoughts: [String: JSONTree] = [:]
        thoughts["thinkingLevel"] = thinking.map { .string($0.uppercased()) }
        thoughts["includeThoughts"] = includesThoughts.map { .bool($0) }
        if !thoughts.isEmpty { config["thinkingConfig"] = .object(thoughts) }
        return config
    }

    /// Without `searchTypes` only the web is searched, which every model with grounding takes.
    private var googleSearch: JSONTree {
        guard grounding.contains(.image) else { return .object([:]) }
        var types: [String: JSONTree] = ["imageSearch": .object([:])]
        if grounding.contains(.web) { types["webSearch"] = .object([:]) }
        return .object(["searchTypes": .object(types)])
    }
}

extension GeminiError {
    /// What should have been refused before it came to the encoder.
    static func unencodable(_ name: String) -> GeminiError {
        var error = GeminiError(
            .upstreamRejected, reach: .notSent, charged: .no, "\(name) has no place in a request on this route")
        error.fields = [name]
        return error
    }
}
