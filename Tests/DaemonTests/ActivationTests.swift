// The daemon started by another that holds its sockets, as systemd holds them: told apart by name, never unlinked.

import Foundation
import Glibc
import TestKit
import Testing
import Wire

@Suite(.serialized) struct ActivationTests {
    private let directory: TemporaryDirectory
    private let api: String
    private let admin: String
    private let manager: FakeServiceManager

    init() throws {
        directory = try TemporaryDirectory()
        api = directory.file("api")
        admin = directory.file("admin")
        manager = try FakeServiceManager(path: directory.file("notify"))
    }

    /// Lets `systemd-socket-activate` listen, and gives it back once it does; the first connection starts the daemon.
    private func activate(names: String?, paths: [String]? = nil) throws -> ChildProcess {
        let paths = paths ?? [api, admin]
        let arguments =
            paths.map { "--listen=\($0)" } + (names.map { ["--fdname=\($0)"] } ?? []) + [
                "--setenv=NOTIFY_SOCKET=\(manager.path)", BuiltProduct.path(of: "darkroomd"), "--state",
                directory.file("state"),
            ]
        // It tells that it listens on standard error, which only a pipe lets us wait for.
        let process = try ChildProcess(
            "/bin/sh", ["-c", "exec systemd-socket-activate \"$@\" 2>&1", "sh"] + arguments)
        for path in paths {
            let line = try #require(process.readLine())
            #expect(line.hasPrefix("Listening on \(path) as "))
        }
        return process
    }

    @Test func theDaemonServesOnTheSocketsThatItIsHanded() throws {
        let process = try activate(names: "api:admin")
        // Sent before there is a daemon; it waits in the socket's queue.
        let first = try RawSocket(api).call(1, "server.hello").decode(Hello.Result.self)
        #expect(first.you.uid == getuid() && first.you.roles == ["client"])
        let second = try RawSocket(admin).call(1, "server.hello").decode(Hello.Result.self)
        #expect(second.you.roles == (getuid() == 0 ? ["client", "admin"] : ["client"]))
        #expect(manager.wait(for: "READY=1", orEndOf: process))
        process.signal(SIGTERM)
        let output = process.finish()
        #expect(output.status == 0, "\(output.standardOutput)")
        // They are not the daemon's: whoever connects now starts the next one.
        #expect(FileManager.default.fileExists(atPath: api) && FileManager.default.fileExists(atPath: admin))
    }

    @Test func withTheAdminsSocketAloneItDoesNotStart() throws {
        let process = try activate(names: "admin", paths: [admin])
        let knock = try RawSocket(admin)
        defer { knock.close() }
        let output = process.finish()
        #expect(output.status == 78)
        #expect(output.standardOutput.contains("start darkroom.socket too"), "\(output.standardOutput)")
        #expect(!manager.transcript.contains { $0.contains("READY=1") })
    }

    /// The probe connects to the path that the socket was bound to, where for a while nothing is.
    @Test func itIsReadyOnceAClientWouldBeServedAndNotBefore() throws {
        let process = try activate(names: "api:admin")
        try FileManager.default.moveItem(atPath: api, toPath: directory.file("elsewhere"))
        let knock = try RawSocket(directory.file("elsewhere"))
        #expect(try knock.call(1, "server.hello").error == nil)
        while let line = process.readLine(), !line.contains("it is not ready before that") {}
        #expect(!manager.transcript.contains { $0.contains("READY=1") })
        try FileManager.default.moveItem(atPath: directory.file("elsewhere"), toPath: api)
        #expect(manager.wait(for: "READY=1", orEndOf: process))
        process.signal(SIGTERM)
        #expect(process.finish().status == 0)
    }

    @Test func whoNeverGetsReadyIsStoppedAllTheSame() throws {
        let process = try activate(names: "api:admin")
        try FileManager.default.moveItem(atPath: api, toPath: directory.file("elsewhere"))
        let knock = try RawSocket(directory.file("elsewhere"))
        #expect(try knock.call(1, "server.hello").error == nil)
        while let line = process.readLine(), !line.contains("it is not ready before that") {}
        process.signal(SIGTERM)
        #expect(process.finish().status == 0)
        #expect(!manager.transcript.contains { $0.contains("READY=1") })
    }

    @Test(arguments: [("api:metrics", "metrics"), ("Api:admin", "Api"), (nil, "unknown")])
    func aSocketOfAnotherNameIsRefusedAndNotGuessedAt(names: String?, wrong: String) throws {
        let process = try activate(names: names)
        let knock = try RawSocket(api)
        defer { knock.close() }
        let output = process.finish()
        #expect(output.status == 78)
        let said = output.standardOutput.split(separator: "\n").filter { $0.hasPrefix("darkroomd: ") }
        #expect(
            said == [
                "darkroomd: error: systemd passed a socket named \"\(wrong)\"; FileDescriptorName= must be one of admin, api"
            ], "\(output.standardOutput)")
        #expect(!manager.transcript.contains { $0.contains("READY=1") })
    }
}
