// The flags that look at a state directory and end, beside a daemon that is running on it.

import Foundation
import TestKit
import Testing
import Wire

@Suite(.serialized) struct MaintenanceTests {
    private func darkroomd(_ arguments: String...) throws -> ChildProcess.Output {
        try ChildProcess(BuiltProduct.path(of: "darkroomd"), arguments, environment: [:]).finish()
    }

    @Test func theAuditIsVerifiedAndTheStateCopiedWhileTheDaemonRuns() throws {
        let simulator = try RunningSimulator()
        let daemon = try RunningDaemon(configuration: RunningDaemon.configuration(simulator))
        let socket = try RawSocket(daemon.socket)
        let result = try socket.call(1, "image.generate", #"{"prompt":"p","delivery":"none"}"#)
            .decode(JobResult.self)
        let state = daemon.directory.file("state")
        // started, key_loaded, policy_loaded, accepted, sent, ended
        let verified = try darkroomd("--verify-audit", "--state", state)
        #expect(verified.status == 0, "\(verified)")
        #expect(verified.standardOutput == "the audit chain is whole: 6 rows\n")

        try daemon.directory.makeDirectory("copy")
        let copy = daemon.directory.file("copy/darkroom.sqlite")
        #expect(try darkroomd("--backup", copy, "--state", state).status == 0)
        let restored = try darkroomd("--verify-audit", "--state", daemon.directory.file("copy"))
        #expect(restored.standardOutput == verified.standardOutput)
        #expect(try socket.call(2, "job.get", #"{"job":"\#(result.job)"}"#).decode(JobResult.self).state == .done)
    }

    @Test func theFirstRowOfARunIsItsStartAndTheLastItsEnd() throws {
        let daemon = try RunningDaemon(configuration: nil, key: nil)
        #expect(daemon.stop().status == 0)
        let events = try ChildProcess.python(
            """
            import sqlite3, sys
            for row in sqlite3.connect(sys.argv[1]).execute("SELECT event FROM audit ORDER BY sequence"): print(*row)
            """, daemon.directory.file("state/darkroom.sqlite"))
        #expect(events == "started\npolicy_loaded\nstopped\n")
    }

    @Test func aStateThatIsNotThereIsToldAndNotMade() throws {
        let directory = try TemporaryDirectory()
        let output = try darkroomd("--verify-audit", "--state", directory.file("state"))
        #expect(output.status == 74)
        #expect(
            output.standardError
                == "darkroomd: error: there is no darkroom.sqlite in the state directory \(directory.file("state"))\n")
        #expect(!FileManager.default.fileExists(atPath: directory.file("state")))
    }

    @Test func theFlagsAreNotCombined() throws {
        let output = try darkroomd("--verify-audit", "--backup", "/tmp/x", "--state", "/tmp")
        #expect(output.status == 64)
        #expect(output.standardError.contains("different things to do"))
    }
}
