// Every recorded answer of Google's, and the shapes around them, against the kind that it must end in.

import Foundation
import Testing

@testable import Gemini

struct ErrorClassifierTests {
    struct Recorded: Decodable {
        var http_status: Int
        var body: String
        var route: String

        /// Other hosts of Google's and the old `:predict` spell their errors as the native route does.
        var kind: RouteKind { route == "openai-compat" ? .openai : RouteKind(rawValue: route) ?? .native }
    }

    static func recorded() throws -> [Recorded] {
        let url = try #require(Bundle.module.url(forResource: "Fixtures/upstream-bodies", withExtension: "jsonl"))
        return try String(contentsOf: url, encoding: .utf8).split(separator: "\n").map {
            try JSONDecoder().decode(Recorded.self, from: Data($0.utf8))
        }
    }

    /// Line by line, what the fixture must be understood as.
    static let kinds: [GeminiError.Kind] = [
        .keyRejected, .keyRejected, .keyRejected, .keyRejected, .region, .region, .wrongHost, .keyRejected,
        .keyRestricted, .keyLeaked, .serviceDisabled, .serviceDisabled, .keyRejected, .modelUnavailable,
        .modelUnavailable, .quotaMinute, .noQuota, .quotaMinute, .quotaMinute, .noQuota, .spendCap,
        .upstreamUnavailable, .upstreamUnavailable, .upstreamTimeout, .upstreamUnavailable, .upstreamUnavailable,
        .upstreamRejected, .upstreamRejected, .upstreamRejected, .upstreamRejected, .upstreamRejected, .noQuota,
        .noImage, .blocked, .blocked,
    ]

    @Test func everyRecordedAnswerEndsInItsKind() throws {
        let bodies = try Self.recorded()
        #expect(bodies.map { classify($0.http_status, $0.body, $0.kind).kind } == Self.kinds)
    }

    @Test func everyRecordedAnswerSaysWhatItCostAndWhetherToAskAgain() throws {
        let errors = try Self.recorded().map { classify($0.http_status, $0.body, $0.kind) }
        // By line, from 0: the two 500s and the filtered image may have cost something, the blocked prompt was counted
        // and cost that, the rest cost nothing.
        #expect(errors.indices.filter { errors[$0].charged == .unknown } == [24, 25, 33])
        #expect(errors.indices.filter { errors[$0].charged == .yes } == [34])
        #expect(errors.indices.filter { errors[$0].isRetryable } == [15, 17, 18, 21, 22, 23, 24, 25, 32, 33])
        #expect(errors.allSatisfy { $0.reach == .answered })
    }

    @Test func noRecordedErrorIsSentAgainUnlessNothingWasCharged() throws {
        let again = try Self.recorded().map { classify($0.http_status, $0.body) }.filter(\.isSafeToResend)
        #expect(Set(again.map(\.kind)) == [.quotaMinute, .upstreamUnavailable, .upstreamTimeout])
        #expect(again.allSatisfy { $0.charged == .no && [429, 503].contains($0.upstream?.httpStatus) })
    }

    @Test func theWaitIsWhatGoogleAsksFor() throws {
        let waits = try Self.recorded().map { classify($0.http_status, $0.body) }.compactMap(\.retryAfter)
        #expect(waits == [.seconds(26)])
    }

    @Test func a400NamesWhatItNames() throws {
        let fields = try Self.recorded().filter { $0.http_status == 400 }.map {
            classify($0.http_status, $0.body).fields
        }
        #expect(
            fields.filter { !$0.isEmpty } == [
                ["generation_config.image_config.aspect_ratio"], ["generation_config.image_config.aspect_ratio"],
                ["generation_config.responseModalities"], ["request.generation_config.aspectRatio"],
            ])
    }

    @Test(
        arguments: [
            (
                #"[{"@type":"QuotaFailure","violations":[{"quotaId":"GenerateRequestsPerDayPerProjectPerModel","quotaValue":"250"}]},{"@type":"RetryInfo","retryDelay":"12s"}]"#,
                .quotaDay, nil
            ),
            (#"[{"@type":"RetryInfo","retryDelay":"51820.6s"}]"#, .quotaDay, .milliseconds(51_820_600)),
            (#"[{"@type":"RetryInfo","retryDelay":"900ms"}]"#, .quotaMinute, .milliseconds(900)),
            (
                #"[{"@type":"QuotaFailure","violations":[{"quotaId":"GenerateRequestsPerMinutePerProjectPerModel","quotaValue":"20"}]}]"#,
                .quotaMinute, .seconds(60)
            ),
            (#"[{"@type":"ErrorInfo","reason":"RATE_LIMIT_EXCEEDED"}]"#, .quotaMinute, .seconds(60)),
            (
                #"[{"@type":"QuotaFailure","violations":[{"quotaId":"X","quotaValue":"0"}]},{"@type":"RetryInfo","retryDelay":"9s"}]"#,
                .noQuota, nil
            ),
            (#"[7, {"@type":"RetryInfo","retryDelay":"5s"}, "x"]"#, .quotaMinute, .seconds(5)),
        ] as [(String, GeminiError.Kind, Duration?)])
    func theFirstQuotaRuleThatMatchesWins(_ details: String, _ kind: GeminiError.Kind, _ wait: Duration?) {
        let error = classify(
            429, #"{"error":{"code":429,"message":"m","status":"RESOURCE_EXHAUSTED","details":\#(details)}}"#)
        #expect(error.kind == kind && error.retryAfter == wait)
    }

    @Test(
        arguments: [
            ("Your prepayment credits are depleted.", .spendCap, nil),
            ("Please retry in 7.5s.", .quotaMinute, .milliseconds(7_500)),
            ("Too many requests from this IP, please try again after 15 minutes.", .quotaDay, .seconds(900)),
            ("limit: 0, model: x. Please retry in 3s.", .noQuota, nil), ("limit: 05", .quotaMinute, nil),
        ] as [(String, GeminiError.Kind, Duration?)])
    func withoutDetailsTheMessageDecides(_ message: String, _ kind: GeminiError.Kind, _ wait: Duration?) {
        let error = classify(429, #"{"error":{"code":429,"message":"\#(message)"}}"#)
        #expect(error.kind == kind && error.retryAfter == wait)
    }

    @Test func theLimitsThatWereHitAreNamed() {
        let error = classify(
            429,
            #"{"error":{"details":[{"violations":[{"quotaId":"APerMinute","quotaValue":"9"},{"quotaId":"BPerDay","quotaValue":"250"}]}]}}"#
        )
        #expect(error.quotas == [GeminiError.Quota(id: "APerMinute", limit: 9), .init(id: "BPerDay", limit: 250)])
        let cut = classify(
            429, #"{"error":{"details":[{"violations":[{"quotaId":"APerMinute","quotaValue":"9"},{"quotaId":"BPerDay"#)
        #expect(cut.quotas == [GeminiError.Quota(id: "APerMinute", limit: 9)])
        let unclear = classify(
            429, #"{"error":{"details":[{"violations":[{"quotaId":"APerDay"},{"quotaId":"BPerDay","quotaValue":"9"},{"#)
        #expect(unclear.quotas.isEmpty)
    }

    @Test(
        arguments: [
            (502, "<html><title>Error 502</title></html>", .upstreamUnavailable), (503, "", .upstreamUnavailable),
            (504, "", .upstreamTimeout), (413, "<html>Too large</html>", .tooLarge), (404, "<html></html>", .wrongHost),
            (404, "", .wrongHost), (404, "404 page not found", .wrongHost),
            (404, #"{"detail":"Not Found"}"#, .wrongHost),
            (405, "", .wrongHost), (408, "", .upstreamUnavailable), (402, "{}", .spendCap),
            (302, "", .upstreamInvalid), (499, "{}", .upstreamUnavailable), (401, "", .keyRejected),
            (403, "no", .keyRestricted),
            (418, "", .upstreamRejected), (429, #"{"error":{"mess"#, .quotaMinute), (400, "[]", .upstreamRejected),
            (401, #"{"error":"invalid_grant","error_description":"Invalid JWT"}"#, .keyRejected),
            (400, #"{"error":"invalid_grant","error_description":"Invalid JWT Signature."}"#, .keyRejected),
            (400, #"{"error":"invalid_scope","error_description":"bad"}"#, .upstreamRejected),
            (429, #"{"code":429,"message":"limit: 0","status":"RESOURCE_EXHAUSTED"}"#, .noQuota),
            (
                429,
                #"{"error":{"message":"got status: 429 . {\"error\":{\"code\":429,\"message\":\"limit: 0\"}}\n"}}"#,
                .noQuota
            ),
            (
                403,
                #"{"error":{"code":403,"message":"Permission 'aiplatform.endpoints.predict' denied on resource (or it may not exist).","status":"PERMISSION_DENIED"}}"#,
                .keyRestricted
            ),
            (
                404,
                #"{"error":{"code":404,"message":"Publisher Model `projects/p/x` was not found or your project does not have access to it.","status":"NOT_FOUND"}}"#,
                .modelUnavailable
            ),
            (404, #"{"error":{"message":"This model is no longer available to new users."}}"#, .modelUnavailable),
            (400, #"{"error":{"message":"bad","details":[{"reason":"A_NEW_REASON"}]}}"#, .upstreamRejected),
            (403, #"{"error":{"status":"A_NEW_STATUS"}}"#, .keyRestricted),
            (400, #"{"error":{"code":"invalid_request","message":"bad"}}"#, .upstreamRejected),
            (
                400, #"{"error":{"message":"Image part is missing a thought_signature in content position 2"}}"#,
                .upstreamRejected
            ),
            (400, #"{"error":{"message":"Provided image is not valid."}}"#, .badInput),
            (403, #"{"error":{"details":[{"reason":"BILLING_DISABLED"}]}}"#, .serviceDisabled),
            (403, #"{"error":{"details":[{"reason":"API_KEY_IP_ADDRESS_BLOCKED"}]}}"#, .keyRestricted),
            (403, #"{"error":{"details":[{"reason":"API_KEY_HTTP_REFERRER_BLOCKED"}]}}"#, .keyRestricted),
            (403, #"{"error":{"details":[{"reason":"CONSUMER_INVALID"}]}}"#, .keyRejected),
            (401, #"{"error":{"details":[{"reason":"ACCESS_TOKEN_TYPE_UNSUPPORTED"}]}}"#, .wrongHost),
            (
                400,
                #"{"error":{"message":"Gemini API free tier is not available in your country. Please enable billing"}}"#,
                .noQuota
            ),
            (400, #"{"error":{"message":"Multiple authentication credentials received."}}"#, .upstreamRejected),
            (401, #"{"error":{"message":"Multiple authentication credentials received."}}"#, .upstreamRejected),
            (400, #"{"error":{"details":[{"reason":"OVERLOADED_CREDENTIALS"}]}}"#, .upstreamRejected),
            (401, #"{"error":{"details":[{"reason":"OVERLOADED_CREDENTIALS"}]}}"#, .upstreamRejected),
            (429, #"{"error":{"details":[{"violations":[{"quotaId":"X","quotaValue":0}]}]}}"#, .noQuota),
            (403, #"{"error":{"details":[{"reason":"ACCESS_TOKEN_SCOPE_INSUFFICIENT"}]}}"#, .keyRestricted),
            (503, #"{"error":{"message":"Deadline expired before operation could complete."}}"#, .upstreamTimeout),
        ] as [(Int, String, GeminiError.Kind)])
    func bodiesThatAreNoStatusStillHaveAKind(_ status: Int, _ body: String, _ kind: GeminiError.Kind) {
        #expect(classify(status, body).kind == kind)
    }

    /// A body that was cut off, and what the members that came whole say.
    @Test(
        arguments: [
            (
                400,
                #"{"error":{"code":400,"message":"API key not valid.","details":[{"reason":"API_KEY_INVALID","dom"#,
                .keyRejected
            ),
            (403, #"[{"error": {"code": 403, "message": "Your API key was reported as leaked. Pl", "st"#, .keyLeaked),
            (
                429, #"{"error":{"code":429,"details":[{"violations":[{"quotaId":"XPerDay","quotaValue":"250"},{"quo"#,
                .quotaDay
            ),
            (429, #"{"error":{"code":429,"message":"slow down","details":[{"retryDelay":"9s"},{"#, .quotaMinute),
            (503, #"{"error":{"code":503,"message":"The mod"#, .upstreamUnavailable),
        ] as [(Int, String, GeminiError.Kind)])
    func aBodyThatWasCutSaysWhatIsLeftOfIt(_ status: Int, _ body: String, _ kind: GeminiError.Kind) {
        #expect(classify(status, body).kind == kind)
    }

    @Test func whatGoogleSaysInAWordNobodyKnowsIsKept() {
        let error = classify(403, #"{"error":{"status":"A_NEW_STATUS","details":[{"reason":"A_NEW_REASON"}]}}"#)
        #expect(error.upstream?.status == "A_NEW_STATUS" && error.upstream?.reason == "A_NEW_REASON")
    }

    @Test func anErrorUnderA200CountsByItsOwnCode() {
        let error = classify(
            200, #"{"error":{"code":503,"message":"The model is overloaded.","status":"UNAVAILABLE"}}"#)
        #expect(error.kind == .upstreamUnavailable && error.upstream?.httpStatus == 503 && error.isSafeToResend)
    }

    @Test(arguments: [
        (#"{"reason":"SERVICE_DISABLED","metadata":{"activationUrl":"https://a"}}"#, "https://a"),
        (#"{"reason":"SERVICE_DISABLED"},{"links":[{"description":"d"},{"url":"https://b"}]}"#, "https://b"),
    ])
    func whereAServiceIsSwitchedOnIsSaid(_ details: String, _ address: String) {
        #expect(classify(403, #"{"error":{"details":[\#(details)]}}"#).hint == "switch it on at \(address)")
    }

    @Test func keysNeverLeaveInWhatUpstreamSaid() throws {
        let key = try #require(ApiKey("secret-in-no-known-form"))
        let message =
            "Consumer 'api_key:AIzaSyA1234567890123456789012345678901' at ?key=hunter2&x, Bearer ya29.abc-def, "
            + "AQ.Ab8RN6abcdef, secret-in-no-known-form"
        let error = ErrorClassifier(httpStatus: 403, retryAfter: nil, key: key)
            .classify(body: Array(#"{"error":{"message":"\#(message)"}}"#.utf8))
        #expect(
            error.upstream?.message
                == "Consumer 'api_key:[key]' at ?key=[key]&x, Bearer [key], [key], [key]")
    }

    @Test(
        arguments: [
            ("x-goog-api-key: hunter2", "x-goog-api-key: [key]"), ("api-key=hunter2;", "api-key=[key];"),
            (#"{"api_key": "hunter2"}"#, #"{"api_key": "[key]"}"#), ("BEARER hunter2", "BEARER [key]"),
            ("KEY=hunter2", "KEY=[key]"), ("ya29.abc", "[token]"),
            ("assertion=eyJhbGciOiJSUzI1NiJ9.eyJpc3MiOiJhIn0.c2ln", "assertion=[token]"),
            (#"{\"api_key\": \"hunter2\"}"#, #"{\"api_key\": \"[key]\"}"#),
            ("AQ.abcdef,AQ.ghijkl", "[key],[key]"), ("bearer abcdefghijklmnopqrst", "bearer [key]"),
            ("nothing secret: a fox", "nothing secret: a fox"),
            ("the bearer of FAQ.aspxpage", "the bearer of FAQ.aspxpage"),
        ])
    func everySpellingOfASecretIsTakenOut(_ text: String, _ shown: String) {
        #expect(Redaction(key: nil).apply(to: text) == shown)
    }

    /// What a route makes of such an answer, 200s included.
    private func classify(_ status: Int, _ body: String, _ route: RouteKind = .native) -> GeminiError {
        guard status == 200 else {
            return ErrorClassifier(httpStatus: status, retryAfter: nil, route: route, key: nil)
                .classify(body: Array(body.utf8))
        }
        let assembler = AnswerAssembler<MemorySink> { _ in MemorySink() }
        do throws(GeminiError) {
            try assembler.take(Array(body.utf8).span)
            _ = try assembler.finish(redacting: nil)
            return GeminiError(.cancelled, reach: .answered, charged: .no, "an image, which was not expected")
        } catch {
            return error
        }
    }
}
