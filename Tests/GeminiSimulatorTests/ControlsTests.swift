// The controls of the native route: what each does to the answer, and its legal values.

import Foundation
import Testing
import TestKit

struct ControlsTests {
    private static let url = "/models/gemini-3.1-flash-image:generateContent"

    private func answer(_ simulator: RunningSimulator, _ more: String, model: String = "gemini-3.1-flash-image") throws
        -> Seen
    {
        try simulator.send(
            "\(simulator.url)/models/\(model):generateContent",
            body: #"{"contents":[{"parts":[{"text":"x"}]}],\#(more)}"#)
    }

    @Test func aValueOutOfRangeIsRefused() throws {
        let simulator = try RunningSimulator(key: nil)
        defer { #expect(simulator.stop() == 0) }
        let temperature = try answer(simulator, #""generationConfig":{"temperature":2.5}"#)
        #expect(
            temperature.errorMessage
                == "* GenerateContentRequest.generation_config.temperature: temperature must be in the range [0.0, 2.0].\n"
        )
        let seed = try answer(simulator, #""generationConfig":{"seed":2147483648}"#)
        #expect(seed.errorMessage == "Invalid value at 'generation_config.seed' (TYPE_INT32), 2147483648")
        let medium = #""generationConfig":{"thinkingConfig":{"thinkingLevel":"MEDIUM"}}"#
        #expect(try answer(simulator, medium).status == 400)
        #expect(try answer(simulator, medium, model: "gemini-nano-banana-2.1").status == 200)
        let harm = try answer(
            simulator, #""safetySettings":[{"category":"HARM_CATEGORY_IMAGE_HATE","threshold":"OFF"}]"#)
        #expect(harm.errorMessage?.hasPrefix("Invalid value at 'safety_settings[0].category'") == true)
    }

    @Test func searchesGroundTheAnswerWhereTheModelHasThem() throws {
        let simulator = try RunningSimulator(key: nil)
        defer { #expect(simulator.stop() == 0) }
        let both = #""tools":[{"googleSearch":{"searchTypes":{"webSearch":{},"imageSearch":{}}}}]"#
        func kinds(_ tools: String, _ model: String) throws -> [[String]] {
            let candidate = (try answer(simulator, tools, model: model).json["candidates"] as? [[String: Any]])?.first
            let metadata = candidate?["groundingMetadata"] as? [String: Any]
            return (metadata?["groundingChunks"] as? [[String: Any]] ?? []).map { Array($0.keys) }
        }
        #expect(try kinds(both, "gemini-3.1-flash-image") == [["web"], ["web"], ["image"]])
        #expect(try kinds(both, "gemini-3-pro-image") == [["web"], ["web"]])
        #expect(try kinds(#""tools":[{"googleSearch":{}}]"#, "gemini-3.1-flash-image") == [["web"], ["web"]])
        let without = try answer(simulator, both, model: "gemini-2.5-flash-image")
        #expect(without.errorMessage == "Search as tool is not enabled for this model")
    }

    @Test func fourteenImagesAreTakenAndFifteenAreNot() throws {
        let simulator = try RunningSimulator(key: nil)
        defer { #expect(simulator.stop() == 0) }
        let wide = try #require(
            try simulator.generate(config: #"{"imageConfig":{"imageSize":"512","aspectRatio":"21:9"}}"#).images.first)
        let part = #"{"inlineData":{"mimeType":"image/jpeg","data":"\#(wide.base64EncodedString())"}}"#
        func edited(_ count: Int) throws -> Seen {
            let parts = Array(repeating: part, count: count).joined(separator: ",")
            return try simulator.send(
                simulator.url + Self.url,
                body: #"{"contents":[{"parts":[\#(parts)]}],"generationConfig":{"imageConfig":{"imageSize":"512"}}}"#)
        }
        // Without a ratio the first input's counts.
        #expect(try edited(14).images.map(Header.init) == [Header(type: "jpeg", width: 792, height: 336)])
        #expect(try edited(15).status == 400)
    }

    @Test func modelsAreListedPageByPage() throws {
        let simulator = try RunningSimulator(key: nil)
        defer { #expect(simulator.stop() == 0) }
        var names: [String] = []
        var token = ""
        repeat {
            let page = try simulator.send(simulator.url + "/models?pageSize=4&pageToken=" + token).json
            let models = page["models"] as? [[String: Any]] ?? []
            #expect(models.count <= 4)
            names += models.compactMap { $0["name"] as? String }
            token = page["nextPageToken"] as? String ?? ""
        } while !token.isEmpty
        #expect(names.count == Set(names).count && names.contains("models/gemini-3-pro-image"))
        #expect(try simulator.send(simulator.url + "/models?pageToken=x").errorMessage == "Page token is invalid.")
        #expect(try simulator.send(simulator.url + "/models/gemini-3-pro-image").status == 200)
    }

    @Test func theFirstPartThatIsNoThoughtIsSignedAndDemandedBack() throws {
        let simulator = try RunningSimulator(key: nil)
        defer { #expect(simulator.stop() == 0) }
        let seen = try simulator.generate(
            #"a {sim:{"answer":{"textBefore":"Here.","textAfter":"There."}}}"#,
            config: #"{"thinkingConfig":{"includeThoughts":true},"imageConfig":{"imageSize":"512"}}"#)
        #expect(seen.parts.map { $0["thoughtSignature"] != nil } == [false, true, true, false])
        func replayed(_ parts: [[String: Any]]) throws -> String? {
            let contents: [[String: Any]] = [
                ["role": "user", "parts": [["text": "a"]]], ["role": "model", "parts": parts],
                ["role": "user", "parts": [["text": "b"]]],
            ]
            let config = ["imageConfig": ["imageSize": "512"]]
            let body = try JSONSerialization.data(withJSONObject: ["contents": contents, "generationConfig": config])
            return try simulator.send(simulator.url + Self.url, body: String(decoding: body, as: UTF8.self))
                .errorMessage
        }
        #expect(try replayed(seen.parts) == nil)
        var unsigned = seen.parts
        unsigned[1]["thoughtSignature"] = nil
        #expect(
            try replayed(unsigned)
                == "Text part is missing a thought_signature in content position 2, part position 2. Please refer to "
                + "https://ai.google.dev/gemini-api/docs/thought-signatures for more details.")
        var reworded = seen.parts
        reworded[1]["text"] = "Over there."
        var reordered = seen.parts
        reordered.swapAt(1, 2)
        for parts in [reworded, reordered] {
            #expect(try replayed(parts)?.contains("has an invalid thought signature for content at index 1") == true)
        }
    }
}
