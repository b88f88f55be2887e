// The other two routes, each with what it honours and what it does not.

import Foundation
import TestKit
import Testing
import Wire

@Suite(.serialized) struct RouteTests {
    /// Half the price, held and paid.
    @Test func aSlowTierIsAskedForAndPaidAsSuch() throws {
        let simulator = try RunningSimulator()
        let plain = try RunningDaemon(configuration: RunningDaemon.configuration(simulator))
        let slow = try RunningDaemon(
            configuration: RunningDaemon.configuration(simulator, project: "service_tier = \"flex\""))
        let costs = try [plain, slow].map { daemon in
            let socket = try RawSocket(daemon.socket)
            let price = try socket.call(1, "image.price", #"{"prompt":"tiers"}"#).decode(PriceImage.Result.self)
            let result = try socket.call(2, "image.generate", #"{"prompt":"tiers","delivery":"none"}"#).decode(
                JobResult.self)
            #expect(result.cost?.basis == .usage)
            return [price.holdUSD, price.expectedUSD, result.cost?.usd ?? 0].map { Int(($0 * 1_000_000).rounded()) }
        }
        #expect(costs[1] == costs[0].map { ($0 + 1) / 2 })
        let sent = try simulator.generations("tiers").map { RunningSimulator.member("serviceTier", of: $0) }
        #expect(sent == [nil, .string("flex")])
    }

    private let simulator: RunningSimulator
    private let daemon: RunningDaemon
    private let socket: RawSocket

    init() throws {
        simulator = try RunningSimulator()
        let directory = try TemporaryDirectory()
        try directory.makeDirectory("credentials")
        _ = try directory.write("credentials/account", try simulator.call("GET", "/service-account"))
        _ = try directory.write("credentials/express", "simulator-express-key")
        daemon = try RunningDaemon(
            configuration: RunningDaemon.configuration(simulator)
                + simulator.project("compat", route: "openai", credential: "gemini-api-key")
                + simulator.project("cloud", route: "vertex", credential: "account")
                + simulator.project(
                    "express", route: "vertex", credential: "express", "credential_kind = \"express_key\""),
            directory: directory)
        socket = try RawSocket(daemon.socket)
    }

    private func ask(_ params: String) throws -> RawSocket.Reply {
        try socket.call(1, "image.generate", #"{"prompt":"p","delivery":"none",\#(params)}"#)
    }

    @Test func theCompatibleLayerIsGivenAPromptAndAModel() throws {
        let result = try ask(#""project":"compat","model":"gemini-2.5-flash-image""#).decode(JobResult.self)
        #expect(result.state == .done && result.route == "openai" && result.images.count == 1)
        // It tells no usage.
        #expect(result.cost?.basis == .catalogue)
        let request = try #require(try simulator.spending().first)
        #expect(
            request["body"]
                == (try JSONValue(
                    json: #"{"model":"gemini-2.5-flash-image","n":1,"prompt":"p","response_format":"b64_json"}"#)))
        #expect(request["path"] == .string("/v1beta/openai/images/generations"))
    }

    @Test func aRouteThatTheProjectDoesNotServeIsNamedAndNotTheModel() throws {
        let error = try #require(try ask(#""project":"compat","route":"native""#).error)
        #expect(error.kind == .unsupportedParameter && error.path == "route")
        #expect(error.message == "project compat does not serve the route native")
        #expect(error.hint == "its route is openai")
    }

    @Test(arguments: [
        (#""aspectRatio":"16:9""#, "aspectRatio"), (#""imageSize":"1K""#, "imageSize"), (#""seed":1"#, "seed"),
        (#""temperature":1"#, "temperature"), (#""systemInstruction":"s""#, "systemInstruction"),
        (#""inputs":[{"data":"\#(Picture.base64)"}]"#, "inputs"),
        (#""safety":{"HARM_CATEGORY_HARASSMENT":"OFF"}"#, "safety"),
    ])
    func whatTheCompatibleLayerWouldIgnoreIsRefusedByName(params: String, name: String) throws {
        let error = try #require(
            try ask(#""project":"compat","model":"gemini-2.5-flash-image",\#(params)"#).error)
        #expect(error.kind == .unsupportedParameter && error.path == name, "\(error)")
        #expect(error.message.contains("openai") && error.message.contains("gemini-2.5-flash-image"))
        #expect(error.hint?.contains("native (project default)") == true)
        #expect(try simulator.spending() == [])
        #expect(try daemon.holdCount == 0)
    }

    @Test func aModelThatTheCompatibleLayerLacksIsRefusedWithWhereItIs() throws {
        let error = try #require(try ask(#""route":"openai","model":"flash""#).error)
        #expect(error.kind == .unsupportedParameter && error.path == "model")
        #expect(error.hint?.contains("native (project default)") == true)
        #expect(try simulator.spending() == [])
    }

    @Test func vertexWithAServiceAccountMakesThePNGThatWasAskedFor() throws {
        let result = try ask(
            #""project":"cloud","outputType":"image/png","personGeneration":"ALLOW_NONE","aspectRatio":"3:2""#
        ).decode(JobResult.self)
        #expect(result.state == .done && result.route == "vertex")
        #expect(result.images.map(\.mimeType) == ["image/png"])
        let request = try #require(try simulator.spending().first)
        let config = RunningSimulator.member("generationConfig.imageConfig", of: request)
        #expect(
            config
                == (try JSONValue(
                    json: """
                        {"aspectRatio":"3:2","imageOutputOptions":{"mimeType":"image/png"},\
                        "personGeneration":"ALLOW_NONE"}
                        """)))
    }

    @Test func vertexWithAnExpressKeyNeedsNoProject() throws {
        let result = try ask(#""project":"express""#).decode(JobResult.self)
        #expect(result.state == .done)
        #expect(
            try simulator.spending().map { $0["path"] }
                == [.string("/v1/publishers/google/models/gemini-3.1-flash-image:generateContent")])
    }

    @Test(arguments: [#""outputType":"image/png""#, #""personGeneration":"ALLOW_ALL""#])
    func whatOnlyVertexHonoursIsRefusedOnTheNativeRoute(params: String) throws {
        let error = try #require(try ask(params).error)
        #expect(error.kind == .unsupportedParameter)
        #expect(error.hint?.contains("vertex (project cloud, express)") == true)
        #expect(try simulator.spending() == [])
    }

    @Test func aConversationGoesOnOnVertexToo() throws {
        let first = try ask(#""project":"cloud""#).decode(JobResult.self)
        let second = try ask(#""project":"cloud","continues":"\#(first.job.rawValue)""#).decode(JobResult.self)
        #expect(second.state == .done && second.warnings == [])
    }
}
