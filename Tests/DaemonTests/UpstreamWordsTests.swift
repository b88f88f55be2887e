// What upstream said comes back with its own words beside the daemon's: `data.upstream`, `data.fields`,
// `data.finishReason`, `data.text`, and what of an answer is told as differing (protocol sections 3 and 5).

import Foundation
import TestKit
import Testing
import Wire

@Suite(.serialized) struct UpstreamWordsTests {
    private let simulator: RunningSimulator
    private let daemon: RunningDaemon
    private let socket: RawSocket

    init() throws {
        simulator = try RunningSimulator()
        daemon = try RunningDaemon(configuration: RunningDaemon.configuration(simulator))
        socket = try RawSocket(daemon.socket)
    }

    private func ask(_ act: String) throws -> RawSocket.Reply {
        let name = "words \(UUID().uuidString)"
        try simulator.addRule(#"{"match":{"prompt":"\#(name)"},"do":\#(act)}"#)
        return try socket.call(1, "image.generate", #"{"prompt":"\#(name)","delivery":"none"}"#)
    }

    @Test func aRefusalIsToldByItsKindAndInUpstreamsWords() throws {
        let rows: [(fixture: String, kind: ErrorKind, status: Int, upstream: String, reason: String?)] = [
            ("invalid-argument", .upstreamRejected, 400, "INVALID_ARGUMENT", nil),
            ("location-unsupported", .region, 400, "FAILED_PRECONDITION", nil),
            ("service-disabled", .serviceDisabled, 403, "PERMISSION_DENIED", "SERVICE_DISABLED"),
            ("service-blocked", .keyRestricted, 403, "PERMISSION_DENIED", "API_KEY_SERVICE_BLOCKED"),
            // The last: it shuts the project.
            ("spending-cap", .spendCap, 429, "RESOURCE_EXHAUSTED", nil),
        ]
        for row in rows {
            let reply = try ask(#"{"fixture":"\#(row.fixture)"}"#)
            let error = try #require(reply.error, "\(reply.message)")
            #expect(error.kind == row.kind && error.charged == .no && error.job != nil, "\(row.fixture): \(error)")
            #expect(error.upstream?.httpStatus == row.status && error.upstream?.status == row.upstream, "\(error)")
            #expect(error.upstream?.reason == row.reason && error.upstream?.message?.isEmpty == false, "\(error)")
            #expect(!error.isRetryable, "\(error)")
        }
    }

    @Test func aRejectionNamesTheFieldsThatUpstreamNamed() throws {
        let error = try #require(try ask(#"{"fixture":"unknown-name"}"#).error)
        #expect(error.kind == .upstreamRejected && error.fields?.isEmpty == false, "\(error)")
    }

    @Test func anAnswerWithoutAnImageIsToldWithItsReasonAndItsText() throws {
        let blocked = try #require(try ask(#"{"fixture":"image-safety"}"#).error)
        #expect(blocked.kind == .blocked && blocked.finishReason == "IMAGE_SAFETY", "\(blocked)")
        let text = try #require(try ask(#"{"answer":{"textOnly":true,"textBefore":"a poem instead"}}"#).error)
        #expect(text.kind == .noImage && text.finishReason != nil, "\(text)")
        #expect(text.text?.isEmpty == false, "\(text)")
    }

    @Test func anotherModelAndUpstreamsCountsAreTold() throws {
        let other = try ask(
            #"{"answer":{"modelVersion":"gemini-of-another-kind","usage":{"promptTokenCount":21,"thoughtsTokenCount":8}}}"#
        ).decode(JobResult.self)
        #expect(other.warnings.map(\.code) == [.modelDiffers])
        #expect(other.model.sent == "gemini-3.1-flash-image" && other.model.answered == "gemini-of-another-kind")
        #expect(other.usage?.promptTokens == 21 && other.usage?.thoughtTokens == 8)
        #expect(other.usage?.imageTokens ?? 0 > 0 && other.cost?.basis == .usage)
    }
}
