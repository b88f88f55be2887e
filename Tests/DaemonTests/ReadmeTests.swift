// What the README tells people to type is typed, word for word.

import Foundation
import TestKit
import Testing
import Wire

@Suite(.serialized) struct ReadmeTests {
    private let simulator: RunningSimulator
    private let daemon: RunningDaemon
    private let text: String

    init() throws {
        simulator = try RunningSimulator()
        daemon = try RunningDaemon(configuration: RunningDaemon.configuration(simulator))
        let repository = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent()
        text = try String(contentsOf: repository.appendingPathComponent("README.md"), encoding: .utf8)
    }

    /// The fenced blocks of a language, without their fences.
    private func blocks(of language: String) -> [String] {
        text.components(separatedBy: "```\(language)\n").dropFirst().compactMap {
            $0.components(separatedBy: "\n```").first
        }
    }

    private func run(_ program: String, _ argument: String) throws -> ChildProcess.Output {
        try ChildProcess.run(program, ["-c", argument], environment: ["DARKROOM_SOCKET": daemon.socket])
    }

    @Test func theSocatLineAnswersWithTheStatus() throws {
        let lines = blocks(of: "console").flatMap { $0.components(separatedBy: "\n") }
        let line = try #require(lines.first { $0.hasPrefix("$ ") && $0.contains("| socat ") })
        let output = try run("/bin/sh", String(line.dropFirst(2)))
        #expect(output.status == 0 && output.standardError == "", "\(output)")
        let answers = output.standardOutput.split(separator: "\n", omittingEmptySubsequences: false)
        #expect(answers.count == 2 && answers.last == "", "one line, ended: \(output.standardOutput)")
        let answer = try WireJSON.decode(JSONValue.self, from: Array(try #require(answers.first).utf8))
        guard case .object(let members) = answer, let result = members["result"] else {
            Issue.record("no result: \(answer)")
            return
        }
        #expect(members["jsonrpc"] == .string("2.0") && members["id"] == .integer(1))
        let status = try WireJSON.decode(GetStatus.Result.self, from: WireJSON.encode(result))
        #expect(status.ready && status.projects.map(\.name) == ["default"])
    }

    @Test func thePythonProgramGetsTheSameImageInlineAndByDescriptor() throws {
        let programs = blocks(of: "python")
        #expect(programs.count == 1)
        let program = try #require(programs.first)
        // Promised as short enough to read at a glance, and as needing nothing that Python does not bring.
        #expect(program.split(separator: "\n").count <= 18)
        let output = try run("/usr/bin/python3", program)
        let jobs = try RawSocket(daemon.socket).call(1, "job.list").decode(ListJobs.Result.self).jobs
        let bytes = try #require(jobs.first?.images.first?.bytes)
        #expect(
            output
                == ChildProcess.Output(
                    status: 0, standardOutput: "image/jpeg \(bytes) True\n", standardError: ""))
        #expect(jobs.count == 1)
    }
}
