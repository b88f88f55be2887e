// Width and height of an input image, from its first bytes: without a ratio in the request the first one's counts.

/// The sides of an image in pixels.
struct ImageSides: Equatable, Sendable {
    let width: Int
    let height: Int

    /// nil for anything that is neither PNG, JPEG nor WebP, or shows no size where one looks.
    init?(_ bytes: [UInt8]) {
        func number(_ at: Int, _ count: Int, isLittle: Bool = false) -> Int {
            guard at + count <= bytes.count else { return 0 }
            let piece = bytes[at..<at + count]
            return isLittle
                ? piece.reversed().reduce(0) { $0 << 8 | Int($1) } : piece.reduce(0) { $0 << 8 | Int($1) }
        }
        var sides = (width: 0, height: 0)
        if bytes.starts(with: [0x89, 0x50, 0x4E, 0x47]) {
            sides = (number(16, 4), number(20, 4))
        } else if bytes.starts(with: [0xFF, 0xD8]) {
            var at = 2
            while at + 9 < bytes.count, bytes[at] == 0xFF {
                // A frame header, SOF0 to SOF15 without DHT, JPG and DAC.
                if (0xC0...0xCF).contains(bytes[at + 1]), ![0xC4, 0xC8, 0xCC].contains(bytes[at + 1]) {
                    sides = (number(at + 7, 2), number(at + 5, 2))
                    break
                }
                at += 2 + number(at + 2, 2)
            }
        } else if bytes.starts(with: Array("RIFF".utf8)), bytes.count >= 30 {
            switch String(decoding: bytes[12..<16], as: UTF8.self) {
            case "VP8X": sides = (number(24, 3, isLittle: true) + 1, number(27, 3, isLittle: true) + 1)
            case "VP8 ":
                sides = (number(26, 2, isLittle: true) & 0x3FFF, number(28, 2, isLittle: true) & 0x3FFF)
            case "VP8L":
                let packed = number(21, 4, isLittle: true)
                sides = (packed & 0x3FFF + 1, packed >> 14 & 0x3FFF + 1)
            default: break
            }
        }
        guard sides.width > 0, sides.height > 0 else { return nil }
        (width, height) = sides
    }

    /// The ratio of a list that comes nearest.
    func nearest(of ratios: [String]) -> String? {
        ratios.min { distance(to: $0) < distance(to: $1) }
    }

    private func distance(to ratio: String) -> Double {
        let sides = ratio.split(separator: ":").compactMap { Double($0) }
        guard sides.count == 2 else { return .infinity }
        let factor = Double(width) / Double(height) / (sides[0] / sides[1])
        return max(factor, 1 / factor)
    }
}
