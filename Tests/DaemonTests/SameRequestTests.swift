// The same request again: under a key it is the same job, with `reuse` the same images, by `job.retry` a new job.

import Foundation
import TestKit
import Testing
import Wire

@Suite(.serialized) struct SameRequestTests {
    private let simulator: RunningSimulator
    private let daemon: RunningDaemon
    private let socket: RawSocket

    init() throws {
        simulator = try RunningSimulator()
        daemon = try RunningDaemon(configuration: RunningDaemon.configuration(simulator))
        socket = try RawSocket(daemon.socket)
    }

    private func ask(_ params: String) throws -> RawSocket.Reply {
        try socket.call(1, "image.generate", #"{"delivery":"none",\#(params)}"#)
    }

    @Test func underAKeyItIsTheSameJobWhateverElseIsSaidAboutTheAnswer() throws {
        let first = try ask(#""prompt":"p","idempotencyKey":"k""#).decode(JobResult.self)
        let again = try ask(#""prompt":"p","idempotencyKey":"k","label":"l","priority":"bulk","deadlineSeconds":9"#)
            .decode(JobResult.self)
        #expect(again == first)
        // Without waiting too, and it is said that the job has ended.
        let told = try ask(#""prompt":"p","idempotencyKey":"k","wait":false"#).decode(GenerateImage.Accepted.self)
        #expect(told == GenerateImage.Accepted(job: first.job, state: .done))
        #expect(try simulator.spending().count == 1)
    }

    @Test func aFailedJobUnderAKeyStaysThatAndARetryIsANewOne() throws {
        try simulator.addRule(#"{"match":{"prompt":"p"},"times":1,"do":{"fixture":"image-safety"}}"#)
        let first = try #require(try ask(#""prompt":"p","idempotencyKey":"k""#).error)
        let job = try #require(first.job)
        #expect(first.kind == .blocked)
        #expect(try ask(#""prompt":"p","idempotencyKey":"k""#).error == first)
        #expect(try simulator.spending().count == 1)
        let retried = try socket.call(2, "job.retry", #"{"job":"\#(job.rawValue)","delivery":"none"}"#)
            .decode(JobResult.self)
        #expect(retried.state == .done && retried.job != job)
        #expect(try simulator.spending().count == 2)
    }

    @Test func anotherRequestUnderTheKeyIsAConflictThatCostsNothing() throws {
        let first = try ask(#""prompt":"p","idempotencyKey":"k""#).decode(JobResult.self)
        let error = try #require(try ask(#""prompt":"other","idempotencyKey":"k""#).error)
        #expect(error.kind == .conflict && error.path == "idempotencyKey")
        #expect(error.job == first.job && error.charged == .no)
        #expect(try simulator.spending().count == 1)
    }

    @Test func reuseAnswersWithTheImagesOfTheEarlierRequestAtNoCost() throws {
        let none = try #require(try ask(#""prompt":"p","reuse":"only""#).error)
        #expect(none.kind == .notFound && none.job == nil)
        let first = try ask(#""prompt":"p""#).decode(JobResult.self)
        for reuse in ["prefer", "only"] {
            let again = try ask(#""prompt":"p","reuse":"\#(reuse)""#).decode(JobResult.self)
            #expect(again.images == first.images && again.reused && again.job != first.job)
            #expect(again.cost?.usd == 0 && again.cost?.basis == .reused)
        }
        #expect(try simulator.spending().count == 1)
    }

    @Test func aConversationGoesOnFromAnAnswerOnly() throws {
        try simulator.addRule(#"{"match":{"prompt":"p"},"do":{"fixture":"image-safety"}}"#)
        let failed = try ask(#""prompt":"p""#).error
        let job = try #require(failed?.job)
        let error = try #require(try ask(#""prompt":"more","continues":"\#(job.rawValue)""#).error)
        #expect(error.kind == .conflict && error.path == "continues" && error.charged == .no)
        #expect(try simulator.spending().count == 1)
    }
}
