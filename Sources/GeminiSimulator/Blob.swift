// The bytes of an inline image in a request, known by their digest and never kept.

import Crypto
import FoundationEssentials

/// A base64 string that is decoded and hashed as it comes.
struct Blob: Sendable {
    private var pending: [UInt8] = []
    private var digest = SHA256()
    /// The first bytes, enough for the header of most images.
    private(set) var start: [UInt8] = []
    private(set) var byteCount = 0
    private(set) var isBase64 = true

    /// Read from a body in place of the string it stands for; no client can write it, as it is not valid base64.
    static func placeholder(_ index: Int) -> String { "(blob \(index))" }

    init() {}

    /// The blob that a string stands for, or the string's own when it was short enough to stay in the body.
    init(standingFor text: String, among blobs: [Blob]) {
        if text.hasPrefix("(blob "), text.hasSuffix(")"), let index = Int(text.dropFirst(6).dropLast()),
            blobs.indices.contains(index)
        {
            self = blobs[index]
            return
        }
        self.init()
        append(Array(text.utf8))
        finish()
    }

    var sha256: String { digest.finalize().map { String($0 >> 4, radix: 16) + String($0 & 15, radix: 16) }.joined() }

    /// Whether the first bytes are those of a type that the API reads.
    var isImage: Bool { Self.isImage(start) }

    static func isImage(_ start: [UInt8]) -> Bool {
        start.starts(with: [0x89, 0x50, 0x4E, 0x47]) || start.starts(with: [0xFF, 0xD8, 0xFF])
            || (start.starts(with: Array("RIFF".utf8)) && start.dropFirst(8).starts(with: Array("WEBP".utf8)))
            || start.dropFirst(4).starts(with: Array("ftyp".utf8))
    }

    mutating func append(_ base64: [UInt8]) {
        pending += base64
        if pending.count >= 64 * 1024 { decode(pending.count / 4 * 4) }
    }

    mutating func finish() {
        // Padding may be left out.
        while pending.count % 4 != 0 { pending.append(UInt8(ascii: "=")) }
        decode(pending.count)
    }

    /// Both alphabets, as proto3's JSON takes them: google-genai sends the URL-safe one.
    private static func decoded(_ base64: ArraySlice<UInt8>) -> Data? {
        if let bytes = Data(base64Encoded: Data(base64)) { return bytes }
        let standard = base64.map { byte in
            byte == UInt8(ascii: "-") ? UInt8(ascii: "+") : byte == UInt8(ascii: "_") ? UInt8(ascii: "/") : byte
        }
        return Data(base64Encoded: Data(standard))
    }

    private mutating func decode(_ count: Int) {
        guard isBase64, count > 0 else { return }
        guard let bytes = Self.decoded(pending[..<count]) else {
            isBase64 = false
            return
        }
        pending.removeFirst(count)
        digest.update(data: bytes)
        byteCount += bytes.count
        if start.count < RequestBody.keptStartBytes {
            start += bytes.prefix(RequestBody.keptStartBytes - start.count)
        }
    }
}
