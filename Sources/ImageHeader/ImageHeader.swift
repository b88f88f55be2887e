// What an image is, read from its first bytes: its type and its pixels. Pure; no decoding, no I/O.
//
// What upstream claims is not trusted (JPEG bytes under `image/png` are common), so everything that reports a type or
// a size reads it here. Metadata before the pixels (EXIF, ICC, C2PA) is stepped over and never held.

/// The image formats that Gemini takes and makes.
package enum ImageType: String, Sendable, CaseIterable {
    case png = "image/png"
    case jpeg = "image/jpeg"
    case webp = "image/webp"
    case heic = "image/heic"
    case heif = "image/heif"

    package var mimeType: String { rawValue }

    /// The usual end of a file's name, without the dot.
    package var fileExtension: String {
        switch self {
        case .png: "png"
        case .jpeg: "jpg"
        case .webp: "webp"
        case .heic: "heic"
        case .heif: "heif"
        }
    }
}

/// The stored width and height, before any rotation that metadata asks for.
package struct PixelSize: Sendable, Equatable {
    package var width: Int
    package var height: Int

    package init(width: Int, height: Int) {
        self.width = width
        self.height = height
    }

    /// Whether both sides are 1 to 2^31 - 1, PNG's own bound, so that their product does not overflow.
    var isPossible: Bool {
        let sides = 1...Int(Int32.max)
        return sides.contains(width) && sides.contains(height)
    }
}

package enum ImageHeader: Sendable, Equatable {
    /// The type is certain; `pixels` is nil when the file ends, or `maximumBytes` were looked at, before the size is told.
    case known(ImageType, pixels: PixelSize?)
    /// The bytes so far are the start of an image, or too few to say.
    case needsMore
    case notAnImage

    /// Bytes that are looked at before the type alone is told.
    ///
    /// What stands before a JPEG's frame (EXIF, ICC profiles, C2PA manifests with thumbnails) can be megabytes in many
    /// segments; it is skipped and does not count. Nothing but a file that means mischief has a mebibyte of headers.
    package static let maximumBytes = 1_048_576
    /// Longest part of a file that is skipped at once: more than any image has.
    static let longestPart = 4_294_967_295

    /// Reads the header from the first bytes of a file; `needsMore` asks for a longer prefix.
    ///
    /// - Parameters:
    ///   - prefix: The file's bytes from its start on.
    ///   - isWhole: That the file ends here, so that the answer is never `needsMore`.
    /// - Returns: What is known from these bytes.
    package static func read(_ prefix: some Collection<UInt8>, isWhole: Bool = false) -> ImageHeader {
        var reader = ImageHeaderReader()
        reader.take(prefix)
        return isWhole ? reader.finish() : reader.header
    }
}
