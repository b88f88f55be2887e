// Inputs for tests.

import Gemini
import Synchronization

/// Bytes in memory that are read like a file.
final class MemorySource: ImageSource {
    let bytes: [UInt8]
    let byteCount: Int
    private let readBytes: Int
    private let largest = Mutex(0)

    /// Takes the bytes; `claiming` lies about their number, `readBytes` is the most that one read gives.
    init(_ bytes: some Sequence<UInt8>, claiming byteCount: Int? = nil, readBytes: Int = .max) {
        self.bytes = Array(bytes)
        self.byteCount = byteCount ?? self.bytes.count
        self.readBytes = readBytes
    }

    /// The most that was asked for at once.
    var largestRead: Int { largest.withLock { $0 } }

    func read(at offset: Int, into buffer: UnsafeMutableRawBufferPointer) throws -> Int {
        largest.withLock { $0 = max($0, buffer.count) }
        let piece = bytes.dropFirst(offset).prefix(min(buffer.count, readBytes))
        unsafe buffer.copyBytes(from: piece)
        return piece.count
    }
}
