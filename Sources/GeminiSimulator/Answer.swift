// The answer of `generateContent`: the parts, the usage and the rest, with every variation a client has to bear.

import FoundationEssentials
import NIOCore

/// Builds one answer.
struct Answer {
    let request: GenerateRequest
    let variation: AnswerVariation
    let pictures: PictureCache
    /// `usageMetadata.trafficType` of Vertex.
    var trafficType = "ON_DEMAND"
    let created: Date

    /// The whole reply; pictures are drawn or taken from the cache.
    func reply() async throws -> Reply {
        var answer = try await body()
        if variation.reversedMembers == true { answer = Self.reversed(answer) }
        if variation.snakeCase == true { answer = Self.snakeCase(answer) }
        if variation.arrayWrapped == true { answer = [answer] }
        var reply = Reply(json: answer, layout: variation.layout ?? .pretty)
        if request.dialect == .developer {
            reply.headers.append((name: "x-gemini-service-tier", value: request.serviceTier))
        }
        if drawsImages { reply.usualMilliseconds = request.model.usualMilliseconds(size: request.size) }
        return reply
    }

    private var drawsImages: Bool { request.wantsImage && variation.textOnly != true }

    private func body() async throws -> JSON {
        var candidate: [JSON.Member] = []
        if variation.empty != true {
            candidate.append(.init(name: "content", value: ["parts": .array(try await parts()), "role": "model"]))
        }
        if variation.noFinishReason != true {
            candidate.append(.init(name: "finishReason", value: .string(variation.finishReason ?? "STOP")))
        }
        candidate.append(.init(name: "index", value: 0))
        if request.dialect == .vertex { candidate.append(.init(name: "safetyRatings", value: Self.ratings)) }
        if let grounding = Grounding(prompt: plainPrompt, searches: request.searches).metadata {
            candidate.append(.init(name: "groundingMetadata", value: grounding))
        }
        let id = (0..<11).map { _ in String(UInt16.random(in: 0...UInt16.max), radix: 36) }.joined().prefix(22)
        var members: [JSON.Member] = [
            .init(name: "candidates", value: [.object(candidate)]), .init(name: "usageMetadata", value: usage),
            .init(name: "modelVersion", value: .string(variation.modelVersion ?? request.model.id)),
            .init(name: "responseId", value: .string(String(id))),
        ]
        if request.dialect == .vertex {
            members.append(.init(name: "createTime", value: .string(created.timestamp)))
        }
        return .object(members)
    }

    private static let ratings: JSON = .array(
        ["HATE", "DANGEROUS_CONTENT", "HARASSMENT", "SEXUALLY_EXPLICIT"].map { harm in
            [
                "category": .string("HARM_CATEGORY_IMAGE_\(harm)"), "probability": "NEGLIGIBLE",
                "severity": "HARM_SEVERITY_NEGLIGIBLE",
            ]
        })

    /// The parts, signed as Gemini 3 signs them: the first that is no thought, and every image.
    private func parts() async throws -> [JSON] {
        var place = 0
        var signed: [JSON] = []
        for part in try await unsignedParts() {
            var members = part.members
            if variation.signature ?? request.model.hasSignatures, part.isImage || (place == 0 && !part.isThought) {
                let signature = ThoughtSignature.text(model: request.model.id, place: place, payload: part.payload)
                members.append(.init(name: "thoughtSignature", value: .string(signature)))
            }
            if !part.isThought { place += 1 }
            signed.append(.object(members))
        }
        return signed
    }

    private struct Part {
        var members: [JSON.Member]
        var isThought = false
        var isImage = false
        /// SHA-256 of what it holds.
        var payload: String

        static func text(_ text: String, isThought: Bool = false) -> Part {
            var part = Part(
                members: [.init(name: "text", value: .string(text))], isThought: isThought,
                payload: ThoughtSignature.payload(ofText: text))
            if isThought { part.members.append(.init(name: "thought", value: true)) }
            return part
        }
    }

    private func unsignedParts() async throws -> [Part] {
        var parts: [Part] = []
        if request.wantsThoughts {
            parts.append(.text("**Composing the scene**\n\nThe picture follows the prompt.", isThought: true))
        }
        guard drawsImages else { return parts + [.text(variation.textBefore ?? "Here is your image:")] }
        if let text = variation.textBefore { parts.append(.text(text)) }
        var index = max(1, variation.images ?? 1)
        // The final picture is number 0, whatever comes before it.
        for _ in 0..<(variation.drafts ?? 0) {
            parts.append(try await imagePart(index: index, marked: true))
            index += 1
        }
        for _ in 0..<(variation.unmarkedDrafts ?? 0) {
            parts.append(try await imagePart(index: index, marked: false))
            index += 1
        }
        for image in (0..<(variation.images ?? 1)).reversed() {
            parts.append(try await imagePart(index: image, marked: false))
        }
        if let text = variation.textAfter { parts.append(.text(text)) }
        return parts
    }

    private func imagePart(index: Int, marked: Bool) async throws -> Part {
        let order = pictureOrder(index: index)
        let picture = try await pictures.picture(of: order)
        let mimeType = variation.claimedType ?? order.type.mimeType
        var part = Part(
            members: [
                .init(
                    name: "inlineData",
                    value: ["mimeType": .string(mimeType), "data": .verbatim(data(of: picture))])
            ], isThought: marked, isImage: true, payload: picture.sha256)
        if marked { part.members.append(.init(name: "thought", value: true)) }
        return part
    }

    private var plainPrompt: String {
        let directive = request.prompt.firstRange(of: "{sim:")
        return String(request.prompt[..<(directive?.lowerBound ?? request.prompt.endIndex)])
    }

    func pictureOrder(index: Int) -> PictureOrder {
        var pixels = request.model.pixels(ratio: request.ratio, size: request.size) ?? (1024, 1024)
        if let asked = variation.pixels, asked.count == 2 { pixels = (asked[0], asked[1]) }
        return PictureOrder(
            prompt: plainPrompt, seed: request.seed, index: index,
            label: "\(request.model.id)  \(request.ratio)  \(request.size.rawValue)  \(pixels.0)x\(pixels.1)  "
                + "drawn by gemini-simulator",
            width: pixels.0, height: pixels.1, type: variation.imageType ?? request.imageType ?? request.model.imageType
        )
    }

    private func data(of picture: DrawnPicture) -> ByteBuffer {
        if variation.notAnImage == true {
            // "These bytes are no image.", one time and again.
            return ByteBuffer(string: String(repeating: "VGhlc2UgYnl0ZXMgYXJlIG5vIGltYWdlLiAg", count: 40))
        }
        let base64 = picture.base64
        guard variation.badBase64 == true || variation.noPadding == true || variation.escapes == true else {
            return base64
        }
        var bytes = Array(base64.readableBytesView)
        if variation.noPadding == true { bytes.removeLast(bytes.suffix(2).count { $0 == UInt8(ascii: "=") }) }
        if variation.badBase64 == true { bytes.insert(UInt8(ascii: "!"), at: bytes.count / 2) }
        if variation.escapes == true { bytes = Self.escaped(bytes) }
        return ByteBuffer(bytes: bytes)
    }

    private static func escaped(_ base64: [UInt8]) -> [UInt8] {
        let slash = Array("\\/".utf8)
        let plus = Array("\\u002b".utf8)
        var escaped: [UInt8] = []
        escaped.reserveCapacity(base64.count * 9 / 8)
        for byte in base64 {
            switch byte {
            case UInt8(ascii: "/"): escaped += slash
            case UInt8(ascii: "+"): escaped += plus
            default: escaped.append(byte)
            }
        }
        return escaped
    }
}

extension Answer {
    /// Counted as the API does: total = prompt + candidates + thoughts.
    private var usage: JSON {
        let textTokens = request.textTokens
        let inputTokens = request.inputTokens - textTokens
        let drawn = drawsImages && variation.empty != true
        let images = drawn ? (variation.images ?? 1) + (variation.unmarkedDrafts ?? 0) : 0
        let imageTokens = images * (request.model.imageTokens[request.size] ?? 0)
        let candidateTokens = drawn ? imageTokens : 7
        let thoughtTokens = request.model.hasThinking ? 180 + textTokens : 0
        var promptDetails: [JSON] = [["modality": "TEXT", "tokenCount": .integer(textTokens)]]
        if inputTokens > 0 { promptDetails.append(["modality": "IMAGE", "tokenCount": .integer(inputTokens)]) }
        var members: [JSON.Member] = [
            .init(name: "promptTokenCount", value: .integer(textTokens + inputTokens)),
            .init(name: "candidatesTokenCount", value: .integer(candidateTokens)),
            .init(name: "totalTokenCount", value: .integer(textTokens + inputTokens + candidateTokens + thoughtTokens)),
            .init(name: "promptTokensDetails", value: .array(promptDetails)),
        ]
        if drawn {
            members.append(
                .init(
                    name: "candidatesTokensDetails",
                    value: [["modality": "IMAGE", "tokenCount": .integer(imageTokens)]]))
        }
        if thoughtTokens > 0 { members.append(.init(name: "thoughtsTokenCount", value: .integer(thoughtTokens))) }
        switch request.dialect {
        case .developer: members.append(.init(name: "serviceTier", value: .string(request.serviceTier)))
        case .vertex: members.append(.init(name: "trafficType", value: .string(trafficType)))
        }
        for (name, count) in variation.usage ?? [:] {
            members.removeAll { $0.name == name }
            members.append(.init(name: name, value: .integer(count)))
        }
        return .object(members)
    }
}
