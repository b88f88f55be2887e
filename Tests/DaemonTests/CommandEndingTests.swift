// How the command ends when there is no image: a sentence, the next step, and the status that a script decides by.

import Foundation
import TestKit
import Testing
import Wire

@Suite(.serialized) struct CommandEndingTests {
    private let directory: TemporaryDirectory

    init() throws { directory = try TemporaryDirectory() }

    private func darkroom(_ socket: String, _ arguments: [String]) throws -> ChildProcess.Output {
        try ChildProcess.run(BuiltProduct.path(of: "darkroom"), arguments, environment: ["DARKROOM_SOCKET": socket])
    }

    private func generate(_ socket: String, _ arguments: String...) throws -> ChildProcess.Output {
        try darkroom(socket, ["generate", "--quiet", "-o", directory.file("out")] + arguments)
    }

    private func expectNoFile() throws {
        #expect(try FileManager.default.contentsOfDirectory(atPath: directory.path) == [])
    }

    @Test func withoutADaemonTheCommandSaysHowToStartOne() throws {
        let socket = directory.file("nowhere")
        let output = try generate(socket, "p")
        #expect(
            output
                == ChildProcess.Output(
                    status: 83, standardOutput: "",
                    standardError: """
                        darkroom: error: darkroomd is not running: there is no socket at \(socket)
                        darkroom: hint: darkroomd --socket \(socket) --state DIR runs it in the foreground

                        """))
        try expectNoFile()
    }

    /// What is typed counts, the nearer option first; the environment's ordinary socket is never an admin's.
    @Test func anAdminsCommandGoesToTheSocketThatIsNamed() throws {
        let daemon = try RunningDaemon(configuration: nil, key: nil)
        let (ordinary, admin) = (daemon.socket, daemon.adminSocket)
        for arguments in [
            ["audit", "head", "--socket", admin], ["--socket", admin, "audit", "head"],
            ["audit", "head", "--admin-socket", admin],
            ["audit", "head", "--socket", ordinary, "--admin-socket", admin],
            ["admin", "pause", "default", "--socket", admin],
            ["policy", "explain", "--user", "root", "--socket", admin],
        ] {
            let output = try darkroom(ordinary, arguments)
            #expect(output.status == 0 && output.standardError == "", "\(arguments): \(output)")
        }
        let refused = try darkroom(admin, ["audit", "head", "--socket", ordinary])
        #expect(refused.status == 77 && refused.standardError.contains("on the admin socket"), "\(refused)")
    }

    @Test func afterADaemonWasKilledItsSocketIsKnownToBeStale() throws {
        let daemon = try RunningDaemon(configuration: nil, key: nil)
        daemon.crash()
        let output = try darkroom(daemon.socket, ["status"])
        #expect(output.status == 83 && output.standardOutput == "")
        #expect(
            output.standardError.hasPrefix("darkroom: error: darkroomd is not running: nobody listens at "), "\(output)"
        )
    }

    @Test func aMissingKeyIsForAnAdmin() throws {
        let daemon = try RunningDaemon(configuration: nil, key: nil)
        let output = try generate(daemon.socket, "p")
        #expect(output.status == 78 && output.standardOutput == "", "\(output)")
        let lines = output.standardError.split(separator: "\n")
        #expect(lines.count == 2 && lines.first?.hasPrefix("darkroom: error: ") == true)
        #expect(lines.last?.hasPrefix("darkroom: hint: ") == true && lines.last?.contains("gemini-api-key") == true)
        // The daemon is there all the same, and says what it lacks.
        let status = try darkroom(daemon.socket, ["status"]).standardOutput.split(separator: "\n")
        #expect(status.last?.split(separator: " ").prefix(3) == ["default", "native", "missing"], "\(status)")
        try expectNoFile()
    }

    @Test(arguments: [
        (["generate", "p", "--model", "flahs"], 65, "unknown_model"),
        (["generate", "p", "--size", "4K", "--model", "lite"], 65, "unsupported_parameter"),
        (["generate", "p", "--aspect", "7:3"], 65, "invalid_params"),
        (["show", "nosuchjob"], 66, "not_found"),
        (["wait", "nosuchjob"], 66, "not_found"),
        (["cancel", "nosuchjob"], 66, "not_found"),
        (["fetch", "nosuchjob"], 66, "not_found"),
        (["fetch", String(repeating: "a", count: 64)], 66, "not_found"),
    ])
    func whatIsWrongWithARequestHasAStatusAndAKind(arguments: [String], status: Int, kind: String) throws {
        let simulator = try RunningSimulator()
        let daemon = try RunningDaemon(configuration: RunningDaemon.configuration(simulator))
        let output = try darkroom(daemon.socket, arguments + ["--quiet", "--json"])
        #expect(output.status == Int32(status), "\(output)")
        let lines = output.standardError.split(separator: "\n")
        #expect(lines.first?.hasPrefix("darkroom: error: ") == true && lines.count <= 2, "\(lines)")
        guard case .object(let answer) = try WireJSON.decode(JSONValue.self, from: Array(output.standardOutput.utf8)),
            case .object(let error)? = answer["error"], case .object(let data)? = error["data"],
            case .string(let message)? = error["message"]
        else {
            Issue.record("no error: \(output.standardOutput)")
            return
        }
        #expect(data["kind"] == .string(kind))
        #expect(lines.first == "darkroom: error: \(message)")
        #expect(try simulator.generations() == [])
    }

    @Test(arguments: [
        ("blocked", #"{"fixture":"image-safety"}"#, 80, "warning: this may have been charged"),
        ("text", #"{"answer":{"textOnly":true}}"#, 80, "warning: this was charged"),
        ("nonsense", #"{"answer":{"notAnImage":true}}"#, 69, "warning: this was charged"),
        ("broken", #"{"closeAfterBytes":2000}"#, 81, "warning: this may have been charged"),
        ("no quota", #"{"fixture":"limit-zero"}"#, 79, nil),
        ("late", #"{"neverAnswer":true}"#, 81, "warning: this may have been charged"),
    ])
    func whatUpstreamDidHasAStatusAndTheTruthAboutTheCharge(
        prompt: String, behaviour: String, status: Int, charge: String?
    ) throws {
        let simulator = try RunningSimulator()
        try simulator.addRule(#"{"match":{"prompt":"\#(prompt)"},"do":\#(behaviour)}"#)
        let daemon = try RunningDaemon(configuration: RunningDaemon.configuration(simulator))
        let output = try generate(daemon.socket, prompt, "--deadline", prompt == "late" ? "3" : "60")
        #expect(output.status == Int32(status) && output.standardOutput == "", "\(output)")
        let lines = output.standardError.split(separator: "\n")
        #expect(lines.first?.hasPrefix("darkroom: error: ") == true, "\(lines)")
        #expect(lines.first { $0.contains("charged") } == charge.map { "darkroom: \($0)" }, "\(lines)")
        #expect(try simulator.generations(prompt).count == 1)
        try expectNoFile()
    }

    @Test func aDeadlineThatPassesInTheQueueMeansTryAgainLater() throws {
        let simulator = try RunningSimulator()
        try simulator.addRule(#"{"match":{"prompt":"first"},"do":{"neverAnswer":true}}"#)
        let daemon = try RunningDaemon(
            configuration: RunningDaemon.configuration(simulator, project: "max_concurrent = 1"))
        let first = try RawSocket(daemon.socket)
        try first.send(#"{"jsonrpc":"2.0","id":1,"method":"image.generate","params":{"prompt":"first"}}"#)
        _ = try first.receiveMessage()
        let output = try generate(daemon.socket, "second", "--deadline", "0.5")
        #expect(output.status == 75 && output.standardOutput == "", "\(output)")
        #expect(!output.standardError.contains("charged"), "\(output)")
        #expect(try simulator.generations("second") == [])
        try expectNoFile()
    }
}
