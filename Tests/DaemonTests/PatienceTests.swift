// How long a caller waits and what it is told meanwhile: deadlines of its own, places in line, gates (protocol 3 and 4).

import Foundation
import TestKit
import Testing
import Wire

@Suite(.serialized) struct PatienceTests {
    private let simulator: RunningSimulator

    init() throws { simulator = try RunningSimulator() }

    private func daemon(_ project: String = "", extra: String = "") throws -> RunningDaemon {
        try RunningDaemon(configuration: RunningDaemon.configuration(simulator, extra: extra, project: project))
    }

    /// Asks and reads up to the first event in that state; its members.
    private func ask(_ socket: RawSocket, _ params: String, until state: JobState) throws -> [String: JSONValue] {
        try socket.send(#"{"jsonrpc":"2.0","id":1,"method":"image.generate","params":{"delivery":"none",\#(params)}}"#)
        while true {
            guard case .object(let event)? = try socket.receiveMessage()["params"] else { continue }
            if event["state"] == .string(state.rawValue) { return event }
        }
    }

    private func answer(_ socket: RawSocket) throws -> RawSocket.Reply {
        var message = try socket.receiveMessage()
        while message["id"] == nil { message = try socket.receiveMessage() }
        return RawSocket.Reply(message: message)
    }

    @Test func eachCallerUnderAKeyHasItsOwnDeadlineAndTheJobTheFirstOnes() throws {
        try simulator.addRule(#"{"match":{"prompt":"slow"},"do":{"latencyMilliseconds":2500}}"#)
        let daemon = try daemon("max_concurrent = 1")
        let first = try RawSocket(daemon.socket)
        _ = try ask(first, #""prompt":"slow one","idempotencyKey":"one","deadlineSeconds":0.3"#, until: .sent)
        let queued = try RawSocket(daemon.socket)
        let event = try ask(queued, #""prompt":"two","idempotencyKey":"two","deadlineSeconds":60"#, until: .queued)
        #expect(event["position"] == .integer(1) && event["startsInSeconds"] != nil)
        // In line and on the way: who has less patience is answered, and the job goes on for who has more.
        let hurried = try RawSocket(daemon.socket).call(
            3, "image.generate", #"{"prompt":"two","idempotencyKey":"two","deadlineSeconds":0.2}"#)
        #expect(hurried.error?.kind == .deadline && hurried.error?.charged == .no, "\(hurried.message)")
        #expect(JSONValue.string(hurried.error?.job?.rawValue ?? "") == event["job"])
        let late = try answer(first)
        #expect(late.error?.kind == .deadline && late.error?.charged == .unknown, "\(late.message)")
        // After the first one's deadline a repeat is not late: it has one of its own.
        let patient = try RawSocket(daemon.socket).call(
            4, "image.generate",
            #"{"prompt":"slow one","idempotencyKey":"one","deadlineSeconds":60,"delivery":"none"}"#)
        #expect(try patient.decode(JobResult.self).job == late.error?.job)
        #expect(try answer(queued).decode(JobResult.self).state == .done)
        #expect(try simulator.spending().count == 2)
    }

    @Test func pastItsDeadlineAQueuedJobFailsAtNoCharge() throws {
        try simulator.addRule(#"{"match":{"prompt":"never"},"do":{"neverAnswer":true}}"#)
        // The deadline of those who say none.
        let daemon = try daemon("max_concurrent = 1", extra: "[limits]\ndefault_deadline_seconds = 1\n")
        let first = try RawSocket(daemon.socket)
        _ = try ask(first, #""prompt":"never","deadlineSeconds":60"#, until: .sent)
        let socket = try RawSocket(daemon.socket)
        for (id, more) in ["", #","deadlineSeconds":0.2"#].enumerated() {
            let error = try #require(
                try socket.call(id, "image.generate", #"{"prompt":"late","delivery":"none"\#(more)}"#).error)
            #expect(error.kind == .deadline && error.charged == .no && error.isRetryable, "\(error)")
            let job = try socket.call(9, "job.get", #"{"job":"\#(error.job?.rawValue ?? "")"}"#).decode(JobResult.self)
            #expect(job.state == .failed && job.error?.kind == .deadline && job.error?.charged == .no)
        }
        #expect(try simulator.generations("late") == [])
    }

    @Test func whatIsWaitedForIsToldWithItsReasonAndItsEnd() throws {
        let daemon = try daemon()
        try simulator.addRule(#"{"match":{"prompt":"minute"},"times":1,"do":{"fixture":"quota-bare"}}"#)
        let event = try ask(try RawSocket(daemon.socket), #""prompt":"minute""#, until: .waiting)
        #expect(event["reason"] == .string("quota_minute"), "\(event)")
        guard case .string(let until)? = event["until"] else {
            Issue.record("\(event)")
            return
        }
        #expect(until.wholeMatch(of: /[0-9-]{10}T[0-9:]{8}(\.[0-9]{3})?Z/) != nil)
    }

    @Test func jobWaitTellsTheStepsUnderItsOwnRequest() throws {
        try simulator.addRule(
            #"{"match":{"prompt":"slow"},"do":{"latencyMilliseconds":900,"chunkBytes":4000,"chunkDelayMilliseconds":20}}"#
        )
        let daemon = try daemon()
        let socket = try RawSocket(daemon.socket)
        let job = try socket.call(1, "image.generate", #"{"prompt":"slow","wait":false}"#)
            .decode(GenerateImage.Accepted.self).job
        let reply = try socket.call(8, "job.wait", #"{"job":"\#(job.rawValue)","delivery":"none"}"#)
        #expect(try reply.decode(JobResult.self).state == .done)
        #expect(!reply.events.isEmpty)
        for event in reply.events {
            #expect(event["job"] == .string(job.rawValue) && event["request"] == .integer(8))
        }
        let received = reply.events.last { $0["state"] == .string("receiving") }
        guard case .integer(let bytes)? = received?["bytes"] else {
            Issue.record("\(reply.events)")
            return
        }
        #expect(bytes > 0)
    }

    @Test func withoutWaitingTheStateIsTrue() throws {
        try simulator.addRule(#"{"match":{"prompt":"bad"},"do":{"fixture":"image-safety"}}"#)
        let daemon = try daemon()
        let socket = try RawSocket(daemon.socket)
        func told(_ method: String, _ params: String) throws -> JobState {
            try socket.call(1, method, params).decode(GenerateImage.Accepted.self).state
        }
        let failed = try #require(
            try socket.call(2, "image.generate", #"{"prompt":"bad","idempotencyKey":"k"}"#).error?.job)
        #expect(try told("image.generate", #"{"prompt":"bad","idempotencyKey":"k","wait":false}"#) == .failed)
        #expect(try told("job.retry", #"{"job":"\#(failed.rawValue)","wait":false}"#) == .queued)
        #expect(try socket.call(3, "image.generate", #"{"prompt":"p","delivery":"none"}"#).error == nil)
        #expect(try told("image.generate", #"{"prompt":"p","reuse":"prefer","wait":false}"#) == .done)
    }

    @Test func theStatusCountsWhatIsUnderWayAndWhatWaits() throws {
        try simulator.addRule(#"{"match":{"prompt":"slow"},"do":{"latencyMilliseconds":1500}}"#)
        let daemon = try daemon("max_concurrent = 1")
        let first = try RawSocket(daemon.socket)
        _ = try ask(first, #""prompt":"slow""#, until: .sent)
        let second = try RawSocket(daemon.socket)
        _ = try ask(second, #""prompt":"p""#, until: .queued)
        let status = try RawSocket(daemon.socket).call(1, "server.status").decode(GetStatus.Result.self)
        #expect([status.inFlight, status.queued, status.unknown] == [1, 1, 0] && status.ready)
        #expect(status.projects.map(\.inFlight) == [1] && status.projects.map(\.queued) == [1])
        #expect(status.diskFreeBytes > 0)
        #expect(try [answer(first), answer(second)].allSatisfy { $0.error == nil })
        let after = try RawSocket(daemon.socket).call(1, "server.status").decode(GetStatus.Result.self)
        #expect([after.inFlight, after.queued] == [0, 0] && after.projects.map(\.key) == [.ok])
    }
}
