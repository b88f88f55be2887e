// `charged` is there whenever there is a job, and true: every way in which a job can end or its caller be answered.

import Foundation
import TestKit
import Testing
import Wire

@Suite(.serialized) struct ChargedTests {
    private let simulator: RunningSimulator
    private let daemon: RunningDaemon
    private let socket: RawSocket
    private let admin: RawSocket

    init() throws {
        simulator = try RunningSimulator()
        daemon = try RunningDaemon(configuration: RunningDaemon.configuration(simulator))
        socket = try RawSocket(daemon.socket)
        admin = try RawSocket(daemon.adminSocket)
    }

    /// Looks through whatever came for errors of jobs.
    private func check(_ value: JSONValue, _ what: String) {
        switch value {
        case .object(let members):
            if members["kind"] != nil, members["retryable"] != nil, members["job"] != nil {
                #expect(
                    ["no", "yes", "unknown"].map(JSONValue.string).contains(members["charged"]), "\(what): \(value)")
            }
            for member in members.values { check(member, what) }
        case .array(let elements): for element in elements { check(element, what) }
        case .null, .bool, .integer, .number, .string: break
        }
    }

    @discardableResult
    private func call(_ method: String, _ params: String, on other: RawSocket? = nil) throws -> RawSocket.Reply {
        let reply = try (other ?? socket).call(1, method, params)
        check(.object(reply.message), "\(method) \(params)")
        return reply
    }

    private func cancel(_ job: JobID?) throws -> CancelJob.Result {
        try call("job.cancel", #"{"job":"\#(job?.rawValue ?? "")"}"#).decode(CancelJob.Result.self)
    }

    @Test func ofEveryErrorOfAJob() throws {
        let acts = [
            #"{"fixture":"image-safety"}"#, #"{"fixture":"prompt-blocked"}"#, #"{"answer":{"textOnly":true}}"#,
            #"{"fixture":"internal"}"#, #"{"answer":{"notAnImage":true}}"#, #"{"answer":{"badBase64":true}}"#,
            #"{"closeAfterBytes":2000}"#, #"{"closeBeforeHead":true}"#, #"{"fixture":"invalid-argument"}"#,
            #"{"fixture":"no-candidates"}"#, #"{"fixture":"too-large"}"#, #"{"fixture":"deadline-504"}"#,
            #"{"fixture":"bad-gateway"}"#, #"{"latencyMilliseconds":700}"#, #"{"answer":{"pixels":[64,64]}}"#,
        ]
        var kinds: Set<ErrorKind> = []
        for (number, act) in acts.enumerated() {
            try simulator.addRule(#"{"match":{"prompt":"act \#(number)."},"do":\#(act)}"#)
            for more in [
                #""delivery":"none""#, #""count":2,"exact":true,"imageSize":"1K","model":"gemini-3.1-flash-image""#,
            ] {
                let deadline = act.contains("latency") ? 0.3 : 30
                let reply = try call(
                    "image.generate", #"{"prompt":"act \#(number).","deadlineSeconds":\#(deadline),\#(more)}"#)
                guard let error = reply.error else { continue }
                kinds.insert(error.kind)
                let job = try #require(error.job, "\(error)")
                try call("job.get", #"{"job":"\#(job.rawValue)"}"#)
                try call("job.wait", #"{"job":"\#(job.rawValue)","delivery":"none"}"#)
            }
        }
        #expect(
            kinds.isSuperset(of: [
                .blocked, .noImage, .upstreamUnavailable, .upstreamInvalid, .outcomeUnknown, .upstreamRejected,
                .deadline, .mismatch,
            ]), "\(kinds)")
        try call("job.list", #"{"limit":200}"#, on: admin)
    }

    @Test func ofWhatIsAskedOfAJobThatIsNotInTheStateForIt() throws {
        try simulator.addRule(#"{"match":{"prompt":"slow"},"do":{"latencyMilliseconds":700}}"#)
        let job = try call("image.generate", #"{"prompt":"slow","wait":false,"idempotencyKey":"k"}"#)
            .decode(GenerateImage.Accepted.self).job
        let params = #"{"job":"\#(job.rawValue)"}"#
        #expect(try call("job.retry", params).error?.kind == .conflict)
        let other = try call("image.generate", #"{"prompt":"other","idempotencyKey":"k"}"#).error
        #expect(other?.kind == .conflict && other?.charged == .no)
        let early = try call("image.generate", #"{"prompt":"more","continues":"\#(job.rawValue)"}"#).error
        #expect(early?.kind == .conflict)
        _ = try call("job.wait", #"{"job":"\#(job.rawValue)","delivery":"none"}"#).decode(JobResult.self)
        let resolved = try admin.call(2, "job.resolve", #"{"job":"\#(job.rawValue)","charged":true}"#).error
        #expect(resolved?.kind == .conflict && resolved?.charged == .yes)
    }

    @Test func cancellingWhatHasEndedTellsWhatItCost() throws {
        let first = try call("image.generate", #"{"prompt":"p","delivery":"none"}"#).decode(JobResult.self)
        #expect(try cancel(first.job).charged == .yes)
        let again = try call("image.generate", #"{"prompt":"p","delivery":"none","reuse":"only"}"#)
            .decode(JobResult.self)
        #expect(try cancel(again.job) == CancelJob.Result(job: again.job, state: .done, charged: .no))
        for (prompt, isCharged, told) in [("cut one", true, Charged.yes), ("cut two", false, .no)] {
            try simulator.addRule(#"{"match":{"prompt":"\#(prompt)"},"do":{"closeAfterBytes":2000}}"#)
            let lost = try #require(try call("image.generate", #"{"prompt":"\#(prompt)"}"#).error)
            #expect(try cancel(lost.job).charged == .unknown)
            let params = #"{"job":"\#(lost.job?.rawValue ?? "")","charged":\#(isCharged)}"#
            let resolved = try call("job.resolve", params, on: admin).decode(JobResult.self)
            #expect(resolved.state == .unknown && resolved.error?.charged == told)
            #expect((resolved.cost?.usd ?? 0 > 0) == isCharged)
            #expect(try cancel(lost.job).charged == told)
        }
    }
}
