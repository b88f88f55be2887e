// What is wrong is refused by name with what would be right, before anything is sent or held.

import Foundation
import TestKit
import Testing
import Wire

@Suite(.serialized) struct RefusalTests {
    private let simulator: RunningSimulator
    private let daemon: RunningDaemon

    init() throws {
        simulator = try RunningSimulator()
        daemon = try RunningDaemon(configuration: RunningDaemon.configuration(simulator))
    }

    struct Case: Sendable {
        var params: String
        var kind: ErrorKind
        var path: String
        /// Words of the message or the hint: the legal values, or where it works.
        var says: String
    }

    private static let image = #"{"data":"\#(Picture.base64)"}"#

    @Test(arguments: [
        Case(params: #""imageSize":"4k""#, kind: .invalidParams, path: "imageSize", says: "did you mean 4K?"),
        Case(
            params: #""aspectRatio":"1:8","model":"gemini-2.5-flash-image""#, kind: .unsupportedParameter,
            path: "aspectRatio", says: "gemini-3.1-flash-image"),
        Case(params: #""aspectRatio":"7:3""#, kind: .invalidParams, path: "aspectRatio", says: "did you mean 21:9?"),
        Case(params: #""seed":2147483648"#, kind: .invalidParams, path: "seed", says: "-2147483648 to 2147483647"),
        Case(params: #""temperature":2.5"#, kind: .invalidParams, path: "temperature", says: "0.0 to 2.0"),
        Case(params: #""count":0"#, kind: .invalidParams, path: "count", says: "1 to 10"),
        Case(params: #""count":11"#, kind: .invalidParams, path: "count", says: "1 to 10"),
        Case(
            params: #""thinking":"low""#, kind: .invalidParams, path: "thinking", says: "minimal, high"),
        Case(
            params: #""thinking":"medium""#, kind: .unsupportedParameter, path: "thinking",
            says: "gemini-nano-banana-2.1"),
        Case(
            params: #""thinking":"high","model":"gemini-2.5-flash-image""#, kind: .unsupportedParameter,
            path: "thinking", says: "gemini-3.1-flash-image"),
        Case(
            params: #""grounding":["image"],"model":"pro""#, kind: .unsupportedParameter, path: "grounding",
            says: "gemini-3.1-flash-image"),
        Case(
            params: #""grounding":["web"],"model":"lite""#, kind: .unsupportedParameter, path: "grounding",
            says: "gemini-3-pro-image"),
        Case(
            params: #""safety":{"HARM_CATEGORY_HARASMENT":"OFF"}"#, kind: .invalidParams,
            path: "safety.HARM_CATEGORY_HARASMENT", says: "did you mean HARM_CATEGORY_HARASSMENT?"),
        Case(
            params: #""safety":{"HARM_CATEGORY_HARASSMENT":"BLOCK_NON"}"#, kind: .invalidParams,
            path: "safety.HARM_CATEGORY_HARASSMENT", says: "did you mean BLOCK_NONE?"),
        Case(
            params: #""safety":{"HARM_CATEGORY_JAILBREAK":"OFF"}"#, kind: .unsupportedParameter,
            path: "safety.HARM_CATEGORY_JAILBREAK", says: "vertex"),
        Case(
            params: #""native":{"generationConfig":{"imageConfig":{}}}"#, kind: .invalidParams,
            path: "native.generationConfig.imageConfig", says: "imageConfig"),
        Case(
            params: #""native":{"generation_config":{"candidate_count":4}}"#, kind: .invalidParams,
            path: "native.generation_config.candidate_count", says: "candidate_count"),
        Case(params: #""native":{"contents":[]}"#, kind: .invalidParams, path: "native.contents", says: "contents"),
        Case(
            params: #""model":"flash","exact":true"#, kind: .unknownModel, path: "model",
            says: "gemini-3.1-flash-image"),
        Case(params: #""model":"flahs""#, kind: .unknownModel, path: "model", says: "did you mean flash?"),
        Case(
            params: #""model":"imagen-4.0-generate-001""#, kind: .modelUnavailable, path: "model", says: "Imagen"),
        Case(params: #""inputs":[{"data":"no base64!"}]"#, kind: .invalidParams, path: "inputs.0.data", says: "base64"),
        Case(params: #""inputs":[{"fd":0}]"#, kind: .invalidParams, path: "inputs.0.fd", says: "0 descriptors"),
        Case(
            params: "\"inputs\":[\(Array(repeating: image, count: 15).joined(separator: ","))]", kind: .invalidParams,
            path: "inputs", says: "14"),
        Case(
            params:
                "\"model\":\"gemini-2.5-flash-image\",\"inputs\":[\(Array(repeating: image, count: 4).joined(separator: ","))]",
            kind: .unsupportedParameter, path: "inputs", says: "gemini-3.1-flash-image"),
        Case(params: #""route":"openai""#, kind: .unsupportedParameter, path: "route", says: "native"),
        Case(params: #""project":"other""#, kind: .invalidParams, path: "project", says: "the projects are default"),
        Case(params: #""maxCostUSD":0.001"#, kind: .overBudget, path: "maxCostUSD", says: "maxCostUSD"),
    ])
    func whatIsWrongIsRefusedBeforeAnythingIsSentOrHeld(_ wrong: Case) throws {
        let socket = try RawSocket(daemon.adminSocket)
        let error = try #require(
            try socket.call(1, "image.generate", #"{"prompt":"p","delivery":"none",\#(wrong.params)}"#).error)
        #expect(error.kind == wrong.kind && error.path == wrong.path, "\(error)")
        #expect("\(error.message) \(error.hint ?? "")".contains(wrong.says), "\(error)")
        #expect(error.job == nil && error.charged == nil)
        #expect(try simulator.spending() == [])
        #expect(try daemon.holdCount == 0)
    }

    @Test func aPromptOf200KilobytesIsRefusedWithItsBound() throws {
        let socket = try RawSocket(daemon.socket)
        let prompt = String(repeating: "a", count: 200_000)
        let error = try #require(try socket.call(1, "image.generate", #"{"prompt":"\#(prompt)"}"#).error)
        #expect(error.kind == .invalidParams && error.path == "prompt")
        #expect(error.message.contains("131072"))
        #expect(try simulator.spending() == [])
        #expect(try daemon.holdCount == 0)
    }

    @Test func nativeMembersAreNotForEverybody() throws {
        let socket = try RawSocket(daemon.socket)
        let error = try #require(try socket.call(1, "image.generate", #"{"prompt":"p","native":{}}"#).error)
        #expect(error.kind == .notPermitted && error.path == "native")
    }
}
