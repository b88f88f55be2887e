// The Vertex route and its token endpoint, both on one real TLS server.

import Foundation
import Synchronization
import Testing

@testable import Gemini

struct VertexRouteTests {
    private static let path =
        "/v1beta1/projects/demo-project/locations/global/publishers/google/models/m:generateContent"

    private func route(
        to upstream: ScriptedUpstream, _ credential: VertexCredential, _ time: TokenTime = TokenTime()
    ) throws -> VertexRoute {
        var settings = VertexRoute.Settings(credential: credential)
        settings.baseURL = try BaseURL(upstream.origin)
        settings.transport.extraCertificatesFile = upstream.certificatePath
        // This machine may be busy.
        settings.transport.connectTimeout = .seconds(60)
        settings.clock = time.clock
        let route = try VertexRoute(settings)
        upstream.own(route)
        return route
    }

    private func account(_ made: MadeAccount, _ upstream: ScriptedUpstream) throws -> VertexCredential {
        .serviceAccount(try ServiceAccount(json: made.file(tokenAddress: upstream.origin + "/token")))
    }

    /// An upstream that gives the tokens t1, t2, … and takes those that `accepts` takes.
    private func upstream(
        accepts: @escaping @Sendable (String) -> Bool = { _ in true }
    ) async throws -> ScriptedUpstream {
        let count = Counter()
        return try await ScriptedUpstream { request in
            if request.uri == "/token" {
                return [
                    .answer(200, #"{"access_token":"t\#(count.next())","expires_in":3599,"token_type":"Bearer"}"#)
                ]
            }
            guard accepts(request.headers["authorization"] ?? "") else {
                return [
                    .answer(
                        401,
                        #"{"error":{"code":401,"message":"Request had invalid authentication credentials.","status":"UNAUTHENTICATED","details":[{"reason":"ACCESS_TOKEN_EXPIRED"}]}}"#
                    )
                ]
            }
            return [.answer(200, answerBody(with: picture()))]
        }
    }

    @Test func theTierGoesInAHeaderAndThroughputBoughtAheadCanBeLeftAlone() async throws {
        let upstream = try await upstream()
        var settings = VertexRoute.Settings(credential: .expressKey(try key()))
        settings.baseURL = try BaseURL(upstream.origin)
        settings.transport.extraCertificatesFile = upstream.certificatePath
        settings.isSharedOnly = true
        let vertex = try VertexRoute(settings)
        upstream.own(vertex)
        var request = GenerationRequest(model: "m", prompt: "p")
        request.serviceTier = .flex
        _ = try? await vertex.generate(
            request, deadline: .seconds(60), makeSink: { _ in MemorySink() }, progress: { _ in })
        let sent = try #require(upstream.requests.first)
        #expect(sent.headers["x-vertex-ai-llm-shared-request-type"] == "flex")
        #expect(sent.headers["x-vertex-ai-llm-request-type"] == "shared")
        #expect(!sent.body.contains("serviceTier"))
        try await upstream.stop()
    }

    @Test func aServiceAccountAsksForATokenOnceAndDrawsWithIt() async throws {
        let upstream = try await upstream()
        let made = try MadeAccount()
        let vertex = try route(to: upstream, account(made, upstream))
        _ = try await generate(vertex)
        _ = try await generate(vertex)
        #expect(upstream.requests.map(\.uri) == ["/token", Self.path, Self.path])
        #expect(upstream.requests.dropFirst().map(\.headers["authorization"]) == ["Bearer t1", "Bearer t1"])
        #expect(upstream.requests.allSatisfy { $0.headers["x-goog-api-key"] == nil })
        let body = try #require(upstream.requests.first?.body)
        let form = "grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Ajwt-bearer&assertion="
        #expect(body.hasPrefix(form))
        let claims = try made.claims(of: String(body.dropFirst(form.count)))
        #expect(claims["aud"] == upstream.origin + "/token" && claims["iat"] == "1800000000")
        try await upstream.stop()
    }

    @Test func aTokenThatIsRefusedIsReplacedAndTheRequestSentOnceMore() async throws {
        let upstream = try await upstream { $0 == "Bearer t2" }
        let vertex = try route(to: upstream, account(try MadeAccount(), upstream))
        #expect(try await generate(vertex).images.count == 1)
        #expect(upstream.requests.map(\.uri) == ["/token", Self.path, "/token", Self.path])
        try await upstream.stop()
    }

    @Test func aSecondRefusalIsTheAnswer() async throws {
        let upstream = try await upstream { _ in false }
        let vertex = try route(to: upstream, account(try MadeAccount(), upstream))
        #expect(Outcome(try await failed(vertex)) == Outcome(.keyRejected, .answered, .no))
        #expect(upstream.requests.count == 4)
        try await upstream.stop()
    }

    @Test func anExpressKeyGoesWithoutAProject() async throws {
        let upstream = try await upstream()
        _ = try await generate(try route(to: upstream, .expressKey(try key())))
        #expect(upstream.requests.map(\.uri) == ["/v1/publishers/google/models/m:generateContent"])
        #expect(upstream.requests.map(\.headers["x-goog-api-key"]) == ["the-key"])
        #expect(upstream.requests.allSatisfy { $0.headers["authorization"] == nil })
        try await upstream.stop()
    }

    @Test func anAssertionOfAWrongClockIsToldSo() async throws {
        let refusal = #"{"error":"invalid_grant","error_description":"Invalid JWT: Token must be a short-lived token"}"#
        let upstream = try await ScriptedUpstream { _ in
            [.answer(400, refusal, headers: "Date: Fri, 15 Jan 2027 08:00:00 GMT\r\n")]
        }
        // The header's time is 1800000000.
        for (wall, message) in [
            (1_800_000_000 + 299, "Google does not accept this service account's key"),
            (
                1_800_000_000 + 720,
                "Google did not accept the service account's assertion: this host's clock is 12 minutes ahead"
            ),
            (
                1_800_000_000 - 3_600,
                "Google did not accept the service account's assertion: this host's clock is 60 minutes behind"
            ),
        ] {
            let time = TokenTime()
            time.setWall(wall)
            let error = try await failed(try route(to: upstream, account(try MadeAccount(), upstream), time))
            #expect(error.message == message && error.upstream?.message?.contains("Invalid JWT") == true)
            #expect(Outcome(error) == Outcome(.keyRejected, .notSent, .no) && !error.isRetryable)
            #expect(time.pauses == [])
        }
        try await upstream.stop()
    }

    @Test(arguments: [408, 429, 500, 503, 504])
    func aTokenEndpointThatIsNotWellIsAskedAgainAFewTimes(_ status: Int) async throws {
        let upstream = try await ScriptedUpstream { _ in [.answer(status, "")] }
        let time = TokenTime()
        let error = try await failed(try route(to: upstream, account(try MadeAccount(), upstream), time))
        #expect(error.reach == .notSent && error.isRetryable && error.isSafeToResend)
        #expect(upstream.requests.map(\.uri) == [String](repeating: "/token", count: TokenEndpoint.attempts))
        #expect(time.pauses.count == TokenEndpoint.attempts - 1)
        try await upstream.stop()
    }

    @Test func theMetadataServerGivesATokenWithoutAKey() async throws {
        let upstream = try await ScriptedUpstream(certificateFor: nil) { request in
            request.uri.hasPrefix("/computeMetadata")
                ? [
                    .answer(
                        200, #"{"access_token":"vm","expires_in":3599,"token_type":"Bearer"}"#,
                        headers: "Metadata-Flavor: Google\r\n")
                ] : [.answer(200, answerBody(with: picture()))]
        }
        var settings = VertexRoute.Settings(
            credential: .metadataServer(MetadataServer(host: "localhost:\(upstream.port)")), project: "demo-project")
        settings.baseURL = try BaseURL(upstream.origin)
        let vertex = try VertexRoute(settings)
        upstream.own(vertex)
        _ = try await generate(vertex)
        #expect(
            upstream.requests.map(\.uri) == [
                "/computeMetadata/v1/instance/service-accounts/default/token", Self.path,
            ])
        #expect(upstream.requests.map(\.headers["metadata-flavor"]) == ["Google", nil])
        #expect(upstream.requests.last?.headers["authorization"] == "Bearer vm")
        try await upstream.stop()
    }

    @Test func theMetadataServerIsAskedPastTheProxy() async throws {
        let upstream = try await ScriptedUpstream(certificateFor: nil) { _ in
            [
                .answer(
                    200, #"{"access_token":"vm","expires_in":3599,"token_type":"Bearer"}"#,
                    headers: "Metadata-Flavor: Google\r\n")
            ]
        }
        var settings = VertexRoute.Settings(
            credential: .metadataServer(MetadataServer(host: "localhost:\(upstream.port)")), project: "demo-project")
        settings.baseURL = try BaseURL(upstream.origin)
        // Nobody listens there.
        settings.transport.proxy = UpstreamClient.Proxy(host: "127.0.0.1", port: 1)
        let vertex = try VertexRoute(settings)
        upstream.own(vertex)
        #expect(Outcome(try await failed(vertex)) == Outcome(.upstreamUnavailable, .notSent, .no))
        // More than once if this machine was too busy to answer itself in time.
        #expect(
            Set(upstream.requests.map(\.uri)) == ["/computeMetadata/v1/instance/service-accounts/default/token"])
        try await upstream.stop()
    }

    @Test func anInputThatIsTooLargeHereIsRefusedUnsent() async throws {
        let upstream = try await upstream()
        let vertex = try route(to: upstream, .expressKey(try key()))
        var request = asking()
        request.inputs = [
            InputImage(mimeType: "image/png", sha256: "b", source: MemorySource([], claiming: 7_000_001))
        ]
        do throws(GeminiError) {
            _ = try await vertex.generate(
                request, deadline: .seconds(60), makeSink: { _ in MemorySink() }, progress: { _ in })
            Issue.record("it was sent")
        } catch {
            #expect(Outcome(error) == Outcome(.tooLarge, .notSent, .no) && error.fields == ["inputs.0"])
        }
        #expect(upstream.requests == [])
        try await upstream.stop()
    }

    @Test(
        arguments: [
            ("global", "https://aiplatform.googleapis.com"), ("us", "https://aiplatform.us.rep.googleapis.com"),
            ("eu", "https://aiplatform.eu.rep.googleapis.com"),
            ("us-central1", "https://us-central1-aiplatform.googleapis.com"),
        ])
    func aLocationHasItsHost(_ location: String, _ host: String) async throws {
        let credential = VertexCredential.expressKey(try key())
        let vertex = try VertexRoute(VertexRoute.Settings(credential: credential, location: location))
        #expect(vertex.modelsURL == host + "/v1/publishers/google/models")
        await vertex.shutdown()
    }

    @Test(arguments: ["", "us/../x", "evil.example/", "US", "us-central1-", "a b"])
    func aLocationThatIsNoneIsRefused(_ location: String) throws {
        #expect(throws: RouteConfigurationError.location(location)) { try BaseURL.vertex(location: location) }
    }

    @Test func theProjectIsCheckedBeforeItStandsInAPath() throws {
        let json = try MadeAccount().file(tokenAddress: "https://h/token")
        let account = VertexCredential.serviceAccount(try ServiceAccount(json: json))
        #expect(throws: RouteConfigurationError.project("a/b")) {
            try VertexRoute(VertexRoute.Settings(credential: account, project: "a/b"))
        }
        #expect(throws: RouteConfigurationError.project(nil)) {
            try VertexRoute(VertexRoute.Settings(credential: .metadataServer(MetadataServer())))
        }
    }

    @Test func theListingIsReadAndAPermissionToListIsNotNeeded() async throws {
        let upstream = try await ScriptedUpstream { request in
            request.uri.contains("pageSize=1000")
                ? [.answer(200, #"{"publisherModels":[{"name":"publishers/google/models/a"}]}"#)]
                : [.answer(404, "{}")]
        }
        let vertex = try route(to: upstream, .expressKey(try key()))
        #expect(try await vertex.listModels() == [ListedModel(id: "a")])
        guard case .accepted = await vertex.warm() else { throw Unexpected() }
        try await upstream.stop()
    }
}

private final class Counter: Sendable {
    private let count = Mutex(0)

    func next() -> Int {
        count.withLock { count in
            count += 1
            return count
        }
    }
}
