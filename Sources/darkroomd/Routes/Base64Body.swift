// An artifact's bytes as base64 inside a JSON string, made as the socket takes them.

import CBase64
import Glibc
import LineSocket

/// The base64 of a file, from its start.
struct Base64Body: LineBody {
    private let file: OwnedDescriptor
    private let byteCount: Int
    private var offset = 0
    private var encoder = cb64_encoder()
    private var isFinished = false
    /// What is read at once: three quarters of the usual 64 KiB piece.
    private var scratch: [UInt8] = []

    struct Short: Error {}

    /// - Parameters:
    ///   - file: Read with `pread`, so its offset stays.
    ///   - byteCount: How much of it; a file that turns out shorter ends the connection.
    init(of file: OwnedDescriptor, byteCount: Int) {
        self.file = file
        self.byteCount = byteCount
    }

    mutating func fill(_ buffer: UnsafeMutableRawBufferPointer) throws -> Int {
        guard !isFinished else { return 0 }
        let output = unsafe buffer.assumingMemoryBound(to: UInt8.self)
        guard let target = output.baseAddress else { return 0 }
        // Room for what the encoder holds and for the end's four bytes.
        let piece = min(byteCount - offset, max(3, (buffer.count - 8) / 4 * 3))
        var produced = 0
        if piece > 0 {
            if scratch.count < piece { scratch = [UInt8](repeating: 0, count: piece) }
            let count = unsafe scratch.withUnsafeMutableBytes { bytes in
                unsafe pread(file.rawValue, bytes.baseAddress, piece, off_t(offset))
            }
            guard count > 0 else { throw Short() }
            offset += count
            produced = unsafe cb64_encode(&encoder, scratch, count, target)
        }
        if offset == byteCount {
            produced += unsafe cb64_encode_finish(&encoder, target + produced)
            isFinished = true
        }
        return produced
    }
}
