// What is read out of an answer beside its final image.

import Foundation
import ImageHeader
import Testing

@testable import Gemini

struct AnswerTests {
    @Test func aGroundedAnswerNamesItsSources() throws {
        let answer = try answered(
            #"{"candidates":[{"content":{"parts":[\#(part(picture()))]},"groundingMetadata":{"webSearchQueries":["w"],"imageSearchQueries":["i"],"groundingChunks":[{"web":{"uri":"https://a","title":"A","domain":"a"}},{"image":{"sourceUri":"https://b","imageUri":"https://b/i.png"}},{"other":1},{"web":{"title":"no address"}}],"searchEntryPoint":{"renderedContent":"<b>chip</b>"}}}]}"#
        )
        #expect(
            answer.findings?.sources == [
                SearchFindings.Source(title: "A", uri: "https://a"),
                SearchFindings.Source(title: nil, uri: "https://b"),
            ])
        #expect(answer.findings?.queries == ["w", "i"] && answer.findings?.renderedChip == "<b>chip</b>")
    }

    @Test func whatAnAnswerSaysIsShownWithoutKeysAndItsTurnIsKeptAsItCame() throws {
        let key = "AIzaSyA1234567890123456789012345678901"
        let content = #"{"parts":[{"text":"a ring bearer, \#(key)"},\#(part(picture()))]}"#
        let answer = try answered(
            #"{"candidates":[{"content":\#(content.replacing("image/png", with: key)),"finishReason":"\#(key)","finishMessage":"?key=hunter2","groundingMetadata":{"webSearchQueries":["w \#(key)"],"groundingChunks":[{"web":{"uri":"https://a/FAQ.htmlpage?key=hunter2","title":"\#(key)"}}],"searchEntryPoint":{"renderedContent":"<b>\#(key)</b>"}}}],"modelVersion":"\#(key)","responseId":"\#(key)"}"#
        )
        #expect(answer.text == "a ring bearer, [key]")
        #expect(answer.finishReason == "[key]" && answer.finishMessage == "?key=[key]")
        #expect(answer.modelVersion == "[key]" && answer.responseID == "[key]")
        #expect(answer.finalImage.claimedMimeType == "[key]")
        #expect(answer.findings?.queries == ["w [key]"] && answer.findings?.renderedChip == "<b>[key]</b>")
        #expect(
            answer.findings?.sources == [
                SearchFindings.Source(title: "[key]", uri: "https://a/FAQ.htmlpage?key=[key]")
            ])
        let kept = try #require(answer.content)
        #expect(String(decoding: kept, as: UTF8.self).hasPrefix(#"{"parts":[{"text":"a ring bearer, \#(key)"},"#))
    }

    @Test func anImageIsKeptThoughAnErrorStandsBesideIt() throws {
        let answer = try answered(
            #"{"error":{"code":503,"message":"overloaded"},"candidates":[{"content":{"parts":[\#(part(picture()))]}}]}"#
        )
        #expect(answer.images.count == 1)
    }

    @Test(
        arguments: [
            #""groundingMetadata":{}"#, #""groundingMetadata":7"#, #""groundingMetadata":{"groundingChunks":"x"}"#,
            #""grounding_metadata":null"#,
        ])
    func groundingThatSaysNothingCostsNoImage(_ member: String) throws {
        let answer = try answered(#"{"candidates":[{"content":{"parts":[\#(part(picture()))]},\#(member)}]}"#)
        #expect(answer.images.count == 1 && answer.findings == nil)
    }

    @Test func usageInAnUnknownShapeCostsNoImage() throws {
        let answer = try answered(
            #"{"candidates":[{"content":{"parts":[\#(part(picture()))]}}],"usageMetadata":{"totalTokenCount":"many"}}"#)
        #expect(answer.images.count == 1 && answer.usage == nil)
    }

    @Test(arguments: [
        #"{"promptTokenCount":9,"candidatesTokenCount":20,"thoughtsTokenCount":5}"#,
        #"{"promptTokenCount":9,"candidatesTokenCount":20,"thoughtsTokenCount":5,"totalTokenCount":34}"#,
        // Text, as proto3 writes numbers of 64 bits; and with what a tool read.
        #"{"promptTokenCount":"4","toolUsePromptTokenCount":5,"candidatesTokenCount":"20","thoughtsTokenCount":5,"totalTokenCount":"34"}"#,
    ])
    func whatCameOutIsTheTotalLessThePromptThoughtsIncluded(_ usage: String) throws {
        let answer = try answered(
            #"{"candidates":[{"content":{"parts":[\#(part(picture()))]}}],"usageMetadata":\#(usage)}"#)
        #expect(answer.usage == Usage(promptTokens: 9, outputTokens: 25, imageTokens: 0, thoughtTokens: 5))
    }

    /// On a refusal the candidates' count has been seen to repeat the thoughts'.
    @Test func thoughtsThatAreCountedTwiceArePaidForOnce() throws {
        let answer = try answered(
            #"{"candidates":[{"content":{"parts":[\#(part(picture()))]}}],"usageMetadata":{"promptTokenCount":9,"candidatesTokenCount":80,"thoughtsTokenCount":80,"totalTokenCount":89}}"#
        )
        #expect(answer.usage?.outputTokens == 80)
    }

    @Test(
        arguments: [
            (#""serviceTier":"flex""#, .flex), (#""trafficType":"ON_DEMAND_PRIORITY""#, .priority),
            (#""trafficType":"PROVISIONED_THROUGHPUT""#, nil), (#""serviceTier":3"#, nil),
        ] as [(String, ServiceTier?)])
    func theTierThatServedItIsRead(_ member: String, _ tier: ServiceTier?) throws {
        let answer = try answered(
            #"{"candidates":[{"content":{"parts":[\#(part(picture()))]}}],"usageMetadata":{"promptTokenCount":9,\#(member)}}"#
        )
        #expect(answer.usage?.serviceTier == tier)
    }

    @Test func countsThatAreNonsenseAreBounded() throws {
        let details = Array(repeating: #"{"modality":"IMAGE","tokenCount":9223372036854775807}"#, count: 9)
        let answer = try answered(
            #"{"candidates":[{"content":{"parts":[\#(part(picture()))]}}],"usageMetadata":{"promptTokenCount":-1,"toolUsePromptTokenCount":9223372036854775807,"candidatesTokenCount":9223372036854775807,"thoughtsTokenCount":9223372036854775807,"candidatesTokensDetails":[\#(details.joined(separator: ","))]}}"#
        )
        let most = Usage.mostTokens
        #expect(
            answer.usage == Usage(promptTokens: most, outputTokens: most, imageTokens: most, thoughtTokens: most))
    }

    @Test(arguments: [
        #"{"candidates":[{"content":{"parts":[PART]},"finishReason":18}]}"#,
        #"{"candidates":[{"content":{"parts":[{"text":7},PART]},"finishMessage":{"a":1}}],"modelVersion":3}"#,
        #"{"candidates":[{"content":{"parts":[{"text":"t","thought":"true"},PART]}}],"responseId":[1],"model":{}}"#,
        #"{"candidates":[{"content":{"parts":[PART]}}],"promptFeedback":"none","usageMetadata":7,"modelStatus":[]}"#,
        #"{"candidates":[{"finishReason":null,"content":"x"},{"content":{"parts":[{"inlineData":7},PART]}}]}"#,
    ])
    func aScalarOfAnotherTypeCostsNoImage(_ body: String) throws {
        let answer = try answered(body.replacing("PART", with: part(picture())))
        #expect(answer.images.count == 1)
        #expect(answer.finishReason == (body.contains("18") ? "18" : nil))
        #expect(answer.modelVersion == (body.contains("modelVersion") ? "3" : nil))
        #expect(answer.text == (body.contains("\"text\":7") ? "7" : ""))
    }

    @Test func aModelIsNamedWithoutItsPath() throws {
        for name in ["models/m", "publishers/google/models/m", "m"] {
            let answer = try answered(
                #"{"candidates":[{"content":{"parts":[\#(part(picture()))]}}],"modelVersion":"\#(name)"}"#)
            #expect(answer.modelVersion == "m")
        }
    }

    @Test(arguments: ["the-key", #"\u0074he-key"#])
    func aTurnInWhichTheKeyStandsIsNotKept(_ word: String) throws {
        let assembler = AnswerAssembler<MemorySink> { _ in MemorySink() }
        let body = #"{"candidates":[{"content":{"parts":[{"text":"it is \#(word)"},\#(part(picture()))]}}]}"#
        try assembler.take(Array(body.utf8).span)
        let answer = try assembler.finish(redacting: key())
        #expect(answer.content == nil && answer.text == "it is [key]")
        #expect(answer.remarks.map(\.code) == ["key_echoed"])
    }

    @Test func imagesAreBoundedTogether() throws {
        let assembler = AnswerAssembler<NoSink> { _ in NoSink() }
        try assembler.imageBegins(0)
        let piece = [UInt8](repeating: 0, count: 1_048_576)
        for _ in 0..<(AnswerLimits.imageBytes / piece.count) { try assembler.imageContinues(0, piece.span) }
        try assembler.imageBegins(1)
        #expect(throws: AnswerScannerError.imagesTooLarge) { try assembler.imageContinues(1, piece.span) }
    }

    @Test func aModelOnItsWayOutSaysSo() throws {
        let answer = try answered(
            #"{"candidates":[{"content":{"parts":[\#(part(picture()))]}}],"modelStatus":{"modelStage":"DEPRECATED","retirementTime":"2027-01-01T00:00:00Z","message":"use another, ?key=abc"}}"#
        )
        #expect(
            answer.remarks == [
                AnswerRemark(
                    code: "model_deprecated",
                    message: "this model is deprecated and ends at 2027-01-01T00:00:00Z: use another, ?key=[key]")
            ])
        let stable =
            #"{"candidates":[{"content":{"parts":[\#(part(picture()))]}}],"modelStatus":{"modelStage":"STABLE"}}"#
        #expect(try answered(stable).remarks == [])
    }

    @Test func aPartThatIsNoImageIsSaidAndTheOthersAreKept() throws {
        let nonsense = #"{"inlineData":{"mimeType":"image/png","data":"QUJDREVGR0g="}}"#
        let answer = try answered(
            #"{"candidates":[{"content":{"parts":[\#(part(picture(1, 1))),\#(part(picture(2, 2))),\#(nonsense)]}}]}"#)
        #expect(answer.images.map(\.header) == (1...2).map { .known(.png, pixels: .init(width: $0, height: $0)) })
        #expect(answer.finalIndex == 1 && answer.content == nil)
        #expect(
            answer.remarks == [
                AnswerRemark(
                    code: "unreadable_image",
                    message: "1 part that came as an image is none and could not be kept; this turn cannot be continued"
                )
            ])
    }

    @Test func ofSeveralCandidatesTheFirstWithAnImageIsTheAnswer() throws {
        let first =
            #"{"content":{"parts":[{"text":"none"},\#(part(picture(1, 1), thought: true))]},"finishReason":"A"}"#
        let second =
            #"{"finishReason":"STOP","content":{"parts":[{"text":"here"},\#(part(picture(2, 2))),\#(part(picture(3, 3)))]}}"#
        let third = #"{"content":{"parts":[\#(part(picture(4, 4)))]}}"#
        let answer = try answered(#"{"candidates":[\#(first),\#(second),\#(third)]}"#)
        #expect(answer.images.count == 4 && answer.finalIndex == 2)
        #expect(answer.text == "here" && answer.finishReason == "STOP")
        let content = try #require(answer.content)
        let parts = (1...2).map { #"{"inlineData":{"mimeType":"image/png","data":\#($0)},"thought":false}"# }
        #expect(
            String(decoding: content, as: UTF8.self) == #"{"parts":[{"text":"here"},\#(parts.joined(separator: ","))]}"#
        )
    }

    @Test(arguments: 0..<100)
    func aTurnThatCameBackGoesOutAsItCame(_ seed: UInt64) throws {
        var random = Seeded(state: seed)
        let written = Array(RandomAnswer(&random).value.written(&random).utf8)
        let assembler = AnswerAssembler<MemorySink> { _ in MemorySink() }
        try assembler.take(written.span)
        guard let answer = try? assembler.finish(redacting: nil), let content = answer.content else { return }
        let images = answer.images.map {
            InputImage(mimeType: "image/png", sha256: "", source: MemorySource($0.sink.bytes))
        }
        let sent = try collected(RequestBody(try ModelContent.pieces(of: content, images: images))).bytes
        let whole = try #require(JSONSerialization.jsonObject(with: Data(written)) as? [String: Any])
        let candidate = try #require((whole["candidates"] as? [[String: Any]])?.first)
        let came = try #require(candidate["content"] as? [String: Any])
        let went = try #require(JSONSerialization.jsonObject(with: Data(sent)) as? [String: Any])
        #expect(padded(came) as? NSDictionary == padded(went) as? NSDictionary)
    }

    /// With the padding of each image's base64, which may be left out.
    private func padded(_ value: Any, isImage: Bool = false) -> Any {
        if let object = value as? [String: Any] {
            return Dictionary(
                uniqueKeysWithValues: object.map { name, value in (name, padded(value, isImage: name == "data")) })
        }
        if let list = value as? [Any] { return list.map { padded($0) } }
        guard isImage, let text = value as? String else { return value }
        return text + String(repeating: "=", count: (4 - text.utf8.count % 4) % 4)
    }

    @Test(arguments: 0..<60)
    func anAnswerCutAnywhereIsInvalidAndGivesNoImage(_ seed: UInt64) throws {
        var random = Seeded(state: seed)
        // What follows the outermost bracket is whitespace and may be missing.
        let whole = RandomAnswer(&random).value.written(&random).utf8
        let written = Array(
            whole.prefix(
                (whole.lastIndex(of: UInt8(ascii: "}")).map { whole.distance(from: whole.startIndex, to: $0) } ?? 0)))
        for _ in 0..<20 {
            let cut = Int.random(in: 0...written.count, using: &random)
            let assembler = AnswerAssembler<MemorySink> { _ in MemorySink() }
            let beginning = Array(written[..<cut])
            try assembler.take(beginning.span)
            do throws(GeminiError) {
                _ = try assembler.finish(redacting: nil)
                Issue.record("an answer came of \(cut) bytes")
            } catch {
                #expect(error.kind == .upstreamInvalid && error.charged == .unknown)
            }
        }
    }
}

/// Takes everything and keeps nothing.
private final class NoSink: ImageSink {
    func write(_ bytes: UnsafeRawBufferPointer) throws {}
}

func answered(_ body: String) throws -> Answer<MemorySink> {
    let assembler = AnswerAssembler<MemorySink> { _ in MemorySink() }
    try assembler.take(Array(body.utf8).span)
    return try assembler.finish(redacting: nil)
}
