// The size and type of every picture a model can be asked for.

import Foundation
import Testing
import TestKit

struct PixelTests {
    /// Ratio and pixels at 1K of the Gemini 3 family; 2K and 4K are its multiples.
    private static let family3: [(String, Int, Int)] = [
        ("1:1", 1024, 1024), ("2:3", 848, 1264), ("3:2", 1264, 848), ("3:4", 896, 1200), ("4:3", 1200, 896),
        ("4:5", 928, 1152), ("5:4", 1152, 928), ("9:16", 768, 1376), ("16:9", 1376, 768), ("21:9", 1584, 672),
        ("1:4", 512, 2048), ("4:1", 2048, 512), ("1:8", 384, 3072), ("8:1", 3072, 384),
    ]

    private static let at512: [(String, Int, Int)] = [
        ("1:1", 512, 512), ("2:3", 424, 632), ("3:2", 632, 424), ("3:4", 448, 600), ("4:3", 600, 448),
        ("4:5", 464, 576),
        ("5:4", 576, 464), ("9:16", 384, 688), ("16:9", 688, 384), ("21:9", 792, 336), ("1:4", 256, 1024),
        ("4:1", 1024, 256), ("1:8", 192, 1536), ("8:1", 1536, 192),
    ]

    private static let of25: [(String, Int, Int)] = [
        ("1:1", 1024, 1024), ("2:3", 832, 1248), ("3:2", 1248, 832), ("3:4", 864, 1184), ("4:3", 1184, 864),
        ("4:5", 896, 1152), ("5:4", 1152, 896), ("9:16", 768, 1344), ("16:9", 1344, 768), ("21:9", 1536, 672),
    ]

    @Test(arguments: [
        ("gemini-2.5-flash-image", "png", 10, [""]),
        ("gemini-3-pro-image", "jpeg", 10, ["1K", "2K", "4K"]),
        ("gemini-3.1-flash-image", "jpeg", 14, ["512", "1K", "2K", "4K"]),
        ("gemini-3.1-flash-lite-image", "jpeg", 14, ["1K"]),
        ("gemini-nano-banana-2.1", "jpeg", 14, ["1K", "2K", "4K"]),
    ])
    func everyPictureHasThePixelsOfItsModel(_ model: String, _ type: String, _ ratios: Int, _ sizes: [String]) throws {
        let simulator = try RunningSimulator(key: nil)
        defer { #expect(simulator.stop() == 0) }
        for size in sizes {
            let factor = size == "4K" ? 4 : size == "2K" ? 2 : 1
            let table = model.contains("2.5") ? Self.of25 : size == "512" ? Self.at512 : Self.family3
            let sizeField = size.isEmpty ? "" : #","imageSize":"\#(size)""#
            for (ratio, width, height) in table.prefix(ratios) {
                let seen = try simulator.generate(
                    "x", model: model, config: #"{"imageConfig":{"aspectRatio":"\#(ratio)"\#(sizeField)}}"#)
                let start = seen.body.range(of: Data(#""data": ""#.utf8))?.upperBound ?? seen.body.endIndex
                let header = Data(base64Encoded: seen.body[start...].prefix(4096)).flatMap(Header.init)
                #expect(
                    header == Header(type: type, width: width * factor, height: height * factor), "\(ratio) \(size)")
            }
        }
    }

    @Test func aPictureFollowsFromPromptAndSeedAlone() throws {
        let simulator = try RunningSimulator(key: nil)
        defer { #expect(simulator.stop() == 0) }
        let other = try RunningSimulator(key: nil)
        defer { #expect(other.stop() == 0) }
        func image(_ simulator: RunningSimulator, _ prompt: String, seed: Int) throws -> Data? {
            try simulator.generate(prompt, config: #"{"seed":\#(seed),"imageConfig":{"imageSize":"512"}}"#).images.first
        }
        let first = try #require(try image(simulator, "a", seed: 1))
        #expect(try image(other, "a", seed: 1) == first)
        #expect(try image(other, "a", seed: 2) != first)
        #expect(try image(other, "b", seed: 1) != first)
    }

    @Test func anImageIsAboutAsLargeAsARealOne() throws {
        let simulator = try RunningSimulator(key: nil)
        defer { #expect(simulator.stop() == 0) }
        let config = #"{"imageConfig":{"imageSize":"1K"}}"#
        let bytes = try #require(try simulator.generate("x", config: config).images.first).count
        #expect((1_200_000...2_000_000).contains(bytes))
    }
}
