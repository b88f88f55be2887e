// The OpenAI-compatible route: a shim that understands little, and passes over what it does not understand.

extension API {
    /// Most images of one request.
    private static let images = 10

    /// `images/generations`; the answer has neither `created` nor `usage`.
    func compatibleImages(_ call: Call, project: String, _ variation: AnswerVariation) async throws -> Reply {
        guard let body = call.body else {
            throw Refusal.invalidArgument("Invalid JSON payload received. Unexpected end of string.\n\n^")
        }
        let id = body["model"]?.text ?? ""
        let bare = id.hasPrefix("models/") ? String(id.dropFirst("models/".count)) : id
        guard let model = Model.named(bare), model.isOnCompatibleRoute else {
            throw Refusal(
                status: 404, code: "NOT_FOUND",
                message: "models/\(bare) is not found for API version v1main, or is not supported for predict. Call "
                    + "ModelService.ListModels to see the list of available models and their supported methods.")
        }
        guard let prompt = body["prompt"]?.text, !prompt.isEmpty else {
            throw Refusal.invalidArgument("Prompt is required.")
        }
        let count = body["n"]?.integerValue ?? 1
        guard (1...Self.images).contains(count) else {
            throw Refusal.invalidArgument("n must be between 1 and \(Self.images).")
        }
        if let format = body["response_format"]?.text, format != "b64_json" {
            throw Refusal.invalidArgument("response_format \(format) is not supported.")
        }
        var request = GenerateRequest(model: model)
        request.prompt = prompt
        try quotas.admit(request, images: count, project: project)
        let answer = Answer(request: request, variation: variation, pictures: pictures, created: clock.now)
        var images: [JSON] = []
        for index in 0..<(variation.textOnly == true || variation.empty == true ? 0 : count) {
            let picture = try await pictures.picture(of: answer.pictureOrder(index: index))
            images.append(["b64_json": .verbatim(picture.base64)])
        }
        var reply = Reply(
            json: ["data": .array(images), "model": .string(variation.modelVersion ?? id)],
            layout: variation.layout ?? .compact)
        reply.usualMilliseconds = model.usualMilliseconds(size: .one)
        return reply
    }
}

extension Model {
    /// The entry in the OpenAI-compatible `GET models`.
    var compatibleListing: JSON {
        [
            "id": .string("models/\(id)"), "object": "model", "owned_by": "google",
            "display_name": .string(displayName),
        ]
    }
}
