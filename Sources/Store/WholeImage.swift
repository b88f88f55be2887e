// Whether an image file has an end. Upstream answers a cut-off file with a bare 400 that costs a round trip and names
// nothing, so the containers are walked here; pixels are not decoded.

import ImageHeader

/// An image file that can be read at any place.
struct WholeImage {
    private let type: ImageType
    private let byteCount: Int
    private let read: (_ count: Int, _ offset: Int) throws -> [UInt8]

    /// - Parameters:
    ///   - type: As its first bytes say.
    ///   - byteCount: Its length.
    ///   - read: Gives the bytes at an offset, fewer only at the end of the file.
    init(_ type: ImageType, byteCount: Int, read: @escaping (_ count: Int, _ offset: Int) throws -> [UInt8]) {
        self.type = type
        self.byteCount = byteCount
        self.read = read
    }

    func isWhole() throws -> Bool {
        switch type {
        case .png: try isWholePNG()
        case .jpeg: try isWholeJPEG()
        case .webp: try isWholeWebP()
        case .heic, .heif: try isWholeHEIF()
        }
    }

    private func number(_ bytes: [UInt8], at offset: Int = 0, _ count: Int = 4) -> Int? {
        guard bytes.count >= offset + count else { return nil }
        return bytes[offset..<offset + count].reduce(0) { $0 << 8 | Int($1) }
    }

    /// Chunks up to IEND, each within the file (https://www.w3.org/TR/png-3/#5Chunk-layout).
    private func isWholePNG() throws -> Bool {
        var offset = 8
        while offset < byteCount {
            let head = try read(8, offset)
            guard let length = number(head), length <= Int(Int32.max) else { return false }
            offset += 12 + length
            if head.count == 8, head[4...].elementsEqual("IEND".utf8) { return offset <= byteCount }
        }
        return false
    }

    /// How far from the end of a JPEG its EOI is looked for: cameras append thumbnails and gain maps, with their own.
    private static let trailerBytes = 262_144

    /// Segments up to the pixels, then EOI near the end: pixel data has no FF D9 (ITU-T T.81, B.1.1.2).
    private func isWholeJPEG() throws -> Bool {
        var offset = 2
        while true {
            guard let marker = number(try read(2, offset), 2), marker > 0xFF00 else { return false }
            switch marker & 0xFF {
            case 0xFF: offset += 1
            case 0x01, 0xD0...0xD7: offset += 2
            case 0xDA:
                let start = max(offset + 2, byteCount - Self.trailerBytes)
                let tail = try read(byteCount - start, start)
                return zip(tail, tail.dropFirst()).contains { $0 == 0xFF && $1 == 0xD9 }
            case 0xD8, 0xD9: return false
            default:
                guard let length = number(try read(2, offset + 2), 2), length >= 2 else { return false }
                offset += 2 + length
            }
        }
    }

    /// The RIFF chunk says how long it is (https://developers.google.com/speed/webp/docs/riff_container).
    private func isWholeWebP() throws -> Bool {
        let head = try read(8, 0)
        guard head.count == 8, let length = number(head[4...].reversed()) else { return false }
        return length >= 4 && 8 + length <= byteCount
    }

    /// Boxes that end with the file; length 0 means "to its end" (ISO/IEC 14496-12, 4.2).
    private func isWholeHEIF() throws -> Bool {
        var offset = 0
        var hasPixels = false
        while offset < byteCount {
            let head = try read(16, offset)
            guard head.count >= 8, var length = number(head) else { return false }
            if length == 1 {
                guard let large = number(head, at: 8, 8), large > 0 else { return false }
                length = large
            }
            hasPixels = hasPixels || head[4..<8].elementsEqual("mdat".utf8) || head[4..<8].elementsEqual("idat".utf8)
            if length == 0 { return hasPixels }
            guard length >= 8, length <= byteCount - offset else { return false }
            offset += length
        }
        return hasPixels
    }
}
