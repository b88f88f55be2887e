// One model's row.

package import ImageHeader

package struct Model: Sendable, Equatable, Decodable {
    package var id: String
    /// What people call it.
    package var title: String
    package var aliases: [String]
    /// `native`, `openai`, `vertex`.
    package var routes: [String]
    /// Where Vertex has it; nil when it does not matter or nobody told.
    package var locations: [String]?
    /// The day from which it was generally available.
    package var since: String?
    /// What was announced of its end, as a clause; nil when nothing was.
    package var shutdown: String?
    /// False when naming even the only size makes Google refuse.
    package var sendsImageSize: Bool
    package var defaultSize: String
    /// What the model makes of a prompt alone.
    package var defaultRatio: String
    package var sizes: [ImageSize]
    package var price: Price
    /// For one search of grounding; nil when nobody told, so that a request with grounding has no known price.
    package var groundingQueryMicros: Int?
    /// What a batch or flex request costs of the price, in percent.
    package var batchPercent: Int?
    /// Text and thought tokens that a hold reckons with for one image.
    package var textTokenCap: Int
    package var maxInputTokens: Int?
    package var maxOutputTokens: Int?
    /// Input images at most.
    package var maxInputs: Int
    /// Input images that it follows well.
    package var bestInputs: Int?
    package var inputImageTokens: Int
    /// Thinking levels that can be asked for; empty when none can.
    package var thinking: [String]
    /// The level that it takes when none is asked for.
    package var defaultThinking: String?
    /// What it wants of a conversation's signatures: `none`, `kept` or `enforced`.
    package var signatures: String?
    /// `web`, `image`.
    package var grounding: [String]
    /// The type that it has been seen to make; nil when nobody told.
    package var mimeType: String?
    /// By route, the types that can be asked for; absent where the model decides.
    package var outputTypes: [String: [String]]?

    private enum CodingKeys: String, CodingKey {
        case id, title, aliases, routes, locations, since, shutdown, sendsImageSize, defaultSize, defaultRatio, sizes
        case batchPercent, textTokenCap, maxInputTokens, maxOutputTokens, maxInputs, bestInputs, inputImageTokens
        case thinking, defaultThinking, signatures, grounding, mimeType, outputTypes
        case price = "microUSDPerMillionTokens"
        case groundingQueryMicros = "microUSDPerGroundingQuery"
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

    /// The types that can be asked for on a route; empty where the model decides.
    package func outputTypes(on route: RouteKind) -> [String] { outputTypes?[route.rawValue] ?? [] }

    package func isServed(by route: RouteKind) -> Bool { routes.contains(route.rawValue) }

    /// That Vertex has it there, as far as anybody told.
    package func isHad(in location: String) -> Bool { locations?.contains(location) ?? true }

    /// What the schema cannot see: that the members of the row fit together.
    func check() throws(CatalogueError) {
        func fault(_ member: String, _ reason: String) -> CatalogueError {
            CatalogueError(entry: id, member: member, reason: reason)
        }
        guard let first = sizes.first else { throw fault("sizes", "is empty") }
        for size in sizes where Set(size.pixels.keys) != Set(first.pixels.keys) {
            throw fault("sizes.\(size.name).pixels", "does not have the same ratios as \(first.name)")
        }
        guard size(named: nil) != nil else {
            throw fault("defaultSize", "is \(defaultSize), which is none of its sizes")
        }
        guard first.pixels[defaultRatio] != nil else {
            throw fault("defaultRatio", "is \(defaultRatio), which is none of its ratios")
        }
        if let defaultThinking, !thinking.contains(defaultThinking) {
            throw fault("defaultThinking", "is \(defaultThinking), which is none of its levels")
        }
        for route in (outputTypes ?? [:]).keys where !routes.contains(route) {
            throw fault("outputTypes.\(route)", "is for a route that the model is not on")
        }
    }
}
