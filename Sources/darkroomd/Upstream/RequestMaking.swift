// From a job's order to a request in Gemini's words; images go as open files, never as bytes.

import Engine
import Gemini
import Glibc
import Store
import Wire

extension GeminiGenerator {
    /// The request without its images and without its conversation.
    func bareRequest(_ params: GenerateImage.Params, _ model: Model, sent: String) -> GenerationRequest {
        var request = GenerationRequest(
            model: sent, prompt: params.prompt, aspectRatio: params.aspectRatio,
            imageSize: model.wireImageSize(params.imageSize))
        request.seed = params.seed
        request.temperature = params.temperature
        request.thinking = params.thinking?.rawValue
        request.grounding = (params.grounding ?? []).compactMap { Gemini.Grounding(rawValue: $0.rawValue) }
        request.safety = params.safety ?? [:]
        request.systemInstruction = params.systemInstruction
        request.personGeneration = params.personGeneration?.rawValue
        request.outputType = params.outputType?.rawValue
        request.serviceTier = project.serviceTier
        request.native = params.native.map { WireJSON.encode(JSONValue.object($0)) }
        return request
    }

    /// The whole request of a call.
    ///
    /// - Throws: When the file of an image cannot be opened.
    func request(for order: CallOrder, _ model: Model) throws -> GenerationRequest {
        let sent = order.plan.model.sent
        var request = bareRequest(order.params, model, sent: sent)
        let replay = Replay(order.material.history, model: sent, route: order.plan.route)
        func image(_ sha256: String, _ mimeType: String, _ byteCount: Int) throws -> InputImage {
            let file = try order.open(sha256)
            return InputImage(
                mimeType: mimeType, sha256: sha256, source: KeptImage(file: file, byteCount: byteCount))
        }
        func input(_ input: KeptInput) throws -> InputImage { try image(input.sha256, input.mimeType, input.bytes) }
        func artifact(_ entry: ImageEntry) throws -> InputImage {
            try image(entry.sha256, entry.mimeType, entry.bytes)
        }
        let lead = try replay.lead.map { [try artifact($0.entry)] } ?? []
        request.inputs = try order.material.inputs.map(input)
        request.history = try replay.turns.enumerated().map { index, turn in
            Turn(
                prompt: turn.prompt, inputs: try (index == 0 ? lead : []) + turn.inputs.map(input),
                content: turn.content, images: try turn.images.map { try artifact($0.entry) })
        }
        if replay.turns.isEmpty { request.inputs = lead + request.inputs }
        return request
    }
}

/// A file of the store as the bytes of an image.
private struct KeptImage: ImageSource {
    let file: OpenFile
    let byteCount: Int

    struct Unreadable: Error {}

    func read(at offset: Int, into buffer: UnsafeMutableRawBufferPointer) throws -> Int {
        let count = unsafe pread(file.descriptor, buffer.baseAddress, buffer.count, off_t(offset))
        guard count >= 0 else { throw Unreadable() }
        return count
    }
}
