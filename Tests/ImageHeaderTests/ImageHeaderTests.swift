// Headers built by the letter of each format, whole, cut at every byte, and hostile.

import ImageHeader
import Testing

struct ImageHeaderTests {
    static let pictures: [(String, [UInt8], ImageHeader)] = [
        ("png", png(5504, 3072), .known(.png, pixels: PixelSize(width: 5504, height: 3072))),
        ("jpeg", jpeg(1376, 768, frame: 0xC0), .known(.jpeg, pixels: PixelSize(width: 1376, height: 768))),
        ("progressive", jpeg(1376, 768, frame: 0xC2), .known(.jpeg, pixels: PixelSize(width: 1376, height: 768))),
        (
            "jpeg with exif", jpeg(12288, 1536, frame: 0xC0, segments: [65_533, 65_533, 700]),
            .known(.jpeg, pixels: PixelSize(width: 12288, height: 1536))
        ),
        ("webp lossy", webpLossy(800, 600), .known(.webp, pixels: PixelSize(width: 800, height: 600))),
        ("webp lossless", webpLossless(801, 16_383), .known(.webp, pixels: PixelSize(width: 801, height: 16_383))),
        ("webp extended", webpExtended(70_000, 3), .known(.webp, pixels: PixelSize(width: 70_000, height: 3))),
        (
            "heic", heif("heic", [(512, 512), (4032, 3024), (320, 240)]),
            .known(.heic, pixels: PixelSize(width: 4032, height: 3024))
        ),
        ("heif", heif("mif1", [(64, 48)]), .known(.heif, pixels: PixelSize(width: 64, height: 48))),
    ]

    @Test(arguments: pictures.indices)
    func typeAndPixelsComeFromTheBytes(_ index: Int) {
        let (_, bytes, expected) = Self.pictures[index]
        #expect(ImageHeader.read(bytes) == expected)
    }

    @Test(arguments: pictures.indices)
    func aGrowingPrefixNeedsMoreUntilItIsKnown(_ index: Int) {
        let (_, bytes, expected) = Self.pictures[index]
        var reader = ImageHeaderReader()
        var answers: [ImageHeader] = []
        for byte in bytes {
            reader.take(CollectionOfOne(byte))
            if answers.last != reader.header { answers.append(reader.header) }
        }
        #expect(answers == [.needsMore, expected])
    }

    /// C2PA manifests with thumbnails stand before the frame, as long as they like.
    @Test func theFrameIsFoundBehindMegabytesOfMetadata() {
        let segments = Array(repeating: 65_533, count: 40)
        #expect(
            ImageHeader.read(jpeg(10, 12, frame: 0xC0, segments: segments))
                == .known(.jpeg, pixels: PixelSize(width: 10, height: 12)))
    }

    @Test func ofAFileThatIsAllHeadersTheTypeAloneIsTold() {
        let fill = [0xFF, 0xD8] + Array(repeating: UInt8(0xFF), count: ImageHeader.maximumBytes)
        #expect(ImageHeader.read(fill) == .known(.jpeg, pixels: nil))
    }

    @Test func aFileThatEndsInItsMetadataIsKnownWithoutPixels() {
        let whole = jpeg(10, 10, frame: 0xC0, segments: [500])
        #expect(ImageHeader.read(whole.prefix(100), isWhole: true) == .known(.jpeg, pixels: nil))
        #expect(ImageHeader.read(png(1, 1).prefix(20), isWhole: true) == .known(.png, pixels: nil))
        #expect(ImageHeader.read(png(1, 1).prefix(7), isWhole: true) == .notAnImage)
    }

    @Test(
        arguments: [
            "<!DOCTYPE html><html>", "GIF89a..........", "{\"error\": {\"code\": 1}}", "RIFF....WAVEfmt ",
            "....ftypisom....", "BM..............",
        ])
    func otherFilesAreNotImages(_ text: String) {
        #expect(ImageHeader.read(Array(text.utf8)) == .notAnImage)
    }

    @Test func nonsenseLengthsEndTheSearch() {
        let zeroLength: [UInt8] = [0xFF, 0xD8, 0xFF, 0xE1, 0, 0] + Array(repeating: 0, count: 20)
        #expect(ImageHeader.read(zeroLength) == .known(.jpeg, pixels: nil))
        let noFrame: [UInt8] = [0xFF, 0xD8, 0xFF, 0xDA] + Array(repeating: 0, count: 20)
        #expect(ImageHeader.read(noFrame) == .known(.jpeg, pixels: nil))
        #expect(ImageHeader.read(png(0, 9)) == .known(.png, pixels: nil))
        #expect(ImageHeader.read(png(0xFFFF_FFFF, 0xFFFF_FFFF)) == .known(.png, pixels: nil))
        let longest = PixelSize(width: 0x7FFF_FFFF, height: 0x7FFF_FFFF)
        #expect(ImageHeader.read(png(longest.width, longest.height)) == .known(.png, pixels: longest))
        let tiles = [(0xFFFF_FFFF, 0xFFFF_FFFF), (64, 48), (longest.width, 0x8000_0000)]
        #expect(ImageHeader.read(heif("heic", tiles)) == .known(.heic, pixels: PixelSize(width: 64, height: 48)))
        let hugeBox =
            big(20) + Array("ftypheic".utf8) + big(0) + Array("mif1".utf8) + big(1) + Array("mdat".utf8)
            + [0x3F, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF] + Array(repeating: 0, count: 16)
        #expect(ImageHeader.read(hugeBox) == .known(.heic, pixels: nil))
    }
}

private func big(_ value: Int, bytes: Int = 4) -> [UInt8] {
    (0..<bytes).reversed().map { UInt8(truncatingIfNeeded: value >> (8 * $0)) }
}

private func png(_ width: Int, _ height: Int) -> [UInt8] {
    [0x89, 0x50, 0x4E, 0x47, 0x0D, 0x0A, 0x1A, 0x0A] + big(13) + Array("IHDR".utf8) + big(width) + big(height)
        + [8, 2, 0, 0, 0]
}

private func jpeg(_ width: Int, _ height: Int, frame: UInt8, segments: [Int] = [16]) -> [UInt8] {
    var bytes: [UInt8] = [0xFF, 0xD8]
    for (index, length) in segments.enumerated() {
        // Filled with what looks like a frame, which must not be taken for one.
        bytes += [0xFF, 0xE0 + UInt8(index % 16)] + big(length + 2, bytes: 2)
        bytes += (0..<length).map { [0xFF, 0xC0, 0x00, 0x11][$0 % 4] }
    }
    return bytes + [0xFF, 0xFF, frame] + big(17, bytes: 2) + [8] + big(height, bytes: 2) + big(width, bytes: 2)
}

private func webp(_ chunk: String, _ payload: [UInt8]) -> [UInt8] {
    Array("RIFF\0\0\0\0WEBP\(chunk)".utf8) + Array(big(payload.count).reversed()) + payload
        + Array(repeating: 0, count: max(0, 10 - payload.count))
}

private func webpLossy(_ width: Int, _ height: Int) -> [UInt8] {
    webp("VP8 ", [0x10, 0, 0, 0x9D, 0x01, 0x2A] + big(width, bytes: 2).reversed() + big(height, bytes: 2).reversed())
}

private func webpLossless(_ width: Int, _ height: Int) -> [UInt8] {
    webp("VP8L", [0x2F] + big((width - 1) | (height - 1) << 14).reversed())
}

private func webpExtended(_ width: Int, _ height: Int) -> [UInt8] {
    webp("VP8X", [0, 0, 0, 0] + big(width - 1, bytes: 3).reversed() + big(height - 1, bytes: 3).reversed())
}

private func box(_ type: String, _ payload: [UInt8]) -> [UInt8] {
    big(payload.count + 8) + Array(type.utf8) + payload
}

private func heif(_ brand: String, _ sizes: [(Int, Int)]) -> [UInt8] {
    let properties = sizes.flatMap { box("ispe", big(0) + big($0.0) + big($0.1)) }
    let items = box(
        "iprp", box("ipco", box("hvcC", Array(repeating: 7, count: 30)) + properties) + box("ipma", big(0) + big(0)))
    return box("ftyp", Array(brand.utf8) + big(0) + Array("mif1heic".utf8))
        + box("meta", big(0) + box("hdlr", Array(repeating: 0, count: 25)) + items)
        + box("mdat", [1, 2, 3, 4, 5, 6, 7, 8])
}
