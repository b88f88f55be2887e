// The questions that people bring to a forum when an image call fails, as the daemon answers them.

import Foundation
import TestKit
import Testing
import Wire

@Suite(.serialized) struct DiagnoseTests {
    private let simulator: RunningSimulator

    init() throws { simulator = try RunningSimulator() }

    private func daemon(
        _ configuration: String? = nil, key: String? = RunningSimulator.key, directory: TemporaryDirectory? = nil
    ) throws -> RunningDaemon {
        try RunningDaemon(
            configuration: configuration ?? RunningDaemon.configuration(simulator), key: key, directory: directory)
    }

    private func diagnose(_ daemon: RunningDaemon, spend: Bool = false) throws -> Diagnose.Result {
        try RawSocket(daemon.socket).call(9, "server.diagnose", spend ? #"{"spend":true}"# : "{}")
            .decode(Diagnose.Result.self)
    }

    /// The first step that is not as it should be.
    private func finding(_ result: Diagnose.Result, project: String = "default") -> Diagnose.Step? {
        result.steps.first { $0.project == project && ($0.verdict == .fault || $0.verdict == .warning) }
    }

    @Test func whereAllIsWellEveryStepSaysSoAndNothingIsSpent() throws {
        let result = try diagnose(daemon())
        #expect(result.verdict == .ok)
        #expect(
            result.steps.map(\.step) == [.configuration, .credential, .network, .listing, .model, .quota, .image])
        #expect(result.steps.map(\.verdict) == [.ok, .ok, .ok, .ok, .ok, .ok, .skipped])
        #expect(try simulator.spending() == [])
    }

    @Test func withSpendOneSmallestImageIsMade() throws {
        let result = try diagnose(daemon(), spend: true)
        #expect(result.verdict == .ok)
        #expect(result.steps.last?.found.contains("512x512") == true, "\(result.steps)")
        #expect(try simulator.spending().count == 1)
    }

    @Test func aCompatibilityHostForANativeModelIsExplainedAndSoAreItsIgnoredOptions() throws {
        let configuration =
            RunningDaemon.configuration(simulator)
            + simulator.project("compat", route: "openai", credential: "gemini-api-key")
        let step = try #require(finding(try diagnose(daemon(configuration)), project: "compat"))
        #expect(step.step == .configuration && step.verdict == .warning)
        #expect(step.meaning?.contains("ignores ratio, size and every other option") == true)
        #expect(step.meaning?.contains("gemini-2.5-flash-image") == true)
        #expect(step.next?.contains("native") == true)
    }

    @Test func whatFailsOnTheCompatibleLayerAloneIsSaidToBeTheLayers() throws {
        try simulator.addRule(#"{"match":{"path":"/images/generations"},"do":{"fixture":"compat-model-not-found"}}"#)
        let configuration =
            RunningDaemon.configuration(simulator)
            + simulator.project("compat", route: "openai", credential: "gemini-api-key")
        let result = try diagnose(daemon(configuration), spend: true)
        let images = result.steps.filter { $0.step == .image }
        #expect(images.map(\.project) == ["default", "compat"])
        #expect(images.map(\.verdict) == [.ok, .fault])
        #expect(images.last?.meaning?.contains("the native route makes images") == true)
    }

    @Test func whatWorksInTheWebPagesAndNotHereIsTheTierOnceTheAddressIsRight() throws {
        try simulator.addRule(#"{"match":{"prompt":"first"},"do":{"fixture":"limit-zero"}}"#)
        let daemon = try daemon()
        let error = try #require(
            try RawSocket(daemon.socket).call(1, "image.generate", #"{"prompt":"first","delivery":"none"}"#).error)
        #expect(error.kind == .noQuota)
        let step = try #require(finding(try diagnose(daemon)))
        #expect(step.step == .quota && step.verdict == .fault)
        #expect(step.meaning?.contains("web pages") == true)
        #expect(step.next?.contains("billing") == true)
    }

    /// They start all the same, so that the diagnosis can tell them.
    @Test(arguments: [
        (
            "native", "https://generativelanguage.googleapis.com/v1beta/openai", "ends in /openai",
            "googleapis.com/v1beta\""
        ),
        ("native", "https://generativelanguage.googleapis.com", "not in an API version", "googleapis.com/v1beta\""),
        (
            "native", "https://generativelanguage.googleapis.com/v1beta/models", "not in an API version",
            "googleapis.com/v1beta\""
        ),
        ("openai", "https://generativelanguage.googleapis.com/v1beta", "not in /openai", "/v1beta/openai\""),
        ("native", "https://aiplatform.googleapis.com/v1", "Vertex AI", "leave base_url away"),
    ])
    func aMixedUpAddressIsToldAndNothingIsSentThere(
        route: String, address: String, words: String, remedy: String
    ) throws {
        let text = "[[project]]\nname = \"default\"\nroute = \"\(route)\"\nbase_url = \"\(address)\"\n"
        let directory = try TemporaryDirectory()
        let check = try RunningDaemon.start(
            directory, configuration: text, key: RunningSimulator.key, arguments: ["--check-config"])
        let output = check.finish()
        #expect(output.status == 0 && output.standardError.contains("darkroom.toml:4: project.base_url"), "\(output)")
        #expect(output.standardError.contains(words) && output.standardError.contains(remedy), "\(output)")
        // The proxy leads nowhere, so that nothing leaves this machine should it be sent.
        let daemon = try daemon(text + "proxy = \"http://127.0.0.1:1\"\n", directory: directory)
        let socket = try RawSocket(daemon.socket)
        let error = try #require(try socket.call(1, "image.generate", #"{"prompt":"p"}"#).error)
        #expect(error.kind == .wrongHost && error.job == nil && error.hint?.contains(remedy) == true, "\(error)")
        #expect(try socket.call(2, "server.status").decode(GetStatus.Result.self).ready == false)
        let step = try #require(finding(try diagnose(daemon)))
        #expect(step.step == .configuration && step.verdict == .fault, "\(step)")
        #expect(step.meaning?.contains(words) == true && step.next?.contains(remedy) == true, "\(step)")
    }

    @Test(arguments: [
        ("native", "http://generativelanguage.googleapis.com/v1beta", "not this machine"),
        ("native", "https://generativelanguage.googleapis.com/v1beta?key=x", "query"),
    ])
    func anAddressThatGivesTheKeyAwayKeepsTheDaemonFromStarting(route: String, address: String, words: String) throws {
        let text = "[[project]]\nname = \"default\"\nroute = \"\(route)\"\nbase_url = \"\(address)\"\n"
        let directory = try TemporaryDirectory()
        let process = try RunningDaemon.start(
            directory, configuration: text, key: RunningSimulator.key, arguments: ["--check-config"])
        let output = withExtendedLifetime(directory) { process.finish() }
        #expect(output.status == 78)
        #expect(output.standardError.contains("darkroom.toml:4: project.base_url"), "\(output)")
        #expect(output.standardError.contains(words), "\(output)")
    }

    @Test func aVertexHostWithADeveloperKeyIsToldWithoutAskingIt() throws {
        // The proxy leads nowhere, so that nothing leaves this machine.
        let configuration = """
            [[project]]
            name = "default"
            base_url = "https://aiplatform.googleapis.com/v1"
            proxy = "http://127.0.0.1:1"
            """
        let result = try diagnose(daemon(configuration))
        let step = try #require(finding(result))
        #expect(step.step == .configuration && step.verdict == .fault)
        #expect(step.meaning?.contains("Vertex AI") == true)
        #expect(result.steps.dropFirst().allSatisfy { $0.verdict == .skipped })
    }

    @Test func aLocationWithoutTheModelIsAFaultAndRefusedBeforeItCosts() throws {
        let configuration = simulator.project(
            "default", route: "vertex", credential: "gemini-api-key",
            "credential_kind = \"express_key\"\nlocation = \"us-central1\"")
        let daemon = try daemon(configuration)
        let socket = try RawSocket(daemon.socket)
        let error = try #require(try socket.call(1, "image.generate", #"{"prompt":"p"}"#).error)
        #expect(error.kind == .modelUnavailable && error.job == nil, "\(error)")
        #expect(error.message.contains("us-central1") && error.message.contains("only in global"))
        #expect(try simulator.spending() == [])
        let models = try socket.call(2, "model.list").decode(ListModels.Result.self).models
        let flash = try #require(models.first { $0.id == "gemini-3.1-flash-image" })
        #expect(flash.projects?.map(\.state) == [.elsewhere] && !flash.available)
    }

    @Test func aPausedProjectIsAFaultOfQuotaAndAnExpiredRefusalIsNone() throws {
        try simulator.addRule(#"{"match":{"prompt":"busy"},"times":1,"do":{"fixture":"quota-bare"}}"#)
        let daemon = try daemon()
        let socket = try RawSocket(daemon.socket)
        #expect(
            try socket.call(1, "image.generate", #"{"prompt":"busy","delivery":"none"}"#).decode(JobResult.self).state
                == .done)
        #expect(try diagnose(daemon).steps.first { $0.step == .quota }?.verdict == .ok)
        let admin = try RawSocket(daemon.adminSocket)
        #expect(try admin.call(2, "project.pause", #"{"project":"default"}"#).result != nil)
        let step = try #require(finding(try diagnose(daemon)))
        #expect(step.step == .quota && step.verdict == .fault && step.next == "darkroom admin resume default")
        #expect(try admin.call(3, "project.resume", #"{"project":"default"}"#).result != nil)
        #expect(try diagnose(daemon).verdict == .ok)
    }

    /// Of several projects the first native one is asked, and the first of the compatible layer.
    @Test func withSpendNoProjectIsAskedTwiceAndNoneInVain() throws {
        let configuration =
            RunningDaemon.configuration(simulator)
            + simulator.project("second", route: "native", credential: "gemini-api-key")
            + simulator.project("compat", route: "openai", credential: "gemini-api-key")
            + simulator.project("compat2", route: "openai", credential: "gemini-api-key")
        let result = try diagnose(daemon(configuration), spend: true)
        #expect(result.steps.filter { $0.step == .image }.map(\.project) == ["default", "compat"])
        #expect(try simulator.spending().count == 2)
    }

    @Test func whatIsKnownOfQuotaKeepsNobodyFromLooking() throws {
        try simulator.addRule(#"{"match":{"prompt":"first"},"times":1,"do":{"fixture":"spending-cap"}}"#)
        let daemon = try daemon()
        let socket = try RawSocket(daemon.socket)
        #expect(
            try socket.call(1, "image.generate", #"{"prompt":"first","delivery":"none"}"#).error?.kind == .spendCap)
        let result = try diagnose(daemon, spend: true)
        #expect(result.steps.first { $0.step == .quota }?.verdict == .fault)
        #expect(result.steps.last?.step == .image && result.steps.last?.verdict != .skipped, "\(result.steps)")
    }

    @Test func aDeveloperKeyOnVertexIsOfTheWrongKind() throws {
        let configuration = simulator.project(
            "default", route: "vertex", credential: "gemini-api-key", "credential_kind = \"express_key\"")
        let daemon = try daemon(configuration)
        let error = try #require(
            try RawSocket(daemon.socket).call(1, "image.generate", #"{"prompt":"p","delivery":"none"}"#).error)
        #expect(error.kind == .wrongHost)
        let step = try #require(finding(try diagnose(daemon)))
        #expect(step.step == .listing && step.verdict == .fault)
        #expect(step.next?.contains("AI Studio") == true)
    }

    @Test func aServiceAccountsFileForANativeProjectIsOfTheWrongKind() throws {
        let account = try simulator.call("GET", "/service-account")
        let step = try #require(finding(try diagnose(daemon(key: account))))
        #expect(step.step == .credential && step.verdict == .fault)
        #expect(step.next?.contains("route = \"vertex\"") == true)
    }

    @Test func aKeyForAServiceAccountIsOfTheWrongKind() throws {
        let configuration = simulator.project("default", route: "vertex", credential: "gemini-api-key")
        let step = try #require(finding(try diagnose(daemon(configuration))))
        #expect(step.step == .credential && step.verdict == .fault)
        #expect(step.next?.contains("service account") == true)
    }

    @Test func aRetiredPreviewIDIsToldWithItsSuccessor() throws {
        let configuration = RunningDaemon.configuration(
            simulator, extra: "default_model = \"gemini-3.1-flash-image-preview\"")
        let step = try #require(finding(try diagnose(daemon(configuration))))
        #expect(step.step == .model && step.verdict == .warning)
        #expect(step.meaning?.contains("gemini-3.1-flash-image") == true)
        #expect(step.next == "set default_model = \"flash\"")
    }

    @Test func aRejectedKeyIsFoundByTheListing() throws {
        let step = try #require(finding(try diagnose(daemon(key: "AIza-wrong"))))
        #expect(step.step == .listing && step.verdict == .fault)
    }

    @Test func aMissingKeyIsFoundFirst() throws {
        let result = try diagnose(daemon(key: nil))
        #expect(finding(result)?.step == .credential)
        #expect(result.verdict == .fault)
    }

    @Test func anUnreachableHostIsANetworkFault() throws {
        let configuration = "[[project]]\nname = \"default\"\nbase_url = \"https://127.0.0.1:1/v1beta\"\n"
        let step = try #require(finding(try diagnose(daemon(configuration))))
        #expect(step.step == .network && step.found.contains("refused"))
    }

    @Test func aModelThatIsRefusedIsNoLongerAvailableToAnybody() throws {
        try simulator.addRule(#"{"match":{"prompt":"gone"},"do":{"fixture":"retired-model"}}"#)
        let daemon = try daemon()
        let socket = try RawSocket(daemon.socket)
        #expect(
            try socket.call(1, "image.generate", #"{"prompt":"gone","delivery":"none"}"#).error?.kind
                == .modelUnavailable)
        let models = try socket.call(2, "model.list").decode(ListModels.Result.self).models
        let flash = try #require(models.first { $0.id == "gemini-3.1-flash-image" })
        #expect(!flash.available && flash.reason?.contains("refused it") == true)
        #expect(flash.projects?.map(\.name) == ["default"] && flash.projects?.first?.state == .listedButRefused)
        #expect(models.first { $0.id == "gemini-3-pro-image" }?.available == true)
        let step = try #require(finding(try diagnose(daemon)))
        #expect(step.step == .model && step.verdict == .fault)
    }

    @Test(.backs(.noClientHoldsAKey)) func theKeyIsNowhereInADiagnosis() throws {
        let result = try diagnose(daemon())
        #expect(!String(decoding: WireJSON.encode(result), as: UTF8.self).contains(RunningSimulator.key))
    }
}
