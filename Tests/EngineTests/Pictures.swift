// The smallest files that count as images.

func bigEndian(_ number: Int) -> [UInt8] { [24, 16, 8, 0].map { UInt8(truncatingIfNeeded: number >> $0) } }

private func chunk(_ type: String, _ body: [UInt8]) -> [UInt8] {
    bigEndian(body.count) + Array(type.utf8) + body + [0, 0, 0, 0]
}

/// A PNG of this size, with so many bytes where its pixels would be.
func png(_ width: Int, _ height: Int, bytes: Int = 100) -> [UInt8] {
    [0x89, 0x50, 0x4E, 0x47, 0x0D, 0x0A, 0x1A, 0x0A]
        + chunk("IHDR", bigEndian(width) + bigEndian(height) + [8, 2, 0, 0, 0])
        + chunk("IDAT", [UInt8](repeating: 7, count: bytes)) + chunk("IEND", [])
}
