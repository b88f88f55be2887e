// `server.reload` through the real daemon: what changes at once, what waits for a restart, and what a bad file does.

import Foundation
import TestKit
import Testing
import Wire

@Suite(.serialized) struct ReloadTests {
    private let simulator: RunningSimulator
    private let daemon: RunningDaemon
    private let admin: RawSocket
    private let client: RawSocket

    init() throws {
        simulator = try RunningSimulator()
        daemon = try RunningDaemon(configuration: RunningDaemon.configuration(simulator))
        admin = try RawSocket(daemon.adminSocket)
        client = try RawSocket(daemon.socket)
    }

    private func reload(_ extra: String, project: String = "") throws -> RawSocket.Reply {
        _ = try daemon.directory.write(
            "darkroom.toml", RunningDaemon.configuration(simulator, extra: extra, project: project), mode: 0o644)
        return try admin.call(1, "server.reload")
    }

    private func events() throws -> [String] {
        let text = try ChildProcess.python(
            """
            import sqlite3, sys
            for row in sqlite3.connect(sys.argv[1]).execute(
                "SELECT event, coalesce(json_extract(details, '$.reason'), length(json_extract(details, '$.hash')))"
                " FROM audit WHERE event IN ('policy_loaded', 'reload_refused') ORDER BY sequence"):
                print(*row)
            """, daemon.directory.file("state/darkroom.sqlite"))
        return text.split(separator: "\n").map(String.init)
    }

    @Test func rulesModelsAndLimitsChangeAtOnce() throws {
        let before = try client.call(1, "image.generate", #"{"prompt":"p","delivery":"none"}"#).decode(JobResult.self)
        #expect(before.model.sent == "gemini-3.1-flash-image")
        let result = try reload("default_model = \"lite\"\n[limits]\nmax_line_bytes = 2048\n")
            .decode(ReloadConfiguration.Result.self)
        #expect(result == ReloadConfiguration.Result(reloaded: true))
        let after = try client.call(2, "image.generate", #"{"prompt":"p","delivery":"none"}"#).decode(JobResult.self)
        #expect(after.model.sent == "gemini-3.1-flash-lite-image")
        #expect(try client.call(3, "server.hello").decode(Hello.Result.self).maxLineBytes == 2048)
        let late = try RawSocket(daemon.socket)
        try late.send([UInt8](repeating: 97, count: 4096))
        let refusal = RawSocket.Reply(message: try late.receiveMessage()).error
        #expect(refusal?.kind == .lineTooLong)
        #expect(try reload("[[rule]]\nuser = \"12345\"\n").error == nil)
        #expect(try client.call(4, "image.generate", #"{"prompt":"p"}"#).error?.kind == .notPermitted)
    }

    @Test func aBadFileIsRefusedWithFileAndLineAndTheOldOneStays() throws {
        #expect(try reload("[[rule]]\nuser = \"0\"\nmax_count = 1\n").error == nil)
        let error = try #require(try reload("default_model = \"lite\"\n[[rule]]\nuser = \"0\"\nmax_cuont = 2\n").error)
        #expect(error.kind == .invalidConfiguration)
        #expect(error.file == daemon.directory.file("darkroom.toml") && error.line == 4)
        #expect(
            error.message == "there is no key rule.max_cuont; did you mean max_count?" && error.reason == error.message)
        #expect(try client.call(1, "image.generate", #"{"prompt":"p","count":2}"#).error?.path == "count")
        #expect(
            try events() == [
                "policy_loaded 64", "policy_loaded 64",
                "reload_refused there is no key rule.max_cuont; did you mean max_count?",
            ])
    }

    /// systemd waits for READY after RELOADING, whatever came of it; both fields of RELOADING in one datagram.
    @Test func systemdIsToldOfEachReloadAndOfItsEnd() throws {
        _ = try reload("")
        _ = try reload("nonsense = 1\n")
        let told = daemon.manager.transcript.map { $0.split(separator: "\n").map(String.init) }
            .filter { !$0.contains { $0.hasPrefix("EXTEND_TIMEOUT") } && $0 != [] }
            .compactMap { fields -> String? in
                if fields.first == "RELOADING=1" { return fields.count == 2 ? "reloading" : "\(fields)" }
                return fields.first == "READY=1" ? "ready" : nil
            }
        #expect(told == ["ready", "reloading", "ready", "reloading", "ready"])
        let monotonic = daemon.manager.transcript.filter { $0.hasPrefix("RELOADING=1\nMONOTONIC_USEC=") }
        #expect(monotonic.count == 2)
    }

    @Test func whatOnlyARestartChangesIsSaid() throws {
        let reply = try reload("", project: "max_concurrent = 3\n[[project]]\nname = \"second\"\n")
        let warnings = try reply.decode(ReloadConfiguration.Result.self).warnings ?? []
        #expect(
            warnings.map(\.message) == [
                "project default: max_concurrent changes with a restart of the daemon",
                "project second is new: restart the daemon for it",
            ])
        #expect(Set(warnings.map(\.code.rawValue)) == ["needs_restart"])
        #expect(try client.call(2, "server.status").decode(GetStatus.Result.self).projects.map(\.name) == ["default"])
    }
}
