// The decoding that every contender but Darkroom leaves to its client, done as well as it can be: the base64 text is
// decoded as it arrives, into one buffer that is used again and again.

import CBase64

/// Finds the image in a JSON answer that arrives in pieces, and decodes it.
struct ImageDecoder: ~Copyable {
    /// What the image has to be, else the exchange counts for nothing.
    private let expectedBytes: Int
    private var head: [UInt8] = []
    private var decoder = cb64_decoder()
    private var image: [UInt8]
    private var count = 0
    private var stage = Stage.searching

    private enum Stage {
        case searching, decoding, finished
    }

    init(expectedBytes: Int) {
        self.expectedBytes = expectedBytes
        // Room for a whole vector beyond the end, which the decoder may overwrite.
        image = [UInt8](repeating: 0, count: expectedBytes + 64)
    }

    mutating func reset() {
        head.removeAll(keepingCapacity: true)
        decoder = cb64_decoder()
        count = 0
        stage = .searching
    }

    /// Takes the next bytes of the answer's body.
    mutating func take(_ bytes: UnsafeRawBufferPointer) throws {
        switch stage {
        case .finished: return
        case .decoding: try unsafe decode(bytes)
        case .searching:
            unsafe head.append(contentsOf: bytes)
            guard let start = Self.imageStart(in: head) else { return }
            stage = .decoding
            let rest = head
            try unsafe rest.withUnsafeBytes { try unsafe decode(UnsafeRawBufferPointer(rebasing: $0[start...])) }
        }
    }

    /// Says whether the image came whole: its length, and the signature of a PNG.
    borrowing func check() throws {
        guard case .finished = stage, count == expectedBytes, image.starts(with: pngSignature) else {
            let start = String(decoding: head.prefix(300), as: UTF8.self)
            throw BenchError("an answer without its image: \(count) of \(expectedBytes) bytes, beginning \(start)")
        }
    }

    private mutating func decode(_ bytes: UnsafeRawBufferPointer) throws {
        guard let input = unsafe bytes.bindMemory(to: UInt8.self).baseAddress else { return }
        let progress = unsafe image.withUnsafeMutableBufferPointer { output in
            guard let base = output.baseAddress else { return cb64_progress() }
            return unsafe cb64_decode(&decoder, input, bytes.count, base + count, output.count - count)
        }
        count += progress.produced
        guard progress.consumed < bytes.count else { return }
        guard unsafe bytes[progress.consumed] == UInt8(ascii: "\"") else {
            throw BenchError("the image is longer than it should be, or no base64")
        }
        var last: (UInt8, UInt8) = (0, 0)
        let held = unsafe withUnsafeMutableBytes(of: &last) { buffer in
            let pair = unsafe buffer.bindMemory(to: UInt8.self)
            return unsafe pair.baseAddress.map { unsafe cb64_decode_finish(&decoder, $0) } ?? -1
        }
        guard held >= 0 else { throw BenchError("the image's base64 breaks off") }
        guard count + Int(held) <= image.count else { throw BenchError("the image is longer than it should be") }
        if held > 0 { image[count] = last.0 }
        if held > 1 { image[count + 1] = last.1 }
        count += Int(held)
        stage = .finished
    }

    /// Where the text after `"data": "` or `"b64_json": "` begins; Gemini's, OpenAI's and Darkroom's answers have these.
    private static func imageStart(in bytes: [UInt8]) -> Int? {
        for key in [Array("\"data\"".utf8), Array("\"b64_json\"".utf8)] {
            guard bytes.count > key.count else { continue }
            for start in 0..<bytes.count - key.count where bytes[start...].starts(with: key) {
                var index = start + key.count
                while index < bytes.count, [0x20, 0x3A].contains(bytes[index]) { index += 1 }
                if index < bytes.count, bytes[index] == UInt8(ascii: "\"") { return index + 1 }
            }
        }
        return nil
    }
}
