// Whatever goes wrong upstream comes back as what it means: kind, charged, retryable, and never the key.

import Foundation
import TestKit
import Testing
import Wire

@Suite(.serialized) struct UpstreamFailureTests {
    private let simulator: RunningSimulator
    private let daemon: RunningDaemon

    init() throws {
        simulator = try RunningSimulator()
        daemon = try RunningDaemon(configuration: RunningDaemon.configuration(simulator))
    }

    private func failure(_ prompt: String, _ behaviour: String, deadline: Double = 30) throws -> WireError {
        try simulator.addRule(#"{"match":{"prompt":"\#(prompt)"},"do":\#(behaviour)}"#)
        let socket = try RawSocket(daemon.socket)
        let reply = try socket.call(
            1, "image.generate", #"{"prompt":"\#(prompt)","delivery":"none","deadlineSeconds":\#(deadline)}"#)
        return try #require(reply.error, "\(reply.message)")
    }

    @Test(arguments: [
        ("finish reason", #"{"fixture":"image-safety"}"#, "blocked", Charged.unknown),
        // The prompt of a request that is blocked is counted.
        ("blocked prompt", #"{"fixture":"prompt-blocked"}"#, "blocked", .yes),
        ("only text", #"{"answer":{"textOnly":true}}"#, "no_image", .yes),
        ("internal", #"{"fixture":"internal"}"#, "upstream_unavailable", .unknown),
        ("no picture", #"{"answer":{"notAnImage":true}}"#, "upstream_invalid", .yes),
        ("bad base64", #"{"answer":{"badBase64":true}}"#, "upstream_invalid", .unknown),
        ("leaked key", #"{"fixture":"leaked"}"#, "key_leaked", .no),
        ("limit zero", #"{"fixture":"limit-zero"}"#, "no_quota", .no),
        (
            "html", #"{"status":502,"body":"<html>bad gateway</html>","contentType":"text/html"}"#,
            "upstream_unavailable", .unknown
        ),
    ])
    func anAnswerThatIsAnErrorIsNotAskedForAgain(
        prompt: String, behaviour: String, kind: String, charged: Charged
    ) throws {
        let error = try failure(prompt, behaviour)
        #expect(error.kind.rawValue == kind, "\(error)")
        #expect(error.job != nil && error.charged == charged, "\(error)")
        #expect(try simulator.generations(prompt).count == 1)
    }

    @Test(
        .backs(.paidForOnceAndKept),
        arguments: [
            ("cut", #"{"closeAfterBytes":2000}"#),
            ("no head", #"{"closeBeforeHead":true}"#),
            (
                "cut error",
                #"{"status":500,"body":"{\"error\":{\"code\":500}}","contentLength":true,"closeAfterBytes":5}"#
            ),
        ])
    func anAnswerThatBrokeOffIsUnknownAndNotSentAgain(prompt: String, behaviour: String) throws {
        let error = try failure(prompt, behaviour)
        #expect(error.kind == .outcomeUnknown, "\(error)")
        #expect(error.charged == .unknown)
        #expect(try simulator.generations(prompt).count == 1)
        let socket = try RawSocket(daemon.socket)
        let id = try #require(error.job)
        let job = try socket.call(1, "job.get", #"{"job":"\#(id.rawValue)"}"#).decode(JobResult.self)
        #expect(job.state == .unknown)
        #expect(try socket.call(2, "server.status").decode(GetStatus.Result.self).unknown == 1)
    }

    /// A key that has leaked is not sent again and again by those who wait; whoever asks later is tried.
    @Test func whatWaitsForAKeyThatUpstreamRefusedIsNotSent() throws {
        let one = try RunningDaemon(
            configuration: RunningDaemon.configuration(simulator, project: "max_concurrent = 1"))
        try simulator.addRule(
            #"{"match":{"prompt":"leaks"},"times":1,"do":{"fixture":"leaked","latencyMilliseconds":500}}"#)
        let socket = try RawSocket(one.socket)
        for id in 1...2 {
            try socket.send(
                #"{"jsonrpc":"2.0","id":\#(id),"method":"image.generate","params":{"prompt":"leaks","delivery":"none"}}"#
            )
        }
        var kinds: [JSONValue?] = []
        while kinds.count < 2 {
            let message = try socket.receiveMessage()
            guard message["id"] != nil else { continue }
            guard case .object(let error)? = message["error"], case .object(let data)? = error["data"] else {
                Issue.record("no error: \(message)")
                return
            }
            kinds.append(data["kind"])
        }
        #expect(kinds == [.string("key_leaked"), .string("key_leaked")])
        #expect(try simulator.generations("leaks").count == 1)
        let result = try socket.call(5, "image.generate", #"{"prompt":"leaks","delivery":"none"}"#).decode(
            JobResult.self)
        #expect(result.state == .done)
    }

    @Test func anOverloadedModelIsAskedAgainAndThenGivenUp() throws {
        let error = try failure("overloaded", #"{"fixture":"overloaded"}"#, deadline: 60)
        #expect(error.kind == .upstreamUnavailable)
        #expect(error.charged == .no && error.isRetryable)
        #expect(try simulator.generations("overloaded").count == 3)
    }

    /// A picture that takes Google too long takes it as long again.
    @Test func whatTookGoogleTooLongIsAskedForOnceMoreAndShutsNoGate() throws {
        let error = try failure("too slow", #"{"fixture":"deadline"}"#, deadline: 60)
        #expect(error.kind == .upstreamTimeout && error.charged == .no, "\(error)")
        #expect(error.hint == "a smaller size is faster")
        #expect(try simulator.generations("too slow").count == 2)
        let socket = try RawSocket(daemon.socket)
        let next = try socket.call(1, "image.generate", #"{"prompt":"the next","delivery":"none"}"#).decode(
            JobResult.self)
        #expect(next.state == .done && next.attempts == 1)
    }

    @Test func aBlockedPromptCostsWhatGoogleCountedOfIt() throws {
        let error = try failure("blocked", #"{"fixture":"prompt-blocked"}"#)
        let id = try #require(error.job)
        let socket = try RawSocket(daemon.socket)
        let job = try socket.call(1, "job.get", #"{"job":"\#(id.rawValue)"}"#).decode(JobResult.self)
        #expect(job.usage == Usage(promptTokens: 12, outputTokens: 0, imageTokens: 0, thoughtTokens: 0))
        // 12 tokens at half a dollar a million.
        #expect(job.cost == Cost(micros: 6, basis: .usage))
    }

    @Test func anOverloadThatPassesIsNotSeenByTheCaller() throws {
        try simulator.addRule(#"{"match":{"prompt":"passes"},"times":1,"do":{"fixture":"overloaded"}}"#)
        let socket = try RawSocket(daemon.socket)
        let result = try socket.call(1, "image.generate", #"{"prompt":"passes","delivery":"none"}"#).decode(
            JobResult.self)
        #expect(result.state == .done && result.attempts == 2)
    }

    @Test(.backs(.noClientHoldsAKey)) func aRedirectIsRefusedAndTheKeyIsNotCarriedAlong() throws {
        let elsewhere = try RunningSimulator()
        let error = try failure("elsewhere", #"{"redirect":"\#(elsewhere.url)/models/x:generateContent"}"#)
        #expect(error.kind == .upstreamInvalid, "\(error)")
        #expect(try elsewhere.requests() == [])
    }

    @Test(.backs(.noClientHoldsAKey)) func aKeyThatUpstreamEchoesReachesNobody() throws {
        let error = try failure("echo", #"{"echoKey":true}"#)
        let answer = String(decoding: WireJSON.encode(error), as: UTF8.self)
        #expect(!answer.contains(RunningSimulator.key))
        #expect(!daemon.process.standardErrorSoFar.contains(RunningSimulator.key))
    }

    @Test func aDeadlineIsToldAndTheImageIsKeptAllTheSame() throws {
        let error = try failure("slow", #"{"latencyMilliseconds":1500}"#, deadline: 0.5)
        #expect(error.kind == .deadline && error.charged == .unknown, "\(error)")
        let socket = try RawSocket(daemon.socket)
        let job = try #require(error.job)
        let result = try socket.call(1, "job.wait", #"{"job":"\#(job.rawValue)","delivery":"none"}"#).decode(
            JobResult.self)
        #expect(result.state == .done && result.images.count == 1)
    }

    @Test func aSentJobThatIsCancelledIsLeftToFinishAndKept() throws {
        try simulator.addRule(#"{"match":{"prompt":"cancel me"},"do":{"latencyMilliseconds":1000}}"#)
        let waiter = try RawSocket(daemon.socket)
        try waiter.send(
            #"{"jsonrpc":"2.0","id":1,"method":"image.generate","params":{"prompt":"cancel me","delivery":"none"}}"#)
        var job = ""
        while true {
            guard case .object(let params)? = try waiter.receiveMessage()["params"],
                case .string(let id)? = params["job"]
            else { continue }
            job = id
            if params["state"] == .string("sent") { break }
        }
        let socket = try RawSocket(daemon.socket)
        let cancelled = try socket.call(2, "job.cancel", #"{"job":"\#(job)"}"#).decode(CancelJob.Result.self)
        #expect(cancelled.charged == .unknown)
        var answer = try waiter.receiveMessage()
        while answer["id"] == nil { answer = try waiter.receiveMessage() }
        guard case .object(let error)? = answer["error"], case .object(let data)? = error["data"] else {
            Issue.record("no error: \(answer)")
            return
        }
        #expect(data["kind"] == .string("cancelled"))
        let result = try socket.call(3, "job.wait", #"{"job":"\#(job)","delivery":"none"}"#).decode(JobResult.self)
        #expect(result.state == .done && result.images.count == 1)
    }
}
