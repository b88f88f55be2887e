// The shipped catalogue: names, what each model can do, and money to the micro-dollar.

import Foundation
import ImageHeader
import Testing

@testable import Gemini

struct CatalogueTests {
    let catalogue: Catalogue

    init() throws { catalogue = try Catalogue.shipped() }

    private func model(_ name: String) throws -> Model {
        guard case .current(let model) = catalogue.model(named: name) else { throw NotCurrent(name: name) }
        return model
    }

    @Test(
        arguments: [
            ("flash", "gemini-3.1-flash-image"), ("pro", "gemini-3-pro-image"), ("lite", "gemini-3.1-flash-lite-image"),
            ("nano", "gemini-nano-banana-2.1"), ("models/gemini-2.5-flash-image", "gemini-2.5-flash-image"),
        ])
    func aNameFindsItsModel(_ name: String, _ id: String) throws {
        #expect(try model(name).id == id)
    }

    @Test(
        arguments: [
            ("gemini-3.1-flash-image-preview", "gemini-3.1-flash-image"),
            ("gemini-3-pro-image-preview", "gemini-3-pro-image"),
        ])
    func aRetiredIdFindsItsSuccessor(_ id: String, _ successor: String) throws {
        #expect(catalogue.model(named: id) == .succeeded(by: try model(successor)))
    }

    @Test func imagenIsGone() {
        guard case .gone(let model) = catalogue.model(named: "imagen-4.0-generate-001") else {
            Issue.record("it is not gone")
            return
        }
        #expect(model.since == "2026-08-17")
    }

    @Test(arguments: ["gemini-4-image", "flahs", ""])
    func aNameThatNobodyKnowsIsUnknown(_ name: String) {
        #expect(catalogue.model(named: name) == .unknown)
    }

    @Test(
        arguments: [
            ("flash", "16:9", "1K", 1376, 768), ("flash", "1:1", "512", 512, 512), ("flash", "21:9", "512", 792, 336),
            ("pro", "9:16", "4K", 3072, 5504), ("nano", "8:1", "2K", 6144, 768), ("lite", "4:5", nil, 928, 1152),
            ("gemini-2.5-flash-image", "21:9", nil, 1536, 672), ("flash", nil, nil, 1024, 1024),
        ] as [(String, String?, String?, Int, Int)])
    func pixelsAreThoseThatWereSeen(_ name: String, _ ratio: String?, _ size: String?, _ width: Int, _ height: Int)
        throws
    {
        #expect(
            try model(name).expectedPixels(aspectRatio: ratio, imageSize: size)
                == PixelSize(width: width, height: height))
    }

    @Test func whatAModelCannotDoIsToldWithWhatItCan() throws {
        #expect(try model("flash").unsupported(aspectRatio: "8:1", imageSize: "4K") == nil)
        #expect(
            try model("nano").unsupported(aspectRatio: nil, imageSize: "512")
                == .imageSize(supported: ["1K", "2K", "4K"]))
        #expect(
            try model("pro").unsupported(aspectRatio: "8:1", imageSize: nil)
                == .aspectRatio(supported: ["1:1", "9:16", "2:3", "3:4", "4:5", "5:4", "4:3", "3:2", "16:9", "21:9"]))
        #expect(try model("flash").unsupported(aspectRatio: "7:3", imageSize: "1K") != nil)
        #expect(try model("flash").unsupported(aspectRatio: nil, imageSize: "4k") != nil)
        #expect(try model("gemini-2.5-flash-image").wireImageSize("1K") == nil)
        #expect(try model("lite").wireImageSize("1K") == "1K")
    }

    @Test(
        arguments: [
            ("flash", "512", 44_820), ("flash", "1K", 67_200), ("flash", "2K", 100_800), ("flash", "4K", 151_200),
            ("pro", "1K", 134_400), ("pro", "2K", 134_400), ("pro", "4K", 240_000), ("lite", "1K", 33_600),
            ("nano", "1K", 33_600), ("nano", "2K", 50_400), ("nano", "4K", 113_400),
            ("gemini-2.5-flash-image", "1K", 38_700),
        ])
    func anImageIsExpectedToCostItsListPrice(_ name: String, _ size: String, _ micros: Int) throws {
        #expect(try model(name).expectedMicros(imageSize: size, promptBytes: 0) == micros)
    }

    @Test func theHoldCoversTextPromptAndCount() throws {
        let flash = try model("flash")
        // 1120 x 60 + 1320 x 3 + (48 + 16) x 0.5
        #expect(flash.holdMicros(imageSize: nil, promptBytes: 48) == 71_192)
        #expect(flash.holdMicros(imageSize: "1K", promptBytes: 48, count: 3) == 213_576)
        #expect(flash.holdMicros(imageSize: "8K", promptBytes: 48) == nil)
        for model in catalogue.models {
            for size in model.sizeNames {
                let hold = try #require(model.holdMicros(imageSize: size, promptBytes: 131_072))
                #expect(hold > (try #require(model.expectedMicros(imageSize: size, promptBytes: 131_072))))
            }
        }
    }

    @Test func theCostIsWhatGoogleCountedRoundedUp() throws {
        // The example of the protocol's page: 12 in, and out 1120 of image, 186 of thought, 12 of text.
        let usage = Usage(promptTokens: 12, outputTokens: 1_318, imageTokens: 1_120, thoughtTokens: 186)
        #expect(try model("flash").costMicros(usage, imageSize: "1K", imageCount: 1) == 67_800)
        #expect(try model("lite").costMicros(usage, imageSize: "1K", imageCount: 1) == 33_900)
        let withoutDetails = Usage(promptTokens: 1, outputTokens: 1_200, imageTokens: 0, thoughtTokens: 0)
        #expect(try model("flash").costMicros(withoutDetails, imageSize: "1K", imageCount: 1) == 67_441)
    }

    @Test func aTierChangesThePriceAndTheOneThatServedItCounts() throws {
        let flash = try model("flash")
        var usage = Usage(promptTokens: 12, outputTokens: 1_318, imageTokens: 1_120, thoughtTokens: 186)
        func cost(_ tier: ServiceTier?) -> Int { flash.costMicros(usage, imageSize: "1K", imageCount: 1, tier: tier) }
        let costs: [Int] = [cost(nil), cost(.standard), cost(.flex), cost(.priority)]
        #expect(costs == [67_800, 67_800, 33_900, 135_600] as [Int])
        // There was no room among the hurried, so it was served as standard.
        usage.serviceTier = .standard
        #expect(cost(.priority) == 67_800)
    }

    /// What an upstream that means mischief counts must neither stop the daemon nor cost less than nothing.
    @Test func theMostThatCanBeCountedAtTheDearestPricesIsANumber() throws {
        let dearest = Array(
            #"""
            {"models":[{"id":"gemini-3.1-flash-image","microUSDPerGroundingQuery":1000000000,
             "microUSDPerMillionTokens":{"input":1000000000,"text":1000000000,"image":1000000000}}]}
            """#.utf8)
        guard case .current(let model) = try Catalogue.shipped(overriddenBy: dearest).model(named: "flash") else {
            throw NotCurrent(name: "flash")
        }
        let most = Usage(promptTokens: .max, outputTokens: .max, imageTokens: .max, thoughtTokens: .max)
        #expect(most.outputTokens == Usage.mostTokens)
        #expect(model.costMicros(most, imageSize: "4K", imageCount: .max) == 2 * Usage.mostTokens * 1_000)
        #expect(model.groundingMicros(queries: .max) == .max)
        #expect(model.holdMicros(imageSize: "4K", promptBytes: 131_072, inputImageCount: 14, count: 10) != nil)
    }

    @Test func groundingCostsWhatTheCatalogueKnowsOfIt() throws {
        #expect(try model("flash").groundingMicros(queries: Model.groundingQueryCap) == nil)
        let priced = try Catalogue.shipped(
            overriddenBy: Array(
                #"{"models":[{"id":"gemini-3.1-flash-image","microUSDPerGroundingQuery":14000}]}"#.utf8))
        guard case .current(let flash) = priced.model(named: "flash") else { throw NotCurrent(name: "flash") }
        #expect(flash.groundingMicros(queries: 3) == 42_000)
    }

    @Test func whereTheTypeCanBeChosenTheCatalogueSaysSo() throws {
        for model in catalogue.models {
            #expect(model.outputTypes(on: .vertex) == ["image/png", "image/jpeg"])
            #expect(model.outputTypes(on: .native) == [] && model.outputTypes(on: .openai) == [])
        }
        #expect(catalogue.models.filter { $0.isServed(by: .openai) }.map(\.id) == ["gemini-2.5-flash-image"])
    }
}

private struct NotCurrent: Error { var name: String }
