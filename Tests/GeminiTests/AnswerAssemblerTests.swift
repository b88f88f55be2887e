// Answers that arrive whole under a 200 and hold no image to give back, through the real route.

import Synchronization
import Testing

@testable import Gemini

struct AnswerAssemblerTests {
    @Test(
        arguments: [
            ("not json", .upstreamInvalid), ("{}", .noImage), (#"{"candidates":[]}"#, .noImage),
            (#"{"candidates":[{"content":{}}]}"#, .noImage),
            (#"{"candidates":[{"content":{"parts":null}}]}"#, .noImage),
            (
                #"{"candidates":[{"content":{"parts":[{"text":"Here is your image:"}]},"finishReason":"STOP"}]}"#,
                .noImage
            ),
            (#"{"candidates":[{"content":{"role":"model"},"finishReason":"SOMETHING_NEW"}]}"#, .blocked),
            (#"{"candidates":[{"finishReason":"OTHER"}]}"#, .blocked),
            (#"{"candidates":[{"finishReason":"UNEXPECTED_TOOL_CALL"}]}"#, .noImage),
            (#"{"candidates":[{"finishReason":"IMAGE_OTHER"}]}"#, .noImage),
            (#"{"candidates":[{"finishReason":"IMAGE_PROHIBITED_CONTENT"}]}"#, .blocked),
            (#"{"promptFeedback":{"blockReason":"SAFETY"}}"#, .blocked),
            (#"{"candidates":[{"content":{"parts":[{"inlineData":{"data":"QUJD"}}]}}]}"#, .upstreamInvalid),
            (#"{"candidates":[{"content":{"parts":[{"inlineData":{"data":""}}]}}]}"#, .upstreamInvalid),
            (#"{"candidates":[{"content":{"parts":[{"inlineData":{"data":"Q-JD"}}]}}]}"#, .upstreamInvalid),
            (#"{"candidates":[{"content":{"parts":[{"inlineData":{"data":"QUJD"}"#, .upstreamInvalid),
            (#"{"candidates":"#, .upstreamInvalid), ("", .upstreamInvalid), ("[{},{}]", .upstreamInvalid),
            (#"{"candidates":[{"content":{"parts":[\#(part(picture(), thought: true))]}}]}"#, .noImage),
            (#"{"error":{"code":429,"message":"limit: 0"}}"#, .noQuota),
        ] as [(String, GeminiError.Kind)])
    func a200WithoutAnImageEndsInItsKind(_ body: String, _ kind: GeminiError.Kind) async throws {
        let upstream = try await ScriptedUpstream { _ in [.answer(200, body)] }
        let error = try await failed(route(to: upstream))
        #expect(error.kind == kind && error.reach == .answered)
        try await upstream.stop()
    }

    @Test func aReasonThatNobodyKnowsCountsAsOtherAndIsKeptWithoutKeys() async throws {
        let reasons = Mutex(["OTHER", "A_NEW_ONE", "AIzaSyA12345678901234567890"])
        let upstream = try await ScriptedUpstream { _ in
            let reason = reasons.withLock { $0.removeFirst() }
            return [.answer(200, #"{"candidates":[{"finishReason":"\#(reason)"}]}"#)]
        }
        let native = try route(to: upstream)
        for (reason, word) in [("OTHER", "OTHER"), ("A_NEW_ONE", "A_NEW_ONE"), ("[key]", "key")] {
            let error = try await failed(native)
            #expect(error.kind == .blocked && error.isRetryable && !error.isSafeToResend)
            #expect(error.message == "Google stopped the answer (\(word))")
            #expect(error.finishReason == reason && error.upstream?.reason == reason)
        }
        try await upstream.stop()
    }

    @Test func whatIsNoImageAndWasCountedWasCharged() async throws {
        let upstream = try await ScriptedUpstream { _ in
            [.answer(200, answerBody(with: Array("no image".utf8)))]
        }
        #expect(try await failure(upstream) == Outcome(.upstreamInvalid, .answered, .yes))
        try await upstream.stop()
    }

    @Test func whatIsSaidInsteadOfAnImageIsKeptAsFarAsAnybodyReads() async throws {
        let word = String(repeating: "é", count: AnswerLimits.explanationBytes)
        let upstream = try await ScriptedUpstream { _ in
            [.answer(200, #"{"candidates":[{"finishReason":"STOP","finishMessage":"x\#(word)"}]}"#)]
        }
        let text = try #require(try await failed(route(to: upstream)).text)
        #expect(text.utf8.count == AnswerLimits.explanationBytes - 1 && text.hasSuffix("é"))
        try await upstream.stop()
    }

    @Test func aPromptThatWasBlockedIsChargedAsItWasCounted() async throws {
        let upstream = try await ScriptedUpstream { _ in
            [
                .answer(
                    200,
                    #"{"promptFeedback":{"blockReason":"OTHER"},"usageMetadata":{"promptTokenCount":12,"totalTokenCount":12}}"#
                )
            ]
        }
        let error = try await failed(route(to: upstream))
        #expect(error.kind == .blocked && error.charged == .yes)
        #expect(error.usage == Usage(promptTokens: 12, outputTokens: 0, imageTokens: 0, thoughtTokens: 0))
        try await upstream.stop()
    }

    @Test func whatTheModelSaidInsteadIsKept() async throws {
        let upstream = try await ScriptedUpstream { _ in
            [
                .answer(
                    200,
                    #"{"candidates":[{"content":{"parts":[{"text":"I would "},{"text":"rather not"}]},"finishReason":"STOP"}],"usageMetadata":{"promptTokenCount":9,"candidatesTokenCount":4,"totalTokenCount":13}}"#
                )
            ]
        }
        let error = try await failed(route(to: upstream))
        #expect(error.text == "I would rather not" && error.finishReason == "STOP" && error.charged == .yes)
        #expect(
            error.usage == Usage(promptTokens: 9, outputTokens: 4, imageTokens: 0, thoughtTokens: 0))
        try await upstream.stop()
    }
}
