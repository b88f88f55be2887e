// How the bytes of images leave: as descriptors beside the line, as base64 in it, or not at all. Inline base64 is made
// while the socket takes it, out of the artifact's file: a 4K image costs a buffer here too.

import CBase64
import Engine
import Glibc
import LineSocket
import Wire

/// Makes the answer's line of a result with images.
enum Delivery {
    /// Most base64 of one inline answer (protocol section 3, `delivery`).
    static let inlineBytes = 64 * 1024 * 1024

    /// An image entry and the open file that holds its bytes.
    struct Item: Sendable {
        let entry: ImageEntry
        /// At offset 0; absent with delivery `none`.
        let file: OwnedDescriptor?
    }

    /// Answers with images.
    ///
    /// - Parameters:
    ///   - id: The request's.
    ///   - delivery: How the bytes go.
    ///   - items: The images in order, each with its file unless the delivery is `none`.
    ///   - result: Makes the result around the entries, whose `data` or `fd` are filled in.
    /// - Returns: The line, with its descriptors.
    /// - Throws: `too_large` when an inline answer would be longer than `inlineBytes`.
    static func line(
        _ id: RequestID, _ delivery: Wire.Delivery, _ items: [Item], result: ([ImageEntry]) -> some Encodable
    ) throws(WireError) -> OutboundLine {
        switch delivery {
        case .none:
            return OutboundLine(Answer.success(id, result(items.map { $0.entry })))
        case .fd:
            let entries = items.enumerated().map { index, item in
                var entry = item.entry
                entry.fd = index
                return entry
            }
            return OutboundLine(Answer.success(id, result(entries)), descriptors: items.compactMap { $0.file })
        case .inline:
            return try inline(id, items, result: result)
        }
    }

    private static func inline(
        _ id: RequestID, _ items: [Item], result: ([ImageEntry]) -> some Encodable
    ) throws(WireError) -> OutboundLine {
        let total = items.reduce(0) { $0 + ($1.entry.bytes + 2) / 3 * 4 }
        guard total <= inlineBytes else {
            throw WireError(
                .tooLarge, "the answer would have \(total) bytes of base64; \(inlineBytes) are allowed inline",
                hint: "ask for it with delivery fd; the images are kept")
        }
        // The line is written with a mark in the place of each image, and cut there. The mark is random, so that no
        // text of the model's can hold it.
        let mark = mark()
        let entries = items.enumerated().map { index, item in
            var entry = item.entry
            entry.data = "\(mark)\(index)."
            return entry
        }
        var rest = Answer.success(id, result(entries))[...]
        var parts: [OutboundLine.Part] = []
        for (index, item) in items.enumerated() {
            let needle = Array("\(mark)\(index).".utf8)
            guard let range = rest.firstRange(of: needle), let file = item.file else {
                preconditionFailure("an encoded entry has lost its data")
            }
            parts.append(.bytes(Array(rest[..<range.lowerBound])))
            parts.append(.body(Base64Body(of: file, byteCount: item.entry.bytes)))
            rest = rest[range.upperBound...]
        }
        parts.append(.bytes(Array(rest)))
        return OutboundLine(parts: parts, descriptors: [])
    }

    private static func mark() -> String {
        var generator = SystemRandomNumberGenerator()
        return "\(String(generator.next() as UInt64, radix: 16))\(String(generator.next() as UInt64, radix: 16))-"
    }
}
