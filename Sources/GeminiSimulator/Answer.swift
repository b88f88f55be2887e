// The answer of `generateContent`: the parts, the usage and the rest, with every variation a client has to bear.

import NIOCore

/// Builds one answer.
struct Answer {
    let request: GenerateRequest
    let variation: AnswerVariation
    let pictures: PictureCache

    /// The whole reply; pictures are drawn or taken from the cache.
    func reply() async throws -> Reply {
        var answer = try await body()
        if variation.reversedMembers == true { answer = Self.reversed(answer) }
        if variation.snakeCase == true { answer = Self.snakeCase(answer) }
        if variation.arrayWrapped == true { answer = [answer] }
        var reply = Reply(json: answer, layout: variation.layout ?? .pretty)
        reply.headers.append((name: "x-gemini-service-tier", value: "standard"))
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
        let id = (0..<11).map { _ in String(UInt16.random(in: 0...UInt16.max), radix: 36) }.joined().prefix(22)
        return [
            "candidates": [.object(candidate)], "usageMetadata": usage,
            "modelVersion": .string(variation.modelVersion ?? request.model.id), "responseId": .string(String(id)),
        ]
    }

    private func parts() async throws -> [JSON] {
        var parts: [JSON] = []
        if request.wantsThoughts {
            parts.append(["text": "**Composing the scene**\n\nThe picture follows the prompt.", "thought": true])
        }
        guard drawsImages else {
            return parts + [["text": .string(variation.textBefore ?? "Here is your image:")]]
        }
        if let text = variation.textBefore { parts.append(["text": .string(text)]) }
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
        if let text = variation.textAfter { parts.append(["text": .string(text)]) }
        return parts
    }

    private func imagePart(index: Int, marked: Bool) async throws -> JSON {
        let order = pictureOrder(index: index)
        let mimeType = variation.claimedType ?? order.type.mimeType
        var part: [JSON.Member] = [
            .init(
                name: "inlineData",
                value: ["mimeType": .string(mimeType), "data": .verbatim(try await data(of: order))])
        ]
        if marked { part.append(.init(name: "thought", value: true)) }
        if variation.signature ?? request.model.hasSignatures {
            part.append(.init(name: "thoughtSignature", value: .string(signature(of: order))))
        }
        return .object(part)
    }

    private func pictureOrder(index: Int) -> PictureOrder {
        var pixels = request.model.pixels(ratio: request.ratio, size: request.size) ?? (1024, 1024)
        if let asked = variation.pixels, asked.count == 2 { pixels = (asked[0], asked[1]) }
        let directive = request.prompt.firstRange(of: "{sim:")
        let prompt = request.prompt[..<(directive?.lowerBound ?? request.prompt.endIndex)]
        return PictureOrder(
            prompt: String(prompt), seed: request.seed, index: index,
            label: "\(request.model.id)  \(request.ratio)  \(request.size.rawValue)  \(pixels.0)x\(pixels.1)  "
                + "drawn by gemini-simulator",
            width: pixels.0, height: pixels.1, type: variation.imageType ?? request.model.imageType)
    }

    private func data(of order: PictureOrder) async throws -> ByteBuffer {
        if variation.notAnImage == true {
            // "These bytes are no image.", one time and again.
            return ByteBuffer(string: String(repeating: "VGhlc2UgYnl0ZXMgYXJlIG5vIGltYWdlLiAg", count: 40))
        }
        let base64 = try await pictures.base64(of: order)
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

    /// Opaque to everyone; follows from the picture, so that a test can see it come back.
    private func signature(of order: PictureOrder) -> String {
        var dice = Dice(order)
        let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/")
        return String((0..<400).map { _ in alphabet[Int(dice.roll() * 64)] })
    }
}

extension Answer {
    /// Counted as the API does: total = prompt + candidates + thoughts.
    private var usage: JSON {
        let textTokens = request.prompt.utf8.count / 4 + 1
        let inputTokens = request.inputImages * 1120
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
        members.append(.init(name: "serviceTier", value: "standard"))
        for (name, count) in variation.usage ?? [:] {
            members.removeAll { $0.name == name }
            members.append(.init(name: name, value: .integer(count)))
        }
        return .object(members)
    }

    private static func reversed(_ value: JSON) -> JSON {
        switch value {
        case .array(let elements): .array(elements.map(reversed))
        case .object(let members):
            .object(members.reversed().map { .init(name: $0.name, value: reversed($0.value)) })
        default: value
        }
    }

    private static func snakeCase(_ value: JSON) -> JSON {
        switch value {
        case .array(let elements): return .array(elements.map(snakeCase))
        case .object(let members):
            return .object(
                members.map { member in
                    let name = member.name.reduce(into: "") { result, letter in
                        result += letter.isUppercase ? "_" + letter.lowercased() : String(letter)
                    }
                    return .init(name: name, value: snakeCase(member.value))
                })
        default: return value
        }
    }
}
