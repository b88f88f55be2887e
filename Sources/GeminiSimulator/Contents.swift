// The turns of a request: their parts, the images in them, and the signatures that a model's own turns bring back.

/// What a request's turns are checked against.
struct ContentsCheck: Sendable {
    var dialect = Dialect.developer
    /// Version segment of the path.
    var version = "v1beta"
    /// Files of the Files API that may be named; those of `project` only.
    var files: FileStore
    var project = ""
}

extension GenerateRequest {
    /// Most images in one turn.
    static let inputImages = 14
    /// Largest image that Vertex takes inline.
    private static let vertexImageBytes = 7 * 1024 * 1024
    private static let imageTypes = ["image/png", "image/jpeg", "image/webp", "image/heic", "image/heif"]

    mutating func readContents(_ contents: [JSON], blobs: [Blob], _ check: ContentsCheck) throws(Refusal) {
        if contents.isEmpty { throw .invalidArgument("* GenerateContentRequest.contents: contents is not specified\n") }
        for (turnIndex, turn) in contents.enumerated() {
            // The Developer API takes a turn without a role for the user's; Vertex does not.
            let role = turn["role"]?.text ?? (check.dialect == .developer ? "user" : "")
            if role != "user" && role != "model" { throw .invalidArgument("Please use a valid role: user, model.") }
            let parts = turn["parts"]?.elements ?? []
            if parts.isEmpty {
                throw .invalidArgument(
                    "* GenerateContentRequest.contents[\(turnIndex)].parts: contents.parts must not be empty.\n")
            }
            let before = inputImages
            // Place among the parts that are no thoughts, which a signature binds.
            var place = 0
            for (partIndex, part) in parts.enumerated() {
                let where_ = Place(turn: turnIndex, part: partIndex, amongAnswers: place)
                let image = try readImage(part, at: where_, blobs: blobs, check)
                if role == "model" {
                    try checkSignature(part, image, at: where_, check)
                } else if let image {
                    inputImages += 1
                    if firstInput == nil { firstInput = image.sides }
                }
                if part["thought"]?.isTrue != true { place += 1 }
            }
            if inputImages - before > Self.inputImages {
                throw .invalidArgument(
                    "Too many images in the request: \(inputImages - before). The maximum is \(Self.inputImages).")
            }
        }
        prompt = Self.prompt(of: ["contents": .array(contents)])
    }

    /// Where a part stands.
    private struct Place {
        let turn: Int
        let part: Int
        let amongAnswers: Int
    }

    /// An image in a part, wherever its bytes are.
    private struct PartImage {
        let sides: ImageSides?
        let sha256: String
    }

    private func readImage(
        _ part: JSON, at place: Place, blobs: [Blob], _ check: ContentsCheck
    ) throws(Refusal) -> PartImage? {
        let payloads = ["text", "inlineData", "fileData", "functionCall", "functionResponse"].filter { part[$0] != nil }
        if payloads.count > 1 {
            throw .invalidArgument(
                "Invalid value at 'contents[\(place.turn)].parts[\(place.part)]' (oneof), oneof field 'data' is "
                    + "already set. Cannot set '\(payloads[1])'")
        }
        if let file = part["fileData"] { return try readFile(file, check) }
        guard let inline = part["inlineData"] else { return nil }
        let type = inline["mimeType"]?.text ?? ""
        if !Self.imageTypes.contains(type) { throw .invalidArgument("Unsupported MIME type: \(type)") }
        let blob = Blob(standingFor: inline["data"]?.text ?? "", among: blobs)
        if !blob.isBase64 {
            throw .invalidArgument(
                "Invalid value at 'contents[\(place.turn)].parts[\(place.part)].inline_data.data' (TYPE_BYTES), "
                    + "Base64 decoding failed")
        }
        if !blob.isImage { throw .invalidArgument("Provided image is not valid.") }
        if check.dialect == .vertex, blob.byteCount > Self.vertexImageBytes {
            throw .invalidArgument(
                "The image is larger than 7 MB, which is the limit for inline data. Use a gs:// URI instead.")
        }
        return PartImage(sides: ImageSides(blob.start), sha256: blob.sha256)
    }

    private func readFile(_ file: JSON, _ check: ContentsCheck) throws(Refusal) -> PartImage? {
        let uri = file["fileUri"]?.text ?? ""
        let type = file["mimeType"]?.text
        if let type, !Self.imageTypes.contains(type) { throw .invalidArgument("Unsupported MIME type: \(type)") }
        let id = uri.split(separator: "/").suffix(2)
        guard id.first == "files", let name = id.last else {
            // Nothing is fetched: an image that exists is taken for granted.
            guard uri.hasPrefix("https://") || uri.hasPrefix("gs://") else {
                throw .invalidArgument("Invalid or unsupported file uri: \(uri)")
            }
            return PartImage(sides: nil, sha256: "")
        }
        if check.dialect == .vertex { throw .invalidArgument("Invalid or unsupported file uri: \(uri)") }
        let known = try check.files.file(String(name), project: check.project)
        if !Self.imageTypes.contains(known.mimeType) {
            throw .invalidArgument("Unsupported MIME type: \(known.mimeType)")
        }
        if !Blob.isImage(known.start) { throw .invalidArgument("Provided image is not valid.") }
        return PartImage(
            sides: ImageSides(known.start),
            sha256: known.sha256.map { String($0 >> 4, radix: 16) + String($0 & 15, radix: 16) }.joined())
    }

    /// A model's turn must come back as it was given: the first part that is no thought, and every image, signed.
    private func checkSignature(
        _ part: JSON, _ image: PartImage?, at place: Place, _ check: ContentsCheck
    ) throws(Refusal) {
        let isThought = part["thought"]?.isTrue == true
        guard model.hasSignatures, !isThought || image != nil else { return }
        guard let signature = part["thoughtSignature"]?.text else {
            // Documented for the Developer API; Vertex is said not to insist.
            let isDemanded = check.dialect == .developer && !isThought && (image != nil || place.amongAnswers == 0)
            if !isDemanded { return }
            throw .invalidArgument(
                "\(image == nil ? "Text" : "Image") part is missing a thought_signature in content position "
                    + "\(place.turn + 1), part position \(place.part + 1). Please refer to "
                    + "https://ai.google.dev/gemini-api/docs/thought-signatures for more details.")
        }
        let payload = image?.sha256 ?? ThoughtSignature.payload(ofText: part["text"]?.text ?? "")
        let verdict = ThoughtSignature.check(
            signature, model: model.id, place: place.amongAnswers, payload: payload)
        if verdict == .invalid {
            throw .invalidArgument(
                "Unable to submit request because it has an invalid thought signature for content at index "
                    + "\(place.turn). Learn more: https://cloud.google.com/vertex-ai/generative-ai/docs/"
                    + "thought-signatures")
        }
    }
}
