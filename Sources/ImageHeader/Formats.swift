// Where PNG, JPEG and WebP keep their size. Each function looks at a window that starts at a known place of the file
// and says what it found there or what it needs next.

typealias Step = ImageHeaderReader.Step

/// A big-endian or little-endian number in a window that is known to be long enough.
func number(_ window: [UInt8], at offset: Int, bytes: Int, littleEndian: Bool = false) -> Int {
    let part = window[offset..<offset + bytes]
    return littleEndian
        ? part.reversed().reduce(0) { $0 << 8 | Int($1) } : part.reduce(0) { $0 << 8 | Int($1) }
}

/// PNG: the first chunk is IHDR (https://www.w3.org/TR/png-3/#11IHDR, read 2026-11-22).
enum PNGHeader {
    static let signature: [UInt8] = [0x89, 0x50, 0x4E, 0x47, 0x0D, 0x0A, 0x1A, 0x0A]

    static func step(_ window: [UInt8]) -> Step {
        guard window.count >= 24 else { return .want(24) }
        // Apple's variant puts a CgBI chunk first; Gemini neither takes nor makes it.
        guard window[12..<16].elementsEqual("IHDR".utf8) else { return .broken }
        return .size(
            PixelSize(width: number(window, at: 16, bytes: 4), height: number(window, at: 20, bytes: 4)))
    }
}

/// JPEG: segments, of which a start-of-frame tells the size (ITU-T T.81, B.2.2).
enum JPEGHeader {
    static let signature: [UInt8] = [0xFF, 0xD8, 0xFF]

    static func step(_ window: [UInt8]) -> Step {
        guard window.count >= 2 else { return .want(2) }
        guard window[0] == 0xFF else { return .broken }
        switch window[1] {
        case 0xFF:
            return .skip(1)  // fill bytes may stand before any marker
        case 0x01, 0xD0...0xD7:
            return .skip(2)  // TEM and restart markers have no length
        case 0xC0...0xCF where ![0xC4, 0xC8, 0xCC].contains(window[1]):
            guard window.count >= 9 else { return .want(9) }
            return .size(
                PixelSize(width: number(window, at: 7, bytes: 2), height: number(window, at: 5, bytes: 2)))
        case 0xD8, 0xD9, 0xDA, 0x00:
            return .broken  // a second start, the end, or pixels, and no frame before them
        default:
            guard window.count >= 4 else { return .want(4) }
            let length = number(window, at: 2, bytes: 2)
            return length >= 2 ? .skip(2 + length) : .broken
        }
    }
}

/// WebP: the first chunk is VP8, VP8L or VP8X
/// (https://developers.google.com/speed/webp/docs/riff_container, read 2026-11-22).
enum WebPHeader {
    static func step(_ window: [UInt8]) -> Step {
        guard window.count >= 30 else { return .want(30) }
        switch String(decoding: window[12..<16], as: UTF8.self) {
        case "VP8 ":
            guard window[23..<26].elementsEqual([0x9D, 0x01, 0x2A]) else { return .broken }
            return .size(
                PixelSize(
                    width: number(window, at: 26, bytes: 2, littleEndian: true) & 0x3FFF,
                    height: number(window, at: 28, bytes: 2, littleEndian: true) & 0x3FFF))
        case "VP8L":
            guard window[20] == 0x2F else { return .broken }
            let bits = number(window, at: 21, bytes: 4, littleEndian: true)
            return .size(PixelSize(width: (bits & 0x3FFF) + 1, height: (bits >> 14 & 0x3FFF) + 1))
        case "VP8X":
            return .size(
                PixelSize(
                    width: number(window, at: 24, bytes: 3, littleEndian: true) + 1,
                    height: number(window, at: 27, bytes: 3, littleEndian: true) + 1))
        default:
            return .broken
        }
    }
}
