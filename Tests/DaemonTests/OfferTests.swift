// What upstream is known to offer, as `model.list` tells it of each project, and the way there.

import Glibc
import TestKit
import Testing
import Wire

@Suite(.serialized) struct OfferTests {
    private let simulator: RunningSimulator

    init() throws { simulator = try RunningSimulator() }

    /// The offers of a model, once the listing at the start has been heard.
    private func offers(_ id: String, _ socket: RawSocket) throws -> [ListModels.Offer] {
        while true {
            let models = try socket.call(1, "model.list").decode(ListModels.Result.self).models
            let offers = try #require(models.first { $0.id == id }?.projects)
            if offers.allSatisfy({ $0.state != .unknown }) { return offers }
        }
    }

    /// A listing is a hint: Google has been seen to serve what it does not list.
    @Test func whatIsNotListedAtTheStartIsToldAndAskedForAllTheSame() throws {
        try simulator.addRule(
            #"{"match":{"path":"/v1beta/models"},"times":1,"do":{"status":200,"body":"{\"models\":[{\"name\":\"models/gemini-3-pro-image\"}]}"}}"#
        )
        let daemon = try RunningDaemon(configuration: RunningDaemon.configuration(simulator))
        let socket = try RawSocket(daemon.socket)
        #expect(
            try offers("gemini-3.1-flash-image", socket) == [
                ListModels.Offer(name: "default", state: .notListed, outputTypes: nil)
            ])
        #expect(try offers("gemini-3-pro-image", socket).map(\.state) == [.listed])
        let result = try socket.call(2, "image.generate", #"{"prompt":"p","delivery":"none"}"#).decode(JobResult.self)
        #expect(result.state == .done)
    }

    @Test func eachProjectIsToldApartAndOnlyThoseThatTheCallerMayUse() throws {
        try simulator.addRule(#"{"match":{"prompt":"gone"},"times":1,"do":{"fixture":"retired-model"}}"#)
        let projects =
            simulator.project("other", route: "native", credential: "gemini-api-key")
            + simulator.project("hidden", route: "native", credential: "gemini-api-key")
        let rule = """

            [[rule]]
            user = "\(getuid())"
            projects = ["default", "other"]
            """
        let daemon = try RunningDaemon(configuration: RunningDaemon.configuration(simulator) + projects + rule)
        let socket = try RawSocket(daemon.socket)
        #expect(try offers("gemini-3.1-flash-image", socket).map(\.state) == [.listed, .listed])
        #expect(
            try socket.call(1, "image.generate", #"{"prompt":"gone","delivery":"none"}"#).error?.kind
                == .modelUnavailable)
        let offers = try offers("gemini-3.1-flash-image", socket)
        #expect(offers.map(\.name) == ["default", "other"])
        #expect(offers.map(\.state) == [.listedButRefused, .listed])
    }

    @Test func aFamilyThatTheHostDoesNotHaveIsToldAndNothingIsSent() throws {
        let daemon = try RunningDaemon(
            configuration: RunningDaemon.configuration(simulator, project: "address_family = \"ipv6\""))
        let socket = try RawSocket(daemon.socket)
        let result = try socket.call(1, "server.diagnose").decode(Diagnose.Result.self)
        let step = try #require(result.steps.first { $0.verdict == .fault })
        #expect(step.step == .network && step.meaning?.contains("leaves none to try") == true, "\(step)")
        let error = try socket.call(2, "image.generate", #"{"prompt":"p","deadlineSeconds":2}"#).error
        #expect(error?.charged == .no, "\(String(describing: error))")
        #expect(try simulator.spending() == [])
    }
}
