// The OpenAI-compatible route against a real TLS server: its request, its bare answer, its wrapped errors.

import Testing

@testable import Gemini

struct OpenAIRouteTests {
    private func route(to upstream: ScriptedUpstream) throws -> OpenAIRoute {
        var settings = OpenAIRoute.Settings(
            baseURL: try BaseURL(upstream.base + "/openai"), key: try key())
        settings.transport.extraCertificatesFile = upstream.certificatePath
        // This machine may be busy.
        settings.transport.connectTimeout = .seconds(60)
        let route = try OpenAIRoute(settings)
        upstream.own(route)
        return route
    }

    @Test func aPromptComesBackAsAnImageWithoutUsage() async throws {
        let bytes = picture(bytes: 100_000)
        let upstream = try await ScriptedUpstream { _ in
            [.answer(200, #"{"data":[{"b64_json":"\#(base64(bytes))"}],"model":"gemini-2.5-flash-image"}"#)]
        }
        let answer = try await generate(try route(to: upstream))
        #expect(answer.finalImage.sink.bytes == bytes && answer.images.count == 1)
        #expect(answer.finalImage.claimedMimeType == nil && answer.usage == nil && answer.content == nil)
        #expect(answer.modelVersion == "gemini-2.5-flash-image")
        let request = try #require(upstream.requests.first)
        #expect(request.method == "POST" && request.uri == "/v1beta/openai/images/generations")
        #expect(request.body == #"{"model":"m","n":1,"prompt":"p","response_format":"b64_json"}"#)
        #expect(
            request.headers.filter { $0.key != "host" } == [
                "authorization": "Bearer the-key", "user-agent": "darkroomd", "accept": "application/json",
                "content-type": "application/json", "x-server-timeout": "55",
                "content-length": "\(request.body.utf8.count)",
            ])
        try await upstream.stop()
    }

    @Test func whatHasNoPlaceBesideAPromptIsRefusedUnsent() async throws {
        let upstream = try await ScriptedUpstream { _ in [.answer(200, "{}")] }
        let compatible = try route(to: upstream)
        let controls: [(String, (inout GenerationRequest) -> Void)] = [
            ("aspectRatio", { $0.aspectRatio = "1:1" }), ("imageSize", { $0.imageSize = "1K" }),
            ("seed", { $0.seed = 1 }), ("temperature", { $0.temperature = 1 }), ("thinking", { $0.thinking = "high" }),
            ("grounding", { $0.grounding = [.web] }), ("safety", { $0.safety = ["c": "OFF"] }),
            ("systemInstruction", { $0.systemInstruction = "s" }),
            ("personGeneration", { $0.personGeneration = "ALLOW_ALL" }),
            ("outputType", { $0.outputType = "image/png" }),
            ("native", { $0.native = Array("{}".utf8) }), ("inputs", { $0.inputs = [input("a", "image/png")] }),
            ("continues", { $0.history = [Turn(prompt: "p", inputs: [], content: [], images: [])] }),
        ]
        for (name, set) in controls {
            var request = asking()
            set(&request)
            do throws(GeminiError) {
                _ = try await compatible.generate(
                    request, deadline: .seconds(60), makeSink: { _ in MemorySink() }, progress: { _ in })
                Issue.record("\(name) was dropped in silence")
            } catch {
                #expect(Outcome(error) == Outcome(.upstreamRejected, .notSent, .no) && error.fields == [name])
            }
        }
        #expect(upstream.requests == [])
        try await upstream.stop()
    }

    @Test(
        arguments: [
            #"{"data":[]}"#, #"{"data":[{"b64_json":null}]}"#, #"{"data":[{"url":"https://h/x.png"}]}"#,
            #"{"data":null,"model":"m"}"#,
        ])
    func anAnswerWithoutAnImageIsNoImage(_ body: String) async throws {
        let upstream = try await ScriptedUpstream { _ in [.answer(200, body)] }
        #expect(try await failed(try route(to: upstream)).kind == .noImage)
        try await upstream.stop()
    }

    @Test func anErrorInAnArrayOfOneIsThatError() async throws {
        let upstream = try await ScriptedUpstream { _ in
            [.answer(400, #"[{"error":{"code":400,"message":"API key not valid.","status":"INVALID_ARGUMENT"}}]"#)]
        }
        #expect(Outcome(try await failed(try route(to: upstream))) == Outcome(.keyRejected, .answered, .no))
        try await upstream.stop()
    }

    @Test func aModelThatIsNotHereIsSaidToBeOnTheNativeRoute() async throws {
        let upstream = try await ScriptedUpstream { _ in
            [
                .answer(
                    404,
                    #"{"error":{"code":404,"message":"models/m is not found for API version v1main, or is not supported for predict.","status":"NOT_FOUND"}}"#
                )
            ]
        }
        let error = try await failed(try route(to: upstream))
        #expect(error.kind == .modelUnavailable)
        #expect(error.hint == "this route has few image models and none for certain: use the native route")
        try await upstream.stop()
    }

    @Test func theListingHasItsOwnShape() async throws {
        let upstream = try await ScriptedUpstream { _ in
            [.answer(200, #"{"object":"list","data":[{"id":"models/a","object":"model"},{"id":"b"}]}"#)]
        }
        let route = try route(to: upstream)
        #expect(try await route.listModels() == [ListedModel(id: "a"), ListedModel(id: "b")])
        #expect(upstream.requests.map(\.uri) == ["/v1beta/openai/models"])
        try await upstream.stop()
    }
}

struct ModelsListingTests {
    @Test func everyPageIsRead() async throws {
        let upstream = try await ScriptedUpstream { request in
            request.uri.contains("pageToken=b%2B%2F%3D")
                ? [.answer(200, #"{"models":[{"name":"models/c"}],"nextPageToken":""}"#)]
                : [
                    .answer(
                        200,
                        #"{"models":[{"name":"models/a","displayName":"A","supportedGenerationMethods":["generateContent"]}],"nextPageToken":"b+/="}"#
                    )
                ]
        }
        #expect(
            try await route(to: upstream).listModels() == [
                ListedModel(id: "a", displayName: "A", methods: ["generateContent"]), ListedModel(id: "c"),
            ])
        #expect(upstream.requests.count == 2)
        try await upstream.stop()
    }

    @Test func aListingThatNeverEndsIsLeft() async throws {
        let upstream = try await ScriptedUpstream { _ in
            [.answer(200, #"{"models":[{"name":"models/a"}],"nextPageToken":"again"}"#)]
        }
        #expect(try await route(to: upstream).listModels().count == ModelsListing.pages)
        try await upstream.stop()
    }
}
