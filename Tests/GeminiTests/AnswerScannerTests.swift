// The scanner against a plain decoder, over random writings of random answers in random cuts; and against everything
// that a body can do wrong.

import Foundation
import TestKit
import Testing

@testable import Gemini

struct AnswerScannerTests {
    @Test(arguments: 0..<200)
    func anyWritingInAnyCutsReadsAsAPlainDecoderReadsIt(_ seed: UInt64) throws {
        var random = Seeded(state: seed)
        let answer = RandomAnswer(&random)
        let text = Array(answer.value.written(&random).utf8)
        let (scanner, images) = try scan(cuts(of: text, &random))
        #expect(scanner.isComplete)
        #expect(scanner.begunImageCount == answer.images.count)

        // The oracle: Foundation's decoder on the whole body.
        let envelope = try AnswerEnvelope(rest: scanner.rest)
        let whole = try #require(JSONSerialization.jsonObject(with: Data(text)) as? [String: Any])
        let candidates = whole["candidates"] as? [[String: Any]] ?? []
        let parts = candidates.flatMap { ($0["content"] as? [String: Any])?["parts"] as? [[String: Any]] ?? [] }
        let expected = parts.map { part -> PartView in
            let data = (part["inlineData"] ?? part["inline_data"]) as? [String: Any]
            let text = data?["data"] as? String
            let padded = text.map { $0 + String(repeating: "=", count: (4 - $0.utf8.count % 4) % 4) }
            return PartView(
                text: part["text"] as? String, thought: part["thought"] as? Bool,
                mimeType: (data?["mimeType"] ?? data?["mime_type"]) as? String,
                image: padded.flatMap { Data(base64Encoded: $0) }.map { Array($0) })
        }
        let found = (envelope.candidates ?? []).flatMap(\.parts).map { part -> PartView in
            let inline = part.inlineData?.value
            return PartView(
                text: part.text?.text, thought: part.thought?.isSet, mimeType: inline?.mimeType?.text,
                image: (inline?.data?.value).map { images.bytes[$0] })
        }
        #expect(found == expected)
        #expect(images.ended == Array(images.bytes.indices))
    }

    @Test func aSmallAnswerCutAnywhereIsNeverComplete() throws {
        let text = Array(
            #"{"candidates":[{"content":{"parts":[{"inlineData":{"mimeType":"image/png","data":"QU\/J\u002bw==="}}]}}]}"#
                .utf8)
        let valid = Array(
            #"{"candidates":[{"content":{"parts":[{"inlineData":{"mimeType":"image/png","data":"QU\/J\u002bw=="}}]}}]}"#
                .utf8)
        for length in 0..<valid.count {
            let (scanner, _) = try scan([Array(valid[..<length])])
            #expect(!scanner.isComplete)
        }
        #expect(try scan(valid.map { [$0] }).1.bytes == [Array(try #require(Data(base64Encoded: "QU/J+w==")))])
        #expect(throws: AnswerScannerError.notBase64(byte: UInt8(ascii: "="))) { try scan([text]) }
    }

    @Test func tenImagesInOneAnswerComeOutApart() throws {
        let pictures = (0..<10).map { picture(bytes: 5_000, seed: UInt64($0)) }
        let parts = pictures.map { #"{"inlineData":{"data":"\#(base64($0))"},"thoughtSignature":"c2ln"}"# }
        let text = #"{"candidates":[{"content":{"parts":[\#(parts.joined(separator: ","))]}}]}"#
        #expect(try scan([Array(text.utf8)]).1.bytes == pictures)
    }

    @Test(.backs(.theMemoryOfABuffer)) func anImageOf24MegabytesPassesThroughOneBuffer() throws {
        let bytes = picture(bytes: 3_000)
        // 8,000 times the same 3,000 bytes, whose base64 has no padding.
        let piece = Array(base64(bytes).utf8)
        var scanner = AnswerScanner()
        let images = ScannedBytes(keeping: false)
        try scanner.take(Array(#"{"candidates":[{"content":{"parts":[{"inlineData":{"data":""#.utf8).span, to: images)
        for _ in 0..<8_000 { try scanner.take(piece.span, to: images) }
        try scanner.take(Array(#""}}]}}]}"#.utf8).span, to: images)
        #expect(scanner.isComplete)
        #expect(images.byteCount == 24_000_000)
        #expect(images.largestPiece <= ImageText.outputBytes)
        #expect(scanner.rest.count < 100)
    }

    @Test(
        arguments: [
            (#"{"inlineData":{"data":"QUJD"}}"#, 0), (#"{"candidates":[{"inlineData":{"data":"QUJD"}}]}"#, 0),
            (#"{"candidates":[{"content":{"parts":[{"other":{"data":"QUJD"}}]}}]}"#, 0),
            (#"{"candidates":[{"content":{"parts":[{"inlineData":{"other":{"data":"QUJD"}}}]}}]}"#, 0),
            (#"{"candidates":[{"content":{"parts":[{"inlineData":{"mimeType":"data","data":"QUJD"}}]}}]}"#, 1),
            (#"{"candidates":[{"content":{"parts":[{"inlineData":{"data":null}}]}}]}"#, 0),
            (#"[{"candidates":[{"content":{"parts":[{"inline_data":{"data":"QUJD"}}]}}]}]"#, 1),
            (#"{"candidates":[{"content":{"parts":[{"\u0069nline\u0044ata":{"d\u0061ta":"QUJD"}}]}}]}"#, 1),
        ])
    func onlyAnImagesOwnPlaceIsAnImage(_ text: String, _ count: Int) throws {
        #expect(try scan([Array(text.utf8)]).0.begunImageCount == count)
    }

    @Test(
        arguments: [
            ("QUJD-_", UInt8(ascii: "-")), ("QU JD", UInt8(ascii: " ")), ("QU\\nJD", UInt8(ascii: "\\")),
            ("QU\\u00e9", 0xE9), ("QU\\u2028", UInt8(ascii: "\\")), ("QQ=Q", UInt8(ascii: "Q")),
            ("QU\\\"JD", UInt8(ascii: "\\")),
        ])
    func whatIsNotBase64IsRefused(_ text: String, _ byte: UInt8) {
        let body = #"{"candidates":[{"content":{"parts":[{"inlineData":{"data":"\#(text)"}}]}}]}"#
        #expect(throws: AnswerScannerError.notBase64(byte: byte)) { try scan([Array(body.utf8)]) }
    }

    @Test(
        arguments: [
            ("<html>", AnswerScannerError.notJSON), ("\"text\"", .notJSON), ("5", .notJSON), ("}", .notJSON),
            ("{}{}", .notJSON), ("{}x", .notJSON), (String(repeating: "[", count: 65), .nestedTooDeep),
            (#"{"candidates":[{"content":{"parts":[{"inlineData":{"data":7}}]}}]}"#, .notJSON),
            (#"{"candidates":[{"content":{"parts":[{"inlineData":{"data":"Q"}}]}}]}"#, .base64Incomplete),
        ])
    func hostileBodiesAreRefused(_ text: String, _ error: AnswerScannerError) {
        #expect(throws: error) { try scan([Array(text.utf8)]) }
    }

    @Test func whatIsBesideTheImagesIsBounded() {
        let filler = Array(repeating: UInt8(ascii: "a"), count: 65_536)
        var scanner = AnswerScanner()
        let images = ScannedBytes()
        #expect(throws: AnswerScannerError.restTooLarge) {
            try scanner.take(Array(#"{"a":""#.utf8).span, to: images)
            for _ in 0...(AnswerScanner.restBytes / filler.count) { try scanner.take(filler.span, to: images) }
        }
        #expect(scanner.rest.count <= AnswerScanner.restBytes)
    }

    @Test func whitespaceWithoutEndCostsNoMemory() throws {
        var scanner = AnswerScanner()
        let images = ScannedBytes()
        for _ in 0..<100 { try scanner.take(Array(repeating: UInt8(ascii: "\n"), count: 4_096).span, to: images) }
        #expect(scanner.rest.count == 1)
    }
}

private struct PartView: Equatable {
    var text: String?
    var thought: Bool?
    var mimeType: String?
    var image: [UInt8]?
}

/// The images as the scanner gave them.
final class ScannedBytes: ScannedImages {
    private let keeping: Bool
    private(set) var bytes: [[UInt8]] = []
    private(set) var ended: [Int] = []
    private(set) var byteCount = 0
    private(set) var largestPiece = 0

    init(keeping: Bool = true) { self.keeping = keeping }

    func imageBegins(_ number: Int) throws { bytes.append([]) }

    func imageContinues(_ number: Int, _ piece: Span<UInt8>) throws {
        byteCount += piece.count
        largestPiece = max(largestPiece, piece.count)
        if keeping { for index in piece.indices { bytes[number].append(piece[index]) } }
    }

    func imageEnds(_ number: Int) throws { ended.append(number) }
}

@discardableResult
private func scan(_ pieces: [[UInt8]]) throws -> (AnswerScanner, ScannedBytes) {
    var scanner = AnswerScanner()
    let images = ScannedBytes()
    for piece in pieces { try scanner.take(piece.span, to: images) }
    return (scanner, images)
}

private func cuts(of text: [UInt8], _ random: inout Seeded) -> [[UInt8]] {
    let longest = [1, 3, 17, 200, 5_000].randomElement(using: &random) ?? 1
    var pieces: [[UInt8]] = []
    var rest = text[...]
    while !rest.isEmpty {
        pieces.append(Array(rest.prefix(Int.random(in: 1...longest, using: &random))))
        rest = rest.dropFirst(pieces.last?.count ?? 0)
    }
    return pieces
}
