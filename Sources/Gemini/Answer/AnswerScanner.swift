// Walks a JSON answer as it arrives. The base64 of `candidates[].content.parts[].inlineData.data`, or of the compatible
// layer's `data[].b64_json`, never becomes a string: it leaves as decoded bytes through one reused buffer. Everything
// else, small, is copied to `rest`, with the number of the image in the place of its text, so that a plain decoder reads
// `rest` and knows which image is whose, whatever the order of the keys. The law of this file:
//   - `rest` is the body with only that replacement made, and runs of whitespace between tokens shortened to one;
//     so what is not JSON here is not JSON there, and grammar is left to the decoder.
//   - Memory is the buffer, the open containers and `rest`, each bounded, whatever the size of the images.

/// Receives the images of an answer, numbered from 0 in the order in which their text begins.
protocol ScannedImages: AnyObject {
    func imageBegins(_ number: Int) throws
    func imageContinues(_ number: Int, _ bytes: Span<UInt8>) throws
    func imageEnds(_ number: Int) throws
}

/// Why a body cannot be an answer.
enum AnswerScannerError: Error, Equatable {
    case notJSON
    case notBase64(byte: UInt8)
    /// The text ends in the middle of a byte.
    case base64Incomplete
    case nestedTooDeep
    case restTooLarge
    case imageTooLarge
    /// All of them together; the assembler's to say.
    case imagesTooLarge
    case tooManyImages
}

struct AnswerScanner {
    /// Containers open at once; a true answer has about ten.
    static let nestingDepth = 64
    /// Bytes of the answer without its images; signatures beside an image have been seen to pass a megabyte.
    static let restBytes = 8 * 1_048_576
    /// Images of one answer; ten have been seen.
    static let imageCount = 32

    /// The answer without its images.
    private(set) var rest: [UInt8] = []
    /// How many image texts have begun.
    private(set) var begunImageCount = 0
    /// Where in `rest` the content of each candidate stands, by the candidate's index.
    private(set) var contents: [Int: Range<Int>] = [:]
    /// The outermost container has been closed.
    var isComplete: Bool { hasBegun && open.isEmpty }

    /// Where in an answer a container stands, as far as the way to the image text goes.
    private enum Place {
        case list, answer, candidates, candidate, content, parts, part, inlineData
        /// The compatible layer's `data` and what stands in it.
        case compatibleImages, compatibleImage
        case elsewhere
    }

    private struct Container {
        var place: Place
        var isArray: Bool
        /// The name of the member whose value comes next.
        var member = Member.other
        var expectsName: Bool

        /// The value that comes next is an image, if it is a string.
        var isBeforeImageText: Bool {
            (place == .inlineData && member == .data) || (place == .compatibleImage && member == .base64)
        }
    }

    private enum Member { case candidates, content, parts, inlineData, data, base64, other }

    private enum State {
        case between
        case string(isName: Bool)
        case stringEscape(isName: Bool)
        case image
    }

    private var state = State.between
    private var hasBegun = false
    private var candidateCount = 0
    private var contentStart = 0
    private var open: [Container] = []
    /// The raw bytes of the member name being read, up to one more than the longest that matters.
    private var name: [UInt8] = []
    private var image = ImageText()

    /// `inline_data` with each letter written as `\u0069` is the longest spelling of a name that matters.
    private static let longestName = 66

    /// Takes the next bytes of the body.
    mutating func take(_ bytes: Span<UInt8>, to images: some ScannedImages) throws {
        var index = 0
        while index < bytes.count {
            switch state {
            case .image:
                let number = begunImageCount - 1
                index = try image.take(bytes, from: index) { try images.imageContinues(number, $0) }
                if image.hasEnded {
                    state = .between
                    try images.imageEnds(number)
                }
            case .string(let isName):
                index = try takeString(bytes, from: index, isName: isName)
            case .between:
                try takeBetween(bytes[index], to: images)
                index += 1
            case .stringEscape(let isName):
                try copy(bytes[index], isName: isName)
                state = .string(isName: isName)
                index += 1
            }
        }
    }

    // MARK: Between strings

    private mutating func takeBetween(_ byte: UInt8, to images: some ScannedImages) throws {
        switch byte {
        case UInt8(ascii: " "), UInt8(ascii: "\n"), UInt8(ascii: "\r"), UInt8(ascii: "\t"):
            if rest.last != UInt8(ascii: " ") { try copy(UInt8(ascii: " ")) }
            return
        case UInt8(ascii: "{"), UInt8(ascii: "["):
            try begin(isArray: byte == UInt8(ascii: "["))
        case UInt8(ascii: "}"), UInt8(ascii: "]"):
            guard let closed = open.popLast() else { throw AnswerScannerError.notJSON }
            if closed.place == .content { contents[candidateCount - 1] = contentStart..<(rest.count + 1) }
        case UInt8(ascii: "\""):
            guard let container = open.last else { throw AnswerScannerError.notJSON }
            if container.expectsName {
                name.removeAll(keepingCapacity: true)
                state = .string(isName: true)
            } else if container.isBeforeImageText {
                guard begunImageCount < Self.imageCount else { throw AnswerScannerError.tooManyImages }
                for digit in String(begunImageCount).utf8 { try copy(digit) }
                begunImageCount += 1
                image.begin()
                state = .image
                return try images.imageBegins(begunImageCount - 1)
            } else {
                state = .string(isName: false)
            }
        case UInt8(ascii: ","):
            guard let last = open.indices.last else { throw AnswerScannerError.notJSON }
            open[last].expectsName = !open[last].isArray
            open[last].member = .other
        case UInt8(ascii: ":"):
            guard let last = open.indices.last else { throw AnswerScannerError.notJSON }
            open[last].expectsName = false
        default:
            guard let container = open.last else { throw AnswerScannerError.notJSON }
            // A number here would be taken for the number of an image.
            if container.isBeforeImageText, !container.expectsName,
                byte == UInt8(ascii: "-") || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
            {
                throw AnswerScannerError.notJSON
            }
        }
        try copy(byte)
    }

    private mutating func begin(isArray: Bool) throws {
        if open.isEmpty {
            guard !hasBegun else { throw AnswerScannerError.notJSON }
            hasBegun = true
        }
        guard open.count < Self.nestingDepth else { throw AnswerScannerError.nestedTooDeep }
        let place: Place =
            switch (open.last?.place, open.last?.member ?? .other, isArray) {
            case (nil, _, true): .list
            case (nil, _, false), (.list, _, false): .answer
            case (.answer, .candidates, true): .candidates
            case (.candidates, _, false): .candidate
            case (.candidate, .content, false): .content
            case (.content, .parts, true): .parts
            case (.parts, _, false): .part
            case (.part, .inlineData, false): .inlineData
            case (.answer, .data, true): .compatibleImages
            case (.compatibleImages, _, false): .compatibleImage
            default: .elsewhere
            }
        switch place {
        case .candidates: candidateCount = 0
        case .candidate: candidateCount += 1
        case .content: contentStart = rest.count
        default: break
        }
        open.append(Container(place: place, isArray: isArray, expectsName: !isArray))
    }

    // MARK: Strings that are copied

    private mutating func takeString(_ bytes: Span<UInt8>, from start: Int, isName: Bool) throws -> Int {
        var end = start
        while end < bytes.count, bytes[end] != UInt8(ascii: "\""), bytes[end] != UInt8(ascii: "\\") { end += 1 }
        guard rest.count + end - start < Self.restBytes else { throw AnswerScannerError.restTooLarge }
        let run = bytes.extracting(start..<end)
        unsafe run.withUnsafeBufferPointer { unsafe rest.append(contentsOf: $0) }
        if isName, name.count <= Self.longestName {
            let kept = bytes.extracting(start..<min(end, start + Self.longestName + 1))
            unsafe kept.withUnsafeBufferPointer { unsafe name.append(contentsOf: $0) }
        }
        guard end < bytes.count else { return end }
        if bytes[end] == UInt8(ascii: "\\") {
            try copy(bytes[end], isName: isName)
            state = .stringEscape(isName: isName)
        } else {
            try copy(bytes[end])
            if isName, let last = open.indices.last { open[last].member = Self.member(named: name) }
            state = .between
        }
        return end + 1
    }

    private mutating func copy(_ byte: UInt8, isName: Bool = false) throws {
        guard rest.count < Self.restBytes else { throw AnswerScannerError.restTooLarge }
        rest.append(byte)
        if isName, name.count <= Self.longestName { name.append(byte) }
    }

    private static func member(named raw: [UInt8]) -> Member {
        switch unescaped(raw) {
        case "candidates": .candidates
        case "content": .content
        case "parts": .parts
        case "inlineData", "inline_data": .inlineData
        case "data": .data
        case "b64_json": .base64
        default: .other
        }
    }

    /// The name with its `\u` escapes resolved; the other escapes stand for characters that no name here has.
    static func unescaped(_ raw: [UInt8]) -> String {
        var bytes: [UInt8] = []
        var index = 0
        while index < raw.count {
            if raw[index] == UInt8(ascii: "\\"), index + 5 < raw.count, raw[index + 1] == UInt8(ascii: "u"),
                let code = UInt8(String(decoding: raw[(index + 2)...(index + 5)], as: UTF8.self), radix: 16)
            {
                bytes.append(code)
                index += 6
            } else {
                bytes.append(raw[index])
                index += 1
            }
        }
        return String(decoding: bytes, as: UTF8.self)
    }
}
