// The plain answer, and each way in which an answer may differ from it.

import Foundation
import Testing
import TestKit

struct AnswerTests {
    private func answered(_ variation: String) throws -> Seen {
        let simulator = try RunningSimulator(key: nil)
        defer { #expect(simulator.stop() == 0) }
        return try simulator.generate(act: #"{"answer":\#(variation)}"#)
    }

    @Test func thePlainAnswerIsOneImageWithItsUsage() throws {
        let seen = try answered("{}")
        #expect(seen.parts.map { $0.keys.sorted() } == [["inlineData", "thoughtSignature"]])
        #expect(seen.json["modelVersion"] as? String == "gemini-3.1-flash-image")
        #expect((seen.json["responseId"] as? String)?.isEmpty == false)
        let candidate = try #require((seen.json["candidates"] as? [[String: Any]])?.first)
        #expect(candidate["finishReason"] as? String == "STOP")
        let usage = try #require(seen.json["usageMetadata"] as? [String: Any])
        let counts = ["promptTokenCount", "candidatesTokenCount", "thoughtsTokenCount"].compactMap { usage[$0] as? Int }
        #expect(usage["candidatesTokenCount"] as? Int == 747)
        #expect(usage["totalTokenCount"] as? Int == counts.reduce(0, +))
    }

    @Test func the25ModelGivesNoSignatures() throws {
        let simulator = try RunningSimulator(key: nil)
        defer { #expect(simulator.stop() == 0) }
        let seen = try simulator.generate(model: "gemini-2.5-flash-image")
        #expect(seen.parts.map { $0.keys.sorted() } == [["inlineData"]])
    }

    @Test func severalImagesDiffer() throws {
        let images = try answered(#"{"images":3}"#).images
        #expect(Set(images).count == 3)
    }

    @Test func draftsComeFirstAndAreMarked() throws {
        let plain = try answered("{}").images
        let seen = try answered(#"{"drafts":2,"unmarkedDrafts":1,"textBefore":"first","textAfter":"last"}"#)
        #expect(
            seen.parts.map { part in
                part["text"] as? String ?? (part["thought"] as? Bool == true ? "draft" : "image")
            } == ["first", "draft", "draft", "image", "image", "last"])
        #expect(seen.images.last == plain.first)
    }

    @Test(arguments: [
        #"{"layout":"compact"}"#, #"{"layout":"spaced"}"#, #"{"escapes":true}"#, #"{"reversedMembers":true}"#,
        #"{"noFinishReason":true}"#,
    ])
    func theLayoutDoesNotChangeWhatIsSaid(_ variation: String) throws {
        #expect(try answered(variation).images == (try answered("{}").images))
    }

    @Test func escapesAndLayoutsAreReallySent() throws {
        let escaped = try answered(#"{"escapes":true}"#).text
        #expect(escaped.contains("\\/") && escaped.contains("\\u002b"))
        #expect(!(try answered(#"{"layout":"compact"}"#).text.contains("\n")))
        #expect(try answered(#"{"layout":"spaced"}"#).text.contains("\t\t"))
    }

    @Test func membersCanComeInTheReverseOrder() throws {
        let text = try answered(#"{"reversedMembers":true}"#).text
        let data = try #require(text.range(of: "\"data\""))
        let type = try #require(text.range(of: "\"mimeType\""))
        #expect(data.lowerBound < type.lowerBound)
    }

    @Test func namesCanBeInSnakeCase() throws {
        let seen = try answered(#"{"snakeCase":true}"#)
        #expect(seen.json["model_version"] as? String == "gemini-3.1-flash-image")
        #expect(seen.parts.map { $0.keys.sorted() } == [["inline_data", "thought_signature"]])
    }

    @Test func anAnswerCanBeWrappedInAnArray() throws {
        let seen = try answered(#"{"arrayWrapped":true}"#)
        #expect((try JSONSerialization.jsonObject(with: seen.body) as? [Any])?.count == 1)
    }

    @Test func typeAndPixelsCanDifferFromWhatWasAskedAndClaimed() throws {
        let claimed = try answered(#"{"imageType":"png","claimedType":"image/jpeg","pixels":[300,200]}"#)
        #expect((claimed.parts.first?["inlineData"] as? [String: Any])?["mimeType"] as? String == "image/jpeg")
        #expect(claimed.images.map(Header.init) == [Header(type: "png", width: 300, height: 200)])
        let webp = try answered(#"{"imageType":"webp"}"#).images.first.map { Array($0.prefix(30)) }
        #expect(
            webp == Array("RIFF".utf8) + [22, 0, 0, 0] + Array("WEBPVP8X".utf8) + [10, 0, 0, 0, 0, 0, 0, 0, 255, 1, 0]
                + [255, 1, 0])
    }

    @Test func anAnswerCanHoldNoUsableImage() throws {
        let notAnImage = try answered(#"{"notAnImage":true}"#).images
        #expect(notAnImage.map { Header($0) == nil } == [true])
        let bad = try answered(#"{"badBase64":true}"#)
        #expect(bad.parts.count == 1 && bad.images.isEmpty)
        #expect(try answered(#"{"textOnly":true}"#).parts.map { $0["text"] as? String } == ["Here is your image:"])
        let empty = try answered(#"{"empty":true,"finishReason":"NO_IMAGE"}"#)
        let candidates = empty.json["candidates"] as? [NSDictionary]
        #expect(candidates == [["finishReason": "NO_IMAGE", "index": 0]])
    }

    @Test func paddingCanBeLeftOut() throws {
        // 3 × 5 pixels and the rest make a length that needs padding for one of three neighbouring widths.
        let texts = try (3...8).map { try answered(#"{"noPadding":true,"pixels":[\#($0),5]}"#).text }
        #expect(texts.allSatisfy { !$0.contains("=") })
        let padded = try (3...8).map { try answered(#"{"pixels":[\#($0),5]}"#).text }
        #expect(padded.contains { $0.contains("=\"") })
    }

    @Test func modelVersionAndUsageCanBeReplaced() throws {
        let seen = try answered(#"{"modelVersion":"gemini-else","usage":{"totalTokenCount":7}}"#)
        #expect(seen.json["modelVersion"] as? String == "gemini-else")
        #expect((seen.json["usageMetadata"] as? [String: Any])?["totalTokenCount"] as? Int == 7)
    }
}
