// The models as the API has them: ratios, sizes, pixels, type of file, thinking, tokens.
// Kept apart from Darkroom's own catalogue on purpose: each is a check on the other.

/// The name of a size, as `imageConfig.imageSize` writes it.
enum ImageSize: String, Sendable, CaseIterable {
    case half = "512"
    case one = "1K"
    case two = "2K"
    case four = "4K"
}

struct Model: Sendable {
    let id: String
    let displayName: String
    var ratios: [String] = []
    var sizes: [ImageSize] = []
    var imageType: ImageType = .jpeg
    /// Tokens of one image, by size.
    var imageTokens: [ImageSize: Int] = [:]
    /// Median time of a picture at 1K, as measured by users in 2026.
    var usualMilliseconds = 0
    /// Empty where thinking cannot be set.
    var thinkingLevels: [String] = []
    var hasThinking = true
    /// Whether image parts carry a `thoughtSignature`.
    var hasSignatures = true
    /// What search may bring in: nothing, pages, or images too.
    var searches: Set<Search> = []
    /// Tokens of one input image.
    var inputImageTokens = 1120
    /// Price of one image, in millionths of a dollar, by size.
    var imagePrice: [ImageSize: Int] = [:]
    /// Whether the OpenAI-compatible route draws with it.
    var isOnCompatibleRoute = false

    enum Search { case pages, images }

    var drawsImages: Bool { !ratios.isEmpty }

    static let all: [Model] = [
        Model(
            id: "gemini-2.5-flash-image", displayName: "Nano Banana", ratios: baseRatios, sizes: [.one],
            imageType: .png,
            imageTokens: [.one: 1290], usualMilliseconds: 7000, hasThinking: false, hasSignatures: false,
            imagePrice: [.one: 39_000], isOnCompatibleRoute: true),
        Model(
            id: "gemini-3-pro-image", displayName: "Nano Banana Pro", ratios: baseRatios, sizes: [.one, .two, .four],
            imageTokens: [.one: 1120, .two: 1120, .four: 2000], usualMilliseconds: 22_000,
            searches: [.pages], inputImageTokens: 560,
            imagePrice: [.one: 134_000, .two: 134_000, .four: 240_000]),
        Model(
            id: "gemini-3.1-flash-image", displayName: "Nano Banana 2", ratios: baseRatios + longRatios,
            sizes: [.half, .one, .two, .four], imageTokens: [.half: 747, .one: 1120, .two: 1680, .four: 2520],
            usualMilliseconds: 12_500, thinkingLevels: ["MINIMAL", "HIGH"], searches: [.pages, .images],
            imagePrice: [.half: 45_000, .one: 67_000, .two: 101_000, .four: 151_000]),
        Model(
            id: "gemini-3.1-flash-lite-image", displayName: "Nano Banana 2 Lite", ratios: baseRatios + longRatios,
            sizes: [.one], imageTokens: [.one: 1120], usualMilliseconds: 5500, thinkingLevels: ["MINIMAL", "HIGH"],
            imagePrice: [.one: 33_600]),
        Model(
            id: "gemini-nano-banana-2.1", displayName: "Nano Banana 2.1", ratios: baseRatios + longRatios,
            sizes: [.one, .two, .four], imageTokens: [.one: 1120, .two: 1680, .four: 3780],
            usualMilliseconds: 25_000, thinkingLevels: ["MINIMAL", "MEDIUM", "HIGH"], searches: [.pages, .images],
            imagePrice: [.one: 33_600, .two: 50_400, .four: 113_000]),
        Model(id: "gemini-2.5-flash", displayName: "Gemini 2.5 Flash", hasSignatures: false, searches: [.pages]),
    ]

    /// The ratios as the API's error lists them: by width, then by height.
    var ratiosInOrder: [String] {
        ratios.sorted { a, b in
            let sides = [a, b].map { $0.split(separator: ":").compactMap { Int($0) } }
            return sides[0].lexicographicallyPrecedes(sides[1])
        }
    }

    static func named(_ id: String) -> Model? { all.first { $0.id == id } }

    /// The median time of a picture of that size.
    func usualMilliseconds(size: ImageSize) -> Int {
        switch size {
        case .half, .one: usualMilliseconds
        case .two: usualMilliseconds * 3 / 2
        case .four: usualMilliseconds * 5 / 2
        }
    }

    /// Width and height in pixels; nil for a ratio or size that the model lacks.
    func pixels(ratio: String, size: ImageSize) -> (width: Int, height: Int)? {
        guard ratios.contains(ratio), sizes.contains(size) else { return nil }
        if id == "gemini-2.5-flash-image" { return Self.pixelsOf25[ratio] }
        if size == .half { return Self.pixelsAt512[ratio] }
        guard let one = Self.pixelsAt1K[ratio] else { return nil }
        let factor = size == .four ? 4 : size == .two ? 2 : 1
        return (one.width * factor, one.height * factor)
    }

    static let baseRatios = ["1:1", "2:3", "3:2", "3:4", "4:3", "4:5", "5:4", "9:16", "16:9", "21:9"]
    static let longRatios = ["1:4", "4:1", "1:8", "8:1"]

    private static let pixelsOf25: [String: (width: Int, height: Int)] = [
        "1:1": (1024, 1024), "2:3": (832, 1248), "3:2": (1248, 832), "3:4": (864, 1184), "4:3": (1184, 864),
        "4:5": (896, 1152), "5:4": (1152, 896), "9:16": (768, 1344), "16:9": (1344, 768), "21:9": (1536, 672),
    ]

    private static let pixelsAt1K: [String: (width: Int, height: Int)] = [
        "1:1": (1024, 1024), "2:3": (848, 1264), "3:2": (1264, 848), "3:4": (896, 1200), "4:3": (1200, 896),
        "4:5": (928, 1152), "5:4": (1152, 928), "9:16": (768, 1376), "16:9": (1376, 768), "21:9": (1584, 672),
        "1:4": (512, 2048), "4:1": (2048, 512), "1:8": (384, 3072), "8:1": (3072, 384),
    ]

    private static let pixelsAt512: [String: (width: Int, height: Int)] = [
        "1:1": (512, 512), "2:3": (424, 632), "3:2": (632, 424), "3:4": (448, 600), "4:3": (600, 448),
        "4:5": (464, 576), "5:4": (576, 464), "9:16": (384, 688), "16:9": (688, 384), "21:9": (792, 336),
        "1:4": (256, 1024), "4:1": (1024, 256), "1:8": (192, 1536), "8:1": (1536, 192),
    ]

    /// The entry in `GET models`.
    var listing: JSON {
        [
            "name": .string("models/\(id)"), "version": "001", "displayName": .string(displayName),
            "description": .string("\(displayName), as gemini-simulator plays it."),
            "inputTokenLimit": .integer(drawsImages ? 65536 : 1_048_576),
            "outputTokenLimit": .integer(32768),
            "supportedGenerationMethods": ["generateContent", "countTokens", "batchGenerateContent"],
            "temperature": 1, "topP": .double(0.95), "topK": 64, "maxTemperature": 2, "thinking": .bool(hasThinking),
        ]
    }
}
