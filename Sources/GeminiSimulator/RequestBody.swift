// A request's body as it arrives. Long strings, which are images, go into a digest, so that 100 MB of references
// cost a few kilobytes; the rest is small enough to be parsed.

import Crypto
import FoundationEssentials
import Glibc
import NIOCore

/// The body of one request; `append` what arrives, then `finish`.
struct RequestBody: Sendable {
    /// The API's limit on a whole request since 2026-01-08.
    static let requestBytes = 100 * 1024 * 1024
    /// Strings longer than this are hashed instead of kept: no prompt is, every image of more than a thumbnail is.
    static let keptStringBytes = 256 * 1024
    /// Bound of what is kept of one body; fourteen images just under `keptStringBytes` fit.
    static let keptBytes = 8 * 1024 * 1024

    /// Bound of what is kept of the start of a body that is no JSON: forms, and the headers of images.
    static let keptStartBytes = 64 * 1024

    private(set) var byteCount = 0
    private(set) var blobs: [Blob] = []
    /// The text with a placeholder for each blob.
    private(set) var text: [UInt8] = []
    private var digest = SHA256()
    /// Digest of the file that this body is a piece of.
    private(set) var fileDigest: SHA256
    private let isJSON: Bool
    private var blob: Blob?
    private var stringStart: Int?
    private var isEscaped = false

    /// A body of JSON, or of bytes that are a file's next ones.
    init(isJSON: Bool = true, continuing fileDigest: SHA256 = SHA256()) {
        self.isJSON = isJSON
        self.fileDigest = fileDigest
    }

    var isTooLarge: Bool {
        isJSON
            ? byteCount > Self.requestBytes || text.count > Self.keptBytes : byteCount > FileStore.largestBytes
    }

    var sha256: String { digest.finalize().map { String($0 >> 4, radix: 16) + String($0 & 15, radix: 16) }.joined() }

    mutating func append(_ chunk: ByteBuffer) {
        byteCount += chunk.readableBytes
        digest.update(data: Array(chunk.readableBytesView))
        if isTooLarge { return }
        if !isJSON {
            fileDigest.update(data: Array(chunk.readableBytesView))
            text += chunk.readableBytesView.prefix(max(0, Self.keptStartBytes - text.count))
            return
        }
        let bytes = chunk.readableBytesView
        var index = bytes.startIndex
        // Looked for once, not again after every escape before it.
        var quote = -1
        while index < bytes.endIndex {
            if stringStart == nil {
                let end = Self.index(of: "\"", in: bytes[index...]).map { $0 + 1 } ?? bytes.endIndex
                text += bytes[index..<end]
                if text.last == UInt8(ascii: "\"") { stringStart = text.count }
                index = end
            } else {
                index = takeString(bytes, from: index, quote: &quote)
            }
        }
    }

    /// Takes what a chunk holds of the string that is open, and its closing quote; returns where the rest begins.
    private mutating func takeString(_ bytes: ByteBufferView, from index: Int, quote: inout Int) -> Int {
        if isEscaped {
            isEscaped = false
            take(Array(bytes[index..<index + 1]), escaped: true)
            return index + 1
        }
        if quote < index { quote = Self.index(of: "\"", in: bytes[index...]) ?? bytes.endIndex }
        if let backslash = Self.index(of: "\\", in: bytes[index..<quote]) {
            take(Array(bytes[index..<backslash]))
            isEscaped = true
            if blob == nil { text.append(UInt8(ascii: "\\")) }
            return backslash + 1
        }
        take(Array(bytes[index..<quote]))
        guard quote < bytes.endIndex else { return quote }
        closeBlob()
        text.append(UInt8(ascii: "\""))
        stringStart = nil
        return quote + 1
    }

    /// Searches by memchr(3): the collection's own search takes minutes for 100 MB in a debug build.
    private static func index(of character: Unicode.Scalar, in bytes: ByteBufferView) -> Int? {
        unsafe bytes.withUnsafeBytes { region in
            guard let start = region.baseAddress,
                let found = unsafe memchr(start, CInt(character.value), region.count)
            else { return nil }
            return unsafe bytes.startIndex + (UnsafeRawPointer(found) - start)
        }
    }

    private mutating func take(_ run: [UInt8], escaped: Bool = false) {
        if blob != nil {
            // Base64 knows one character that some writers escape: the slash. Any other escape is no base64.
            blob?.append(escaped && run != [UInt8(ascii: "/")] ? Array("*".utf8) : run)
            return
        }
        text += run
        guard let start = stringStart, text.count - start > Self.keptStringBytes else { return }
        var long = Blob()
        long.append(text[start...].filter { $0 != UInt8(ascii: "\\") })
        text.removeSubrange(start...)
        blob = long
    }

    private mutating func closeBlob() {
        guard var long = blob else { return }
        long.finish()
        text += Array(Blob.placeholder(blobs.count).utf8)
        blobs.append(long)
        blob = nil
    }

    /// The body as JSON.
    func parsed() throws(Refusal) -> JSON {
        do {
            return try JSON(parsing: Data(text))
        } catch {
            throw .invalidArgument("Invalid JSON payload received. Unexpected token.\n\n^")
        }
    }

    /// The body as the record keeps it: every inline image as its type, size and digest.
    static func withoutImages(_ value: JSON, blobs: [Blob]) -> JSON {
        switch value {
        case .array(let elements): .array(elements.map { withoutImages($0, blobs: blobs) })
        case .object(let members):
            .object(
                members.map { member in
                    guard ["inlineData", "inline_data"].contains(member.name) else {
                        return .init(name: member.name, value: withoutImages(member.value, blobs: blobs))
                    }
                    let blob = Blob(standingFor: member.value["data"]?.text ?? "", among: blobs)
                    let type = member.value["mimeType"] ?? member.value["mime_type"] ?? .null
                    return .init(
                        name: member.name,
                        value: [
                            "mimeType": type, "bytes": .integer(blob.byteCount), "sha256": .string(blob.sha256),
                        ])
                })
        default: value
        }
    }
}
