// Base64 in pieces against Foundation's, for each implementation that this processor has, over random data and cuts.

import CBase64
import Foundation
import Testing

struct CBase64Tests {
    static let implementations = [CB64_SCALAR, CB64_AVX2, CB64_BEST].filter { cb64_is_available($0) == 1 }

    @Test(arguments: implementations)
    func everyCutOfEveryTextDecodesToWhatFoundationHolds(_ implementation: cb64_implementation) {
        var random = Seeded(state: 11)
        for length in Array(0...200) + [1_000, 4_096, 65_536, 100_001] {
            let bytes = random.bytes(length)
            var text = Array(Data(bytes).base64EncodedString().utf8)
            if random.next() % 2 == 0 { text.removeAll { $0 == UInt8(ascii: "=") } }
            let outcome = decode(text, with: implementation, outputBytes: Int(random.next() % 300) + 3, &random)
            #expect(outcome == Decoded(bytes: bytes, offending: nil, tail: .whole))
        }
    }

    @Test(arguments: implementations)
    func everyCutOfEveryFileEncodesToWhatFoundationWrites(_ implementation: cb64_implementation) {
        var random = Seeded(state: 12)
        for length in Array(0...200) + [1_000, 4_096, 65_536, 100_001] {
            let bytes = random.bytes(length)
            #expect(encode(bytes, with: implementation, &random) == Data(bytes).base64EncodedString())
        }
    }

    @Test(arguments: implementations)
    func theFirstByteOutsideTheAlphabetIsFoundWhereverItStands(_ implementation: cb64_implementation) {
        var random = Seeded(state: 13)
        let alphabet = Set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/=".utf8)
        for byte in UInt8.min...UInt8.max where !alphabet.contains(byte) {
            var text = Array(Data(random.bytes(150)).base64EncodedString().utf8)
            let place = Int(random.next() % UInt64(text.count))
            text[place] = byte
            let outcome = decode(text, with: implementation, outputBytes: 4_096, &random)
            #expect(outcome.offending == place)
        }
    }

    @Test(
        arguments: [
            ("QQ==", "A"), ("QQ", "A"), ("QUI=", "AB"), ("QUI", "AB"), ("QUJD", "ABC"), ("", ""), ("QQ=", nil),
            ("Q", nil), ("QUJDQ", nil),
        ] as [(String, String?)])
    func paddingIsOptionalButNeverHalf(_ text: String, _ expected: String?) {
        var random = Seeded(state: 14)
        let outcome = decode(Array(text.utf8), with: CB64_BEST, outputBytes: 64, &random)
        #expect((outcome.tail == .whole ? String(decoding: outcome.bytes, as: UTF8.self) : nil) == expected)
    }

    @Test(arguments: [("QQ==Q", 4), ("QQ===", 4), ("=", 0), ("Q=", 1), ("QUI==", 4), ("QUI=Q", 4), ("QUJD=", 4)])
    func paddingStandsOnlyAtTheEndAndOnlyWhereItBelongs(_ text: String, _ offending: Int) {
        var random = Seeded(state: 15)
        #expect(decode(Array(text.utf8), with: CB64_BEST, outputBytes: 64, &random).offending == offending)
    }

    @Test func aFullOutputStopsBeforeTheGroupThatDoesNotFit() {
        let text = Array("QUJDREVGR0hJ".utf8)
        var decoder = cb64_decoder()
        var output = [UInt8](repeating: 0, count: 5)
        let progress = unsafe cb64_decode(&decoder, text, text.count, &output, output.count)
        #expect(progress.consumed == 4 && progress.produced == 3)
    }
}

private enum Tail: Equatable { case whole, broken }

private struct Decoded: Equatable {
    var bytes: [UInt8]
    var offending: Int?
    var tail: Tail
}

/// Decodes in random cuts through an output of the given size, as the answer scanner does.
private func decode(
    _ text: [UInt8], with implementation: cb64_implementation, outputBytes: Int, _ random: inout Seeded
) -> Decoded {
    var decoder = cb64_decoder()
    var output = [UInt8](repeating: 0, count: outputBytes)
    var bytes: [UInt8] = []
    var position = 0
    while position < text.count {
        let piece = Array(text[position..<min(text.count, position + Int(random.next() % 90) + 1)])
        var taken = 0
        while taken < piece.count {
            let rest = Array(piece[taken...])
            let progress = unsafe cb64_decode_with(
                implementation, &decoder, rest, rest.count, &output, output.count)
            bytes += output[..<progress.produced]
            taken += progress.consumed
            if taken < piece.count, progress.produced + 3 <= output.count {
                return Decoded(bytes: bytes, offending: position + taken, tail: .broken)
            }
        }
        position += piece.count
    }
    var last: [UInt8] = [0, 0]
    let count = unsafe cb64_decode_finish(&decoder, &last)
    guard count >= 0 else { return Decoded(bytes: bytes, offending: nil, tail: .broken) }
    return Decoded(bytes: bytes + last[..<Int(count)], offending: nil, tail: .whole)
}

private func encode(_ bytes: [UInt8], with implementation: cb64_implementation, _ random: inout Seeded) -> String {
    var encoder = cb64_encoder()
    var text: [UInt8] = []
    var position = 0
    while position < bytes.count {
        let piece = Array(bytes[position..<min(bytes.count, position + Int(random.next() % 120) + 1)])
        var output = [UInt8](repeating: 0, count: cb64_encoded_bound(piece.count))
        let count = unsafe cb64_encode_with(implementation, &encoder, piece, piece.count, &output)
        text += output[..<count]
        position += piece.count
    }
    var last: [UInt8] = [0, 0, 0, 0]
    let count = unsafe cb64_encode_finish(&encoder, &last)
    return String(decoding: text + last[..<count], as: UTF8.self)
}

/// SplitMix64: the same sequence in every run, so that a failure can be repeated.
private struct Seeded {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }

    mutating func bytes(_ count: Int) -> [UInt8] { (0..<count).map { _ in UInt8(truncatingIfNeeded: next()) } }
}
