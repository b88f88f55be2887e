// Every parameter acts: what the simulator received has it, in its place.

import Foundation
import TestKit
import Testing
import Wire

@Suite(.serialized) struct ParameterTests {
    private let simulator: RunningSimulator
    private let daemon: RunningDaemon

    init() throws {
        simulator = try RunningSimulator()
        daemon = try RunningDaemon(configuration: RunningDaemon.configuration(simulator))
    }

    @Test(arguments: [
        ("aspectRatio", #""16:9""#, "generationConfig.imageConfig.aspectRatio", #""16:9""#),
        ("imageSize", #""2K""#, "generationConfig.imageConfig.imageSize", #""2K""#),
        ("seed", "-7", "generationConfig.seed", "-7"),
        ("temperature", "0.5", "generationConfig.temperature", "0.5"),
        ("thinking", #""high""#, "generationConfig.thinkingConfig.thinkingLevel", #""HIGH""#),
        (
            "grounding", #"["web","image"]"#, "tools.0.googleSearch.searchTypes",
            #"{"imageSearch":{},"webSearch":{}}"#
        ),
        (
            "safety", #"{"HARM_CATEGORY_HARASSMENT":"BLOCK_NONE"}"#, "safetySettings.0",
            #"{"category":"HARM_CATEGORY_HARASSMENT","threshold":"BLOCK_NONE"}"#
        ),
        ("systemInstruction", #""be brief""#, "systemInstruction.parts.0.text", #""be brief""#),
        ("native", #"{"generationConfig":{"topK":5}}"#, "generationConfig.topK", "5"),
    ])
    func aParameterIsSentInItsPlace(name: String, value: String, path: String, expected: String) throws {
        // The admin socket, since `native` is for admins where there are no rules.
        let socket = try RawSocket(daemon.adminSocket)
        for (id, more) in [(1, ""), (2, #","\#(name)":\#(value)"#)] {
            let reply = try socket.call(
                id, "image.generate", #"{"prompt":"p\#(id)","delivery":"none"\#(more)}"#)
            #expect(try reply.decode(JobResult.self).state == .done)
        }
        let without = try #require(try simulator.generations("p1").first)
        let with = try #require(try simulator.generations("p2").first)
        #expect(RunningSimulator.member(path, of: with) == (try JSONValue(json: expected)))
        #expect(RunningSimulator.member(path, of: without) == nil)
    }

    @Test func theModelIsInThePath() throws {
        let socket = try RawSocket(daemon.socket)
        _ = try socket.call(1, "image.generate", #"{"prompt":"p","model":"pro","delivery":"none"}"#)
        #expect(
            try simulator.generations().map { $0["path"] }
                == [.string("/v1beta/models/gemini-3-pro-image:generateContent")])
    }

    @Test func groundingIsAnsweredWithItsSources() throws {
        let socket = try RawSocket(daemon.socket)
        let result = try socket.call(1, "image.generate", #"{"prompt":"p","grounding":["web"],"delivery":"none"}"#)
            .decode(JobResult.self)
        #expect(result.grounding?.sources.isEmpty == false && result.grounding?.renderedChip != nil)
        // Its price is not in the catalogue, and that is said.
        #expect(result.warnings.map(\.code.rawValue) == ["price_incomplete"])
    }

    @Test func countIsAsManyCallsAndOneThatFailsLeavesTheOthers() throws {
        try simulator.addRule(#"{"match":{"prompt":"three"},"times":1,"do":{"fixture":"image-safety"}}"#)
        let socket = try RawSocket(daemon.socket)
        let result = try socket.call(1, "image.generate", #"{"prompt":"three","count":3,"delivery":"fd"}"#)
            .decode(JobResult.self)
        #expect(result.state == .done && result.images.map(\.fd) == [0, 1])
        #expect(result.failed.map(\.kind) == [.blocked])
        #expect(try simulator.generations("three").count == 3)
        #expect(socket.takeDescriptors().count == 2)
    }

    @Test func whenEveryCallFailsTheAnswerIsTheError() throws {
        try simulator.addRule(#"{"match":{"prompt":"none of them"},"do":{"fixture":"image-safety"}}"#)
        let socket = try RawSocket(daemon.socket)
        let error = try #require(
            try socket.call(1, "image.generate", #"{"prompt":"none of them","count":2,"delivery":"none"}"#).error)
        #expect(error.kind == .blocked)
        #expect(try simulator.generations("none of them").count == 2)
    }

    @Test func exactSendsARetiredIDAsItIsAndItsRefusalIsRememberedForAnHour() throws {
        let socket = try RawSocket(daemon.socket)
        let ask = #"{"prompt":"old","model":"gemini-3.1-flash-image-preview","exact":true,"delivery":"none"}"#
        let first = try #require(try socket.call(1, "image.generate", ask).error)
        #expect(first.kind == .modelUnavailable && first.charged == .no)
        let second = try #require(try socket.call(2, "image.generate", ask).error)
        #expect(second.kind == .modelUnavailable && second.job == nil)
        #expect(try simulator.spending().count == 1)
    }

    @Test func exactWithAnotherPictureIsAMismatchAndTheImageIsKept() throws {
        try simulator.addRule(#"{"match":{"prompt":"other"},"do":{"answer":{"pixels":[512,512]}}}"#)
        let socket = try RawSocket(daemon.socket)
        let error = try #require(
            try socket.call(
                1, "image.generate", #"{"prompt":"other","imageSize":"2K","exact":true,"delivery":"none"}"#
            ).error)
        #expect(error.kind == .mismatch && error.charged == .yes)
        let job = try #require(error.job)
        let kept = try socket.call(2, "job.get", #"{"job":"\#(job.rawValue)"}"#).decode(JobResult.self)
        #expect(kept.state == .failed && kept.images.count + kept.extraImages.count == 1)
    }
}
