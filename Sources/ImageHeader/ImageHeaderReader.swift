// The header of an image that arrives in pieces of any size. Holds at most one window of a few dozen bytes; whatever
// the format lets it skip, it skips by counting.

/// Reads a header from consecutive pieces of a file; `header` is what is known so far.
package struct ImageHeaderReader: Sendable {
    package private(set) var header = ImageHeader.needsMore

    /// What a format says about the bytes at the current position.
    enum Step {
        /// Look again when the window holds this many bytes.
        case want(Int)
        /// Nothing of interest in the next bytes, this window included.
        case skip(Int)
        case size(PixelSize?)
        case broken
    }

    private enum Format {
        case unknown
        case png
        case webp
        case jpeg
        case heif(ISOBoxes)
    }

    private var format = Format.unknown
    private var type: ImageType?
    private var window: [UInt8] = []
    private var wanted = 12
    private var skipping = 0
    /// Bytes that were looked at; what is skipped costs nothing.
    private var seenBytes = 0

    package init() {}

    /// Takes the next bytes of the file; does nothing once the header is known.
    package mutating func take(_ bytes: some Collection<UInt8>) {
        var index = bytes.startIndex
        while header == .needsMore, index != bytes.endIndex {
            if skipping > 0 {
                let next = bytes.index(index, offsetBy: skipping, limitedBy: bytes.endIndex) ?? bytes.endIndex
                skipping -= bytes.distance(from: index, to: next)
                index = next
                continue
            }
            window.append(bytes[index])
            index = bytes.index(after: index)
            seenBytes += 1
            if window.count >= wanted { look() }
            if header == .needsMore, seenBytes >= ImageHeader.maximumBytes { settle(nil) }
        }
    }

    /// Says what the file is, now that no more of it comes.
    package mutating func finish() -> ImageHeader {
        if header == .needsMore, type == nil {
            // A file shorter than the longest signature may still be a picture's beginning, never a picture.
            header = .notAnImage
        } else if header == .needsMore {
            settle(nil)
        }
        return header
    }

    private mutating func settle(_ pixels: PixelSize?) {
        header = type.map { .known($0, pixels: pixels) } ?? .notAnImage
        window = []
    }

    /// Asks the format about the window until it wants more than is there.
    private mutating func look() {
        while header == .needsMore, window.count >= wanted {
            switch step() {
            case .want(let count):
                precondition(count > window.count, "a format asked for what it has")
                wanted = count
            case .skip(let count):
                let inWindow = min(count, window.count)
                window.removeFirst(inWindow)
                skipping = count - inWindow
                wanted = 1
                if skipping > 0 { return }
            case .size(let pixels):
                settle(pixels.flatMap { $0.isPossible ? $0 : nil })
            case .broken:
                settle(nil)
            }
        }
    }

    private mutating func step() -> Step {
        switch format {
        case .unknown: return recognise()
        case .png: return PNGHeader.step(window)
        case .webp: return WebPHeader.step(window)
        case .jpeg: return JPEGHeader.step(window)
        case .heif(var boxes):
            let step = boxes.step(window)
            format = .heif(boxes)
            return step
        }
    }

    private mutating func recognise() -> Step {
        if window.starts(with: PNGHeader.signature) {
            (format, type) = (.png, .png)
            return .want(24)
        }
        if window.starts(with: JPEGHeader.signature) {
            (format, type) = (.jpeg, .jpeg)
            return .skip(2)
        }
        if window.starts(with: "RIFF".utf8), window[8..<12].elementsEqual("WEBP".utf8) {
            (format, type) = (.webp, .webp)
            return .want(30)
        }
        if window[4..<8].elementsEqual("ftyp".utf8), let brand = ISOBoxes.type(ofBrand: window[8..<12]) {
            (format, type) = (.heif(ISOBoxes()), brand)
            return .skip(0)
        }
        header = .notAnImage
        return .broken
    }
}
