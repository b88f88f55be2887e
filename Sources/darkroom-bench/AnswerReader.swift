// Reads one HTTP/1.1 answer as it arrives (RFC 9112), with a length or in chunks, and hands its body on.

/// The state between two pieces of an answer.
struct AnswerReader {
    private enum Stage {
        case head
        case body(left: Int)
        case chunkSize
        case chunk(left: Int)
        case chunkEnd
        case trailer
        case finished
    }

    private var stage = Stage.head
    /// The head, or the line of a chunk's size, as far as it has come.
    private var text: [UInt8] = []

    /// Whether the whole answer has come.
    var isFinished: Bool {
        if case .finished = stage { true } else { false }
    }

    /// Takes the next bytes and gives those of the body to `body`.
    ///
    /// - Throws: When the status is not 200, or what came is no answer.
    mutating func take(_ bytes: UnsafeRawBufferPointer, body: (UnsafeRawBufferPointer) throws -> Void) throws {
        var rest = unsafe bytes[...]
        while unsafe !rest.isEmpty {
            switch stage {
            case .head:
                guard unsafe takeLine(&rest) else { return }
                if text.suffix(4).elementsEqual("\r\n\r\n".utf8) { try endHead() }
            case .body(let left):
                let piece = unsafe rest.prefix(left)
                try unsafe body(UnsafeRawBufferPointer(rebasing: piece))
                unsafe rest = rest.dropFirst(piece.count)
                stage = unsafe piece.count == left ? .finished : .body(left: left - piece.count)
            case .chunkSize:
                guard unsafe takeLine(&rest) else { return }
                let digits = text.prefix { $0 != 0x0D && $0 != UInt8(ascii: ";") }
                guard let size = Int(String(decoding: digits, as: UTF8.self), radix: 16) else {
                    throw BenchError("a chunk without a size")
                }
                text.removeAll(keepingCapacity: true)
                stage = size == 0 ? .trailer : .chunk(left: size)
            case .chunk(let left):
                let piece = unsafe rest.prefix(left)
                try unsafe body(UnsafeRawBufferPointer(rebasing: piece))
                unsafe rest = rest.dropFirst(piece.count)
                stage = unsafe piece.count == left ? .chunkEnd : .chunk(left: left - piece.count)
            case .chunkEnd:
                guard unsafe takeLine(&rest) else { return }
                text.removeAll(keepingCapacity: true)
                stage = .chunkSize
            case .trailer:
                guard unsafe takeLine(&rest) else { return }
                if text.elementsEqual("\r\n".utf8) { stage = .finished }
                text.removeAll(keepingCapacity: true)
            case .finished: throw BenchError("bytes after the end of the answer")
            }
        }
    }

    /// Moves bytes to `text` up to and with the next LF; false when it has not come yet.
    private mutating func takeLine(_ rest: inout Slice<UnsafeRawBufferPointer>) -> Bool {
        let end = unsafe rest.firstIndex(of: 0x0A).map { $0 + 1 } ?? rest.endIndex
        unsafe text.append(contentsOf: rest[..<end])
        unsafe rest = rest[end...]
        return text.last == 0x0A
    }

    private mutating func endHead() throws {
        let head = String(decoding: text, as: UTF8.self)
        text.removeAll(keepingCapacity: true)
        let lines = head.lowercased().split(separator: "\r\n")
        guard let status = lines.first, status.hasPrefix("http/1.1 200") else { throw BenchError("answered: \(head)") }
        for line in lines.dropFirst() {
            let value = line.drop { $0 != ":" }.dropFirst().drop { $0 == " " }
            if line.hasPrefix("content-length:"), let length = Int(value) {
                stage = length == 0 ? .finished : .body(left: length)
                return
            }
            if line.hasPrefix("transfer-encoding:"), value.hasSuffix("chunked") {
                stage = .chunkSize
                return
            }
        }
        throw BenchError("an answer without its length: \(head)")
    }
}

/// The request that every HTTP contender is sent.
enum GenerateRequest {
    /// To Google's own interface; `key` is nil where the proxy puts it in.
    static func native(_ size: ImageSize, key: String?) -> [UInt8] {
        post(
            "/v1beta/models/\(size.model):generateContent",
            headers: key.map { "x-goog-api-key: \($0)\r\n" } ?? "",
            body: #"{"contents":[{"parts":[{"text":"a red fox"}]}]}"#)
    }

    /// To OpenAI's, as LiteLLM's proxy offers it.
    static func openAI(_ size: ImageSize, key: String) -> [UInt8] {
        post(
            "/v1/images/generations", headers: "Authorization: Bearer \(key)\r\n",
            body: #"{"model":"\#(size.rawValue)","prompt":"a red fox","response_format":"b64_json"}"#)
    }

    private static func post(_ path: String, headers: String, body: String) -> [UInt8] {
        Array(
            """
            POST \(path) HTTP/1.1\r
            Host: localhost\r
            Content-Type: application/json\r
            \(headers)Content-Length: \(body.utf8.count)\r
            \r
            \(body)
            """.utf8)
    }
}
