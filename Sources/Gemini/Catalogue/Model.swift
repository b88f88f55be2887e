// One model's row.

package import ImageHeader

package struct Model: Sendable, Equatable, Decodable {
    package var id: String
    /// What people call it.
    package var title: String
    package var aliases: [String]
    /// `native`, `openai`, `vertex`.
    package var routes: [String]
    /// False when naming even the only size makes Google refuse.
    package var sendsImageSize: Bool
    package var defaultSize: String
    /// What the model makes of a prompt alone.
    package var defaultRatio: String
    package var sizes: [ImageSize]
    package var price: Price
    /// Text and thought tokens that a hold reckons with for one image.
    package var textTokenCap: Int
    /// Input images at most.
    package var maxInputs: Int
    package var inputImageTokens: Int
    /// Thinking levels that can be asked for; empty when none can.
    package var thinking: [String]
    /// `web`, `image`.
    package var grounding: [String]
    /// The type that it has been seen to make; nil when nobody told.
    package var mimeType: String?

    private enum CodingKeys: String, CodingKey {
        case id, title, aliases, routes, sendsImageSize, defaultSize, defaultRatio, sizes, textTokenCap, maxInputs
        case inputImageTokens, thinking, grounding, mimeType
        case price = "microUSDPerMillionTokens"
    }

    package struct ImageSize: Sendable, Equatable, Decodable {
        /// `512`, `1K`, `2K`, `4K`.
        package var name: String
        package var imageTokens: Int
        /// From quick to slow, for somebody who waits.
        package var usuallySeconds: [Int]
        /// Ratio to width and height.
        var pixels: [String: [Int]]
    }

    /// Micro-dollars for a million tokens of each kind.
    package struct Price: Sendable, Equatable, Decodable {
        package var input: Int
        package var text: Int
        package var image: Int
    }

    package var sizeNames: [String] { sizes.map(\.name) }

    /// The ratios as Google orders them: square first, then by width against height.
    package var aspectRatios: [String] {
        (sizes.first?.pixels ?? [:]).sorted { left, right in
            if (left.key == "1:1") != (right.key == "1:1") { return left.key == "1:1" }
            return left.value[0] * right.value[1] < right.value[0] * left.value[1]
        }.map(\.key)
    }

    package func size(named name: String?) -> ImageSize? { sizes.first { $0.name == name ?? defaultSize } }

    /// Which of the two this model cannot honour; nil when it can both.
    package func unsupported(aspectRatio: String?, imageSize: String?) -> UnsupportedParameter? {
        if let imageSize, size(named: imageSize) == nil { return .imageSize(supported: sizeNames) }
        if let aspectRatio, size(named: imageSize)?.pixels[aspectRatio] == nil {
            return .aspectRatio(supported: aspectRatios)
        }
        return nil
    }

    package enum UnsupportedParameter: Sendable, Equatable {
        case aspectRatio(supported: [String])
        case imageSize(supported: [String])
    }

    /// The pixels that such an image has been seen to have; they are not guaranteed.
    package func expectedPixels(aspectRatio: String?, imageSize: String?) -> PixelSize? {
        guard let pixels = size(named: imageSize)?.pixels[aspectRatio ?? defaultRatio], pixels.count == 2 else {
            return nil
        }
        return PixelSize(width: pixels[0], height: pixels[1])
    }

    /// What to put into `imageConfig.imageSize` for a size that the model has.
    package func wireImageSize(_ imageSize: String?) -> String? { sendsImageSize ? imageSize : nil }
}
