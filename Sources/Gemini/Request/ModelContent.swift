// A model's earlier turn goes back as it came: byte for byte, signatures on text and image parts included, with the
// base64 of its images where their numbers stand.

enum ModelContent {
    /// Cuts a kept content at the numbers of its images and puts the images there.
    ///
    /// - Parameters:
    ///   - content: As `Answer.content` has it.
    ///   - images: By number.
    /// - Returns: The content's JSON, with `role` added if it came without one: a content without it is the user's.
    /// - Throws: `.upstreamRejected`, not sent, when this is no such content or an image is missing.
    static func pieces(of content: [UInt8], images: [InputImage]) throws(GeminiError) -> [BodyPiece] {
        var walk = ContentWalk(bytes: content)
        do {
            try walk.value(.content)
            try walk.end()
        } catch {
            throw .unencodable("contents")
        }
        guard content.first == UInt8(ascii: "{"), walk.images.allSatisfy({ images.indices.contains($0.number) }) else {
            throw .unencodable("contents")
        }
        var pieces: [BodyPiece] = []
        var text: [UInt8] = []
        var index = 0
        if !walk.hasRole {
            text = Array((walk.isEmpty ? #"{"role":"model""# : #"{"role":"model","#).utf8)
            index = 1
        }
        for (range, number) in walk.images {
            text += content[index..<range.lowerBound] + [UInt8(ascii: "\"")]
            pieces += [.bytes(text), .base64(images[number].source)]
            text = [UInt8(ascii: "\"")]
            index = range.upperBound
        }
        return pieces + [.bytes(text + content[index...])]
    }
}

/// Finds the numbers that stand where images stood.
private struct ContentWalk {
    enum Place { case content, parts, part, inlineData, image, elsewhere }

    private struct NotJSON: Error {}

    let bytes: [UInt8]
    private(set) var images: [(range: Range<Int>, number: Int)] = []
    private(set) var hasRole = false
    /// The content has no member at all.
    private(set) var isEmpty = true
    private var index = 0
    private var depth = 0

    init(bytes: [UInt8]) { self.bytes = bytes }

    mutating func value(_ place: Place) throws {
        depth += 1
        defer { depth -= 1 }
        guard depth <= AnswerScanner.nestingDepth else { throw NotJSON() }
        switch try peek() {
        case UInt8(ascii: "{"): try list(UInt8(ascii: "}")) { try $0.member(of: place) }
        case UInt8(ascii: "["): try list(UInt8(ascii: "]")) { try $0.value(place == .parts ? .part : .elsewhere) }
        case UInt8(ascii: "\""): _ = try string()
        default: try scalar(place)
        }
    }

    /// Nothing may follow.
    mutating func end() throws {
        skipSpace()
        guard index == bytes.count else { throw NotJSON() }
    }

    private mutating func member(of place: Place) throws {
        let name = AnswerScanner.unescaped(Array(bytes[try string()]))
        if place == .content {
            isEmpty = false
            if name == "role" { hasRole = true }
        }
        guard try peek() == UInt8(ascii: ":") else { throw NotJSON() }
        index += 1
        switch (place, name) {
        case (.content, "parts"): try value(.parts)
        case (.part, "inlineData"), (.part, "inline_data"): try value(.inlineData)
        case (.inlineData, "data"): try value(.image)
        default: try value(.elsewhere)
        }
    }

    private mutating func list(_ closing: UInt8, _ element: (inout ContentWalk) throws -> Void) throws {
        index += 1
        if try peek() == closing {
            index += 1
            return
        }
        while true {
            try element(&self)
            let next = try peek()
            index += 1
            if next == closing { return }
            guard next == UInt8(ascii: ",") else { throw NotJSON() }
        }
    }

    /// Returns where the string's text stands, between its quotes.
    private mutating func string() throws -> Range<Int> {
        guard try peek() == UInt8(ascii: "\"") else { throw NotJSON() }
        index += 1
        let start = index
        while index < bytes.count, bytes[index] != UInt8(ascii: "\"") {
            index += bytes[index] == UInt8(ascii: "\\") ? 2 : 1
        }
        guard index < bytes.count else { throw NotJSON() }
        index += 1
        return start..<(index - 1)
    }

    private mutating func scalar(_ place: Place) throws {
        let start = index
        while index < bytes.count, !Self.ends.contains(bytes[index]) { index += 1 }
        let text = String(decoding: bytes[start..<index], as: UTF8.self)
        if place == .image, let number = Int(text) {
            images.append((start..<index, number))
        } else if text.isEmpty {
            throw NotJSON()
        }
    }

    private static let ends = Array(",]} \n\r\t".utf8)

    private mutating func skipSpace() {
        while index < bytes.count, [0x20, 0x0A, 0x0D, 0x09].contains(bytes[index]) { index += 1 }
    }

    /// The next byte that is no whitespace.
    private mutating func peek() throws -> UInt8 {
        skipSpace()
        guard index < bytes.count else { throw NotJSON() }
        return bytes[index]
    }
}
