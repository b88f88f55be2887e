// What people bring to a forum, as `darkroom doctor` tells it from the other side of the socket: which step, what to do
// next, and how the command ends.

import TestKit
import Testing
import Wire

@Suite(.serialized) struct DoctorTests {
    private let simulator: RunningSimulator

    init() throws { simulator = try RunningSimulator() }

    /// A project on Google's own host; the proxy leads nowhere, so that nothing leaves this machine.
    private static func project(at address: String) -> String {
        """
        [[project]]
        name = "default"
        base_url = "\(address)"
        proxy = "http://127.0.0.1:1"
        """
    }

    private func doctor(_ daemon: RunningDaemon) throws -> (status: Int32, report: Diagnose.Result) {
        let output = try ChildProcess.run(
            BuiltProduct.path(of: "darkroom"), ["doctor", "--json"], environment: ["DARKROOM_SOCKET": daemon.socket])
        #expect(output.standardError == "", "\(output)")
        let report = try WireJSON.decode(Diagnose.Result.self, from: Array(output.standardOutput.utf8))
        #expect(report.steps.prefix(3).map(\.step.rawValue) == ["socket", "permission", "version"])
        return (output.status, report)
    }

    /// The first step that is a fault; everything of its project after it was not looked at.
    private func fault(_ report: Diagnose.Result) throws -> Diagnose.Step {
        let steps = report.steps.drop { $0.verdict != .fault }
        #expect(steps.dropFirst().allSatisfy { $0.verdict == .skipped }, "\(steps)")
        return try #require(steps.first)
    }

    @Test(arguments: [
        ("https://generativelanguage.googleapis.com/v1beta/openai", "ends in /openai", "googleapis.com/v1beta\""),
        ("https://aiplatform.googleapis.com/v1", "Vertex AI", "leave base_url away"),
    ])
    func aMixedUpAddressIsAFaultOfTheConfiguration(address: String, words: String, remedy: String) throws {
        let daemon = try RunningDaemon(configuration: Self.project(at: address))
        let (status, report) = try doctor(daemon)
        #expect(status == 85 && report.verdict == .fault)
        let step = try fault(report)
        #expect(step.step == .configuration && step.project == "default", "\(step)")
        #expect(step.meaning?.contains(words) == true && step.next?.contains(remedy) == true, "\(step)")
    }

    @Test func aRetiredPreviewIDIsAWarningAndNoFault() throws {
        let daemon = try RunningDaemon(
            configuration: RunningDaemon.configuration(
                simulator, extra: "default_model = \"gemini-3.1-flash-image-preview\""))
        let (status, report) = try doctor(daemon)
        #expect(status == 0 && report.verdict == .warning, "\(report)")
        let step = try #require(report.steps.first { $0.project == "default" && $0.verdict == .warning })
        #expect(step.step == .model && step.next == "set default_model = \"flash\"", "\(step)")
    }

    @Test func theCompatibleLayerOfANativeModelIsAWarningAndNoFault() throws {
        let configuration =
            RunningDaemon.configuration(simulator)
            + simulator.project("compat", route: "openai", credential: "gemini-api-key")
        let daemon = try RunningDaemon(configuration: configuration)
        let (status, report) = try doctor(daemon)
        #expect(status == 0 && report.verdict == .warning, "\(report)")
        let step = try #require(report.steps.first { $0.project == "compat" && $0.verdict == .warning })
        #expect(step.step == .configuration && step.next?.contains("native") == true, "\(step)")
    }

    @Test func aRejectedKeyIsAFaultOfTheListing() throws {
        let daemon = try RunningDaemon(configuration: RunningDaemon.configuration(simulator), key: "AIza-wrong")
        let (status, report) = try doctor(daemon)
        #expect(status == 85 && report.verdict == .fault)
        let step = try fault(report)
        #expect(step.step == .listing && step.next?.contains("put a valid key into the credential") == true, "\(step)")
    }

    @Test func aMissingKeyIsAFaultOfTheCredential() throws {
        let daemon = try RunningDaemon(configuration: RunningDaemon.configuration(simulator), key: nil)
        let (status, report) = try doctor(daemon)
        #expect(status == 85 && report.verdict == .fault)
        let step = try fault(report)
        #expect(step.step == .credential && step.next?.isEmpty == false, "\(step)")
        #expect(try simulator.requests() == [])
    }

    @Test func aPausedProjectIsAFaultUntilItIsResumed() throws {
        let daemon = try RunningDaemon(configuration: RunningDaemon.configuration(simulator))
        let admin = try RawSocket(daemon.adminSocket)
        #expect(try admin.call(1, "project.pause", #"{"project":"default"}"#).error == nil)
        let (status, report) = try doctor(daemon)
        #expect(status == 85 && report.verdict == .fault)
        let step = try fault(report)
        #expect(step.step == .quota && step.next == "darkroom admin resume default", "\(step)")
        #expect(try admin.call(2, "project.resume", #"{"project":"default"}"#).error == nil)
        let (again, well) = try doctor(daemon)
        #expect(again == 0 && well.steps.allSatisfy { $0.verdict != .fault }, "\(well)")
        #expect(try simulator.spending() == [])
    }
}
