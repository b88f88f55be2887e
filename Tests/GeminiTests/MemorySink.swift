// Sinks for tests, and the numbers that make them repeatable.

import Foundation
import Gemini
import Synchronization

/// Keeps what it is given, and how large the pieces were.
final class MemorySink: ImageSink {
    private let state = Mutex((bytes: [UInt8](), largestPiece: 0))

    func write(_ bytes: UnsafeRawBufferPointer) throws {
        state.withLock { state in
            unsafe state.bytes.append(contentsOf: bytes)
            state.largestPiece = max(state.largestPiece, bytes.count)
        }
    }

    var bytes: [UInt8] { state.withLock { $0.bytes } }
    var largestPiece: Int { state.withLock { $0.largestPiece } }
}

/// SplitMix64: the same sequence in every run, so that a failure can be repeated.
struct Seeded: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }
}

/// The smallest bytes that are a PNG's header, followed by as many others as asked for.
func picture(_ width: Int = 1376, _ height: Int = 768, bytes: Int = 40, seed: UInt64 = 1) -> [UInt8] {
    var random = Seeded(state: seed)
    func big(_ value: Int) -> [UInt8] { [24, 16, 8, 0].map { UInt8(truncatingIfNeeded: value >> $0) } }
    let head: [UInt8] =
        [0x89, 0x50, 0x4E, 0x47, 0x0D, 0x0A, 0x1A, 0x0A] + big(13) + Array("IHDR".utf8) + big(width) + big(height)
    return head + (0..<max(0, bytes - head.count)).map { _ in UInt8.random(in: 0...255, using: &random) }
}

func base64(_ bytes: [UInt8]) -> String { Data(bytes).base64EncodedString() }
