// The route against a real TLS server: what goes out, what comes back, and every way in which it does not.

import Foundation
import ImageHeader
import NIOCore
import NIOPosix
import Testing

@testable import Gemini

struct NativeRouteTests {
    @Test func aPromptComesBackAsAnImageInItsSink() async throws {
        let bytes = picture(bytes: 200_000)
        let upstream = try await ScriptedUpstream { _ in [.answer(200, answerBody(with: bytes))] }
        let events = Events()
        let answer = try await route(to: upstream).generate(
            GenerationRequest(
                model: "gemini-3.1-flash-image", prompt: "a \"fox\"", aspectRatio: "16:9", imageSize: "1K"),
            deadline: .seconds(60), makeSink: { _ in MemorySink() }, progress: events.add)
        #expect(answer.finalImage.sink.bytes == bytes)
        #expect(answer.finalImage.byteCount == bytes.count)
        #expect(answer.finalImage.header == .known(.png, pixels: PixelSize(width: 1376, height: 768)))
        #expect(answer.finalImage.sink.largestPiece == ImageText.outputBytes - ImageText.outputBytes % 3)
        #expect(
            answer.usage
                == Usage(promptTokens: 12, outputTokens: 1318, imageTokens: 1120, thoughtTokens: 0))
        #expect(answer.modelVersion == "gemini-3.1-flash-image" && answer.responseID == "r1")
        #expect(events.list.first == .sent)
        let request = try #require(upstream.requests.first)
        #expect(request.method == "POST" && request.uri == "/v1beta/models/gemini-3.1-flash-image:generateContent")
        #expect(
            request.body
                == #"{"contents":[{"parts":[{"text":"a \"fox\""}],"role":"user"}],"generationConfig":{"imageConfig":{"aspectRatio":"16:9","imageSize":"1K"},"responseModalities":["TEXT","IMAGE"]}}"#
        )
        #expect(
            request.headers.filter { $0.key != "host" } == [
                "x-goog-api-key": "the-key", "user-agent": "darkroomd", "accept": "application/json",
                "content-type": "application/json", "x-server-timeout": "55",
                "content-length": "\(request.body.utf8.count)",
            ])
        try await upstream.stop()
    }

    @Test func theLastImageThatIsNoDraftIsFinal() async throws {
        let upstream = try await ScriptedUpstream { _ in
            [
                .answer(
                    200,
                    #"[{"candidates":[{"content":{"parts":[\#(part(picture(1, 1))),{"text":"Here "},\#(part(picture(2, 2))),{"text":"psst","thought":true},\#(part(picture(3, 3), thought: true)),{"text":"it is"}]}}]}]"#
                )
            ]
        }
        let answer = try await generate(upstream)
        #expect(answer.images.map(\.header) == (1...3).map { .known(.png, pixels: PixelSize(width: $0, height: $0)) })
        #expect(answer.images.map(\.isThought) == [false, false, true])
        #expect(answer.finalIndex == 1)
        #expect(answer.text == "Here it is")
        #expect(answer.finishReason == nil)
        try await upstream.stop()
    }

    @Test func aRequestWithoutTimeIsNotSent() async throws {
        let upstream = try await ScriptedUpstream { _ in [.answer(200, answerBody(with: picture()))] }
        let error = try await failed(try route(to: upstream), deadline: .zero)
        #expect(Outcome(error) == Outcome(.upstreamTimeout, .notSent, .no) && error.isRetryable)
        #expect(upstream.requests == [])
        try await upstream.stop()
    }

    @Test func oneWarmConnectionServesTheNextRequest() async throws {
        let upstream = try await ScriptedUpstream { request in
            [.answer(200, request.method == "GET" ? "{}" : answerBody(with: picture()))]
        }
        let native = try route(to: upstream)
        guard case .accepted = await native.warm() else { throw Unexpected() }
        _ = try await generate(native)
        _ = try await generate(native)
        #expect(upstream.requests.map(\.connection) == [0, 0, 0])
        #expect(upstream.requests.map(\.uri).first == "/v1beta/models?pageSize=1")
        try await upstream.stop()
    }

    @Test func warmingTellsThatTheKeyIsRefused() async throws {
        let upstream = try await ScriptedUpstream { _ in
            [.answer(400, #"{"error":{"details":[{"reason":"API_KEY_INVALID"}]}}"#)]
        }
        guard case .failed(let error) = await (try route(to: upstream)).warm() else { throw Unexpected() }
        #expect(error.kind == .keyRejected)
        try await upstream.stop()
    }

    @Test func aRedirectIsRefusedAndTheKeyStaysHere() async throws {
        let elsewhere = try await ScriptedUpstream { _ in [.answer(200, answerBody(with: picture()))] }
        let target = elsewhere.base + "/models/m:generateContent"
        for status in [301, 302, 303, 307, 308] {
            let upstream = try await ScriptedUpstream { _ in [.answer(status, "", headers: "Location: \(target)\r\n")] }
            #expect(try await failure(upstream) == Outcome(.upstreamInvalid, .answered, .no))
            try await upstream.stop()
        }
        #expect(elsewhere.requests == [])
        try await elsewhere.stop()
    }

    @Test func aCertificateForAnotherNameIsRefusedBeforeAnythingIsSent() async throws {
        let upstream = try await ScriptedUpstream(certificateFor: "other.example") { _ in [] }
        let error = try await failed(route(to: upstream))
        #expect(error.message == "the certificate of the host is for another name")
        #expect(Outcome(error) == Outcome(.upstreamUnavailable, .notSent, .no))
        #expect(upstream.requests == [])
        try await upstream.stop()
    }

    @Test func aCertificateThatNobodyVouchesForIsRefused() async throws {
        let upstream = try await ScriptedUpstream { _ in [] }
        let error = try await failed(route(to: upstream, trusting: false))
        #expect(error.message == "the certificate of the host is not trusted")
        #expect(Outcome(error) == Outcome(.upstreamUnavailable, .notSent, .no))
        try await upstream.stop()
    }

    @Test func aClosedPortIsToldAtOnceAndIsSafeToTryAgain() async throws {
        let upstream = try await ScriptedUpstream { _ in [] }
        let native = try route(to: upstream)
        let port = upstream.port
        try await upstream.stopListening()
        let error = try await failed(native)
        #expect(error.message == "no connection to localhost port \(port) (refused)")
        #expect(Outcome(error) == Outcome(.upstreamUnavailable, .notSent, .no) && error.isSafeToResend)
        try await upstream.stop()
    }

    @Test(arguments: ["https://name.invalid/v1beta"])
    func aNameThatDoesNotResolveIsSaidSo(_ base: String) async throws {
        let native = try NativeRoute(NativeRoute.Settings(baseURL: BaseURL(base), key: key()))
        let error = try await failed(native)
        await native.shutdown()
        #expect(error.message == "the name name.invalid cannot be resolved")
        #expect(Outcome(error) == Outcome(.upstreamUnavailable, .notSent, .no))
    }

    @Test func silenceIsWaitedForUntilTheAnswerComes() async throws {
        let sent = MultiThreadedEventLoopGroup.singleton.next().makePromise(of: Void.self)
        let future = sent.futureResult
        let upstream = try await ScriptedUpstream { _ in [.wait(future), .answer(200, answerBody(with: picture()))] }
        let answer = try await route(to: upstream).generate(
            GenerationRequest(model: "m", prompt: "p"), deadline: .seconds(60), makeSink: { _ in MemorySink() },
            progress: { if $0 == .sent { sent.succeed() } })
        #expect(answer.images.count == 1)
        try await upstream.stop()
    }

    @Test func anAnswerInSlowPiecesIsWhole() async throws {
        let bytes = picture(bytes: 700)
        let upstream = try await ScriptedUpstream { _ in
            let body = answerBody(with: bytes)
            return [.write("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")]
                + body.map { .write("1\r\n\($0)\r\n") } + [.write("0\r\n\r\n")]
        }
        #expect(try await generate(upstream).finalImage.sink.bytes == bytes)
        try await upstream.stop()
    }

    @Test func aBodyThatBreaksOffIsUnknownWhereverItDoes() async throws {
        let body = answerBody(with: picture(bytes: 300))
        for length in stride(from: 0, to: body.utf8.count, by: 37) + [body.utf8.count - 1] {
            for end in [ScriptedUpstream.Step.close, .reset] {
                let upstream = try await ScriptedUpstream { _ in
                    [
                        .write("HTTP/1.1 200 OK\r\nContent-Length: \(body.utf8.count)\r\n\r\n\(body.prefix(length))"),
                        end,
                    ]
                }
                #expect(try await failure(upstream) == Outcome(.outcomeUnknown, .unknown, .unknown))
                try await upstream.stop()
            }
        }
    }

    @Test func anAnswerThatEndsWithItsConnectionIsJudgedByItsJSON() async throws {
        let body = answerBody(with: picture(bytes: 300))
        let whole = try await ScriptedUpstream { _ in [.write("HTTP/1.1 200 OK\r\n\r\n\(body)"), .close] }
        #expect(try await generate(whole).images.count == 1)
        let cut = try await ScriptedUpstream { _ in [.write("HTTP/1.1 200 OK\r\n\r\n\(body.dropLast(5))"), .close] }
        #expect(try await failure(cut) == Outcome(.outcomeUnknown, .unknown, .unknown))
        try await whole.stop()
        try await cut.stop()
    }

    @Test(arguments: [ScriptedUpstream.Step.close, .reset])
    func aConnectionThatBreaksBeforeTheAnswerIsUnknown(_ end: ScriptedUpstream.Step) async throws {
        let upstream = try await ScriptedUpstream { _ in [end] }
        #expect(try await failure(upstream) == Outcome(.outcomeUnknown, .unknown, .unknown))
        #expect(upstream.requests.count == 1)
        try await upstream.stop()
    }

    @Test(
        arguments: [
            (503, Outcome(.upstreamUnavailable, .answered, .no)), (429, Outcome(.quotaMinute, .answered, .no)),
            (400, Outcome(.upstreamRejected, .answered, .no)), (500, Outcome(.outcomeUnknown, .unknown, .unknown)),
            (502, Outcome(.outcomeUnknown, .unknown, .unknown)), (504, Outcome(.outcomeUnknown, .unknown, .unknown)),
        ])
    func aStatusThatRefusesCountsEvenIfItsBodyBreaksOff(_ status: Int, _ outcome: Outcome) async throws {
        let upstream = try await ScriptedUpstream { _ in
            [.write("HTTP/1.1 \(status) Status\r\nContent-Length: 500\r\n\r\n{\"error\":"), .close]
        }
        let error = try await failed(route(to: upstream))
        #expect(Outcome(error) == outcome && error.upstream?.httpStatus == status)
        try await upstream.stop()
    }

    /// It never ends, and nobody waits for that.
    @Test func anErrorThatSaysMoreThanAnyIsNotListenedToForLonger() async throws {
        let upstream = try await ScriptedUpstream { _ in
            [
                .write("HTTP/1.1 500 Status\r\nContent-Length: 900000000\r\n\r\n"),
                .write(String(repeating: "x", count: ErrorClassifier.bodyBytes + 1)),
            ]
        }
        #expect(try await failure(upstream) == Outcome(.upstreamUnavailable, .answered, .unknown))
        try await upstream.stop()
    }

    @Test func anErrorThatEchoesTheKeyIsToldWithoutIt() async throws {
        let upstream = try await ScriptedUpstream { request in
            [.answer(403, #"{"error":{"message":"key \#(request.headers["x-goog-api-key"] ?? "none") is bad"}}"#)]
        }
        #expect(try await failed(route(to: upstream)).upstream?.message == "key [key] is bad")
        try await upstream.stop()
    }

    @Test func aCompressedAnswerIsRefused() async throws {
        let upstream = try await ScriptedUpstream { _ in [.answer(200, "xxxx", headers: "Content-Encoding: gzip\r\n")] }
        #expect(try await failure(upstream) == Outcome(.upstreamInvalid, .answered, .unknown))
        try await upstream.stop()
    }

    @Test func aDeadlineAfterSendingLeavesTheOutcomeUnknown() async throws {
        let upstream = try await ScriptedUpstream { $0.method == "GET" ? [.answer(200, "{}")] : [] }
        let native = try route(to: upstream)
        // With a connection at hand the request leaves at once, so that the deadline finds it under way.
        _ = await native.warm()
        let error = try await failed(native, deadline: .seconds(1))
        #expect(Outcome(error) == Outcome(.outcomeUnknown, .unknown, .unknown))
        #expect(error.message == "no complete answer came in time")
        try await upstream.stop()
    }

    @Test func cancellingAfterSendingAbortsTheExchange() async throws {
        let upstream = try await ScriptedUpstream { _ in [] }
        let native = try route(to: upstream)
        let sent = AsyncStream.makeStream(of: Void.self)
        let exchange = Task {
            try await failed(native, progress: { if $0 == .sent { sent.continuation.finish() } })
        }
        for await _ in sent.stream {}
        exchange.cancel()
        #expect(Outcome(try await exchange.value) == Outcome(.cancelled, .unknown, .unknown))
        try await upstream.stop()
    }

    @Test func aSinkThatFailsEndsTheExchangeWithItsError() async throws {
        let upstream = try await ScriptedUpstream { _ in [.answer(200, answerBody(with: picture(bytes: 500_000)))] }
        let native = try route(to: upstream)
        do throws(GeminiError) {
            _ = try await native.generate(
                GenerationRequest(model: "m", prompt: "p"), deadline: .seconds(60),
                makeSink: { _ in FullDisk() }, progress: { _ in })
        } catch {
            #expect(error.kind == .sinkFailed && error.sinkError is Unexpected)
            try await upstream.stop()
            return
        }
        throw Unexpected()
    }

    @Test(arguments: ["", "../secrets", "a/b", "a?key=x", "a b", "m:generateContent", "ä"])
    func aNameThatWouldChangeTheAddressIsNotSent(_ model: String) async throws {
        let upstream = try await ScriptedUpstream { _ in [] }
        #expect(
            Outcome(try await failed(route(to: upstream), model: model)) == Outcome(.modelUnavailable, .notSent, .no))
        #expect(upstream.requests == [])
        try await upstream.stop()
    }
}
