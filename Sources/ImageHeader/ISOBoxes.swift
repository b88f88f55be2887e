// HEIF: boxes within boxes (ISO/IEC 14496-12, 23008-12). The size is an `ispe` property in meta/iprp/ipco; a picture
// made of tiles has one for the tile and one for the whole, and thumbnails have theirs, so the largest is told.

struct ISOBoxes: Sendable {
    /// Bytes from the start of the file to the window.
    private var position = 0
    /// Where `ipco` ends, once inside of it.
    private var propertiesEnd: Int?
    private var largest: PixelSize?

    /// The type that a major brand stands for; nil for the many brands that are film or sound.
    static func type(ofBrand brand: ArraySlice<UInt8>) -> ImageType? {
        switch String(decoding: brand, as: UTF8.self) {
        case "heic", "heix", "heim", "heis", "hevc", "hevx": .heic
        case "mif1", "msf1", "heif": .heif
        default: nil
        }
    }

    mutating func step(_ window: [UInt8]) -> Step {
        if let propertiesEnd, position >= propertiesEnd { return .size(largest) }
        guard window.count >= 16 else { return .want(16) }
        var length = number(window, at: 0, bytes: 4)
        var header = 8
        if length == 1 {
            guard window[8] < 0x40 else { return .broken }
            length = number(window, at: 8, bytes: 8)
            header = 16
        }
        // Length 0 means "to the end of the file": then nothing that is looked for follows.
        guard length >= header, length <= ImageHeader.longestPart else { return .broken }
        switch String(decoding: window[4..<8], as: UTF8.self) {
        case "meta":
            return enter(header + 4)  // a full box: version and flags before its children
        case "iprp":
            return enter(header)
        case "ipco":
            propertiesEnd = position + length
            return enter(header)
        case "ispe" where propertiesEnd != nil:
            guard window.count >= 20 else { return .want(20) }
            let size = PixelSize(width: number(window, at: 12, bytes: 4), height: number(window, at: 16, bytes: 4))
            if size.isPossible, size.width * size.height > largest.map({ $0.width * $0.height }) ?? 0 { largest = size }
            return enter(length)
        default:
            return enter(length)
        }
    }

    private mutating func enter(_ bytes: Int) -> Step {
        position += bytes
        return .skip(bytes)
    }
}
