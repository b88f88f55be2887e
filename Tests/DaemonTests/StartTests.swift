// Starting, stopping and starting again: each misfortune is a sentence with a next step, and nothing paid for is lost.

import Foundation
import Glibc
import TestKit
import Testing
import Wire

@Suite(.serialized) struct StartTests {
    @Test func withoutAKeyTheDaemonServesAndSaysWhatToDo() throws {
        let daemon = try RunningDaemon(configuration: nil, key: nil)
        let socket = try RawSocket(daemon.socket)
        let status = try socket.call(1, "server.status").decode(GetStatus.Result.self)
        #expect(status.projects.map(\.key) == [.missing])
        let error = try #require(try socket.call(2, "image.generate", #"{"prompt":"p"}"#).error)
        #expect(error.kind == .keyMissing)
        #expect(error.hint?.contains("gemini-api-key") == true)
        #expect(error.job == nil)
    }

    /// A file of no key, and one that is no file.
    @Test(arguments: [true, false]) func aCredentialThatCannotBeReadStopsNothingAndIsTold(isEmpty: Bool) throws {
        let directory = try TemporaryDirectory()
        if !isEmpty {
            try FileManager.default.createDirectory(
                atPath: directory.file("credentials/gemini-api-key.plain"), withIntermediateDirectories: true)
        }
        let daemon = try RunningDaemon(configuration: nil, key: isEmpty ? "" : nil, directory: directory)
        let socket = try RawSocket(daemon.socket)
        let error = try #require(try socket.call(1, "image.generate", #"{"prompt":"p"}"#).error)
        #expect(error.kind == .keyMissing && error.job == nil)
        #expect(error.message.contains(isEmpty ? "is empty" : "cannot be read"), "\(error.message)")
        #expect(error.hint?.contains("systemd-creds encrypt --name=gemini-api-key - ") == true)
        #expect(try socket.call(2, "server.status").decode(GetStatus.Result.self).projects.map(\.key) == [.missing])
        #expect(
            daemon.manager.wait(
                for: "STATUS=serving, 0 in flight, 0 queued, 0 unknown; default: key missing", orEndOf: daemon.process))
    }

    @Test func aRejectedKeyIsToldAndShownInTheStatus() throws {
        let simulator = try RunningSimulator()
        let daemon = try RunningDaemon(configuration: RunningDaemon.configuration(simulator), key: "AIza-wrong")
        let socket = try RawSocket(daemon.socket)
        let error = try #require(try socket.call(1, "image.generate", #"{"prompt":"p"}"#).error)
        #expect(error.kind == .keyRejected && error.charged == .no)
        #expect(error.hint?.hasSuffix("&& systemctl restart darkroom") == true, "\(error)")
        #expect(
            daemon.manager.wait(
                for: "STATUS=serving, 0 in flight, 0 queued, 0 unknown; default: key rejected", orEndOf: daemon.process)
        )
        let status = try socket.call(2, "server.status").decode(GetStatus.Result.self)
        #expect(status.projects.map(\.key) == [.rejected])
    }

    @Test func anUnreachableHostIsAnErrorThatCostNothing() throws {
        // A port of our own that nobody listens on: bound, never listening.
        let daemon = try RunningDaemon(
            configuration: "[[project]]\nname = \"default\"\nbase_url = \"https://127.0.0.1:1/v1beta\"\n")
        let socket = try RawSocket(daemon.socket)
        let error = try #require(
            try socket.call(1, "image.generate", #"{"prompt":"p","deadlineSeconds":20}"#).error)
        #expect(error.kind == .upstreamUnavailable && error.charged == .no, "\(error)")
    }

    @Test(arguments: [
        "other-host", "expired", "unknown-authority",
    ])
    func aCertificateThatDoesNotMatchIsRefused(fault: String) throws {
        let simulator = try RunningSimulator(["--bad-certificate", fault])
        let daemon = try RunningDaemon(configuration: RunningDaemon.configuration(simulator))
        let socket = try RawSocket(daemon.socket)
        let error = try #require(
            try socket.call(1, "image.generate", #"{"prompt":"p","deadlineSeconds":20}"#).error)
        #expect(error.kind == .upstreamUnavailable && error.charged == .no, "\(error)")
        #expect(error.message.contains("certificate"), "\(error.message)")
    }

    @Test(arguments: [
        ("defualt_model = \"flash\"\n", 1, "there is no key defualt_model; did you mean default_model?"),
        ("\n\n[[project]]\nname = 7\n", 4, "project.name is an integer, not a string"),
        (
            "[[project]]\nname = \"default\"\nbase_url = \"http://example.com/v1beta\"\n", 3,
            "project.base_url is http:// to example.com, which is not this machine: the key would travel in the clear; use https://"
        ),
        ("[limits]\nmax_queue = -1\n", 2, "limits.max_queue is -1; 1 to 1000000 are allowed"),
        ("default_model = \"flahs\"\n", 1, "default_model: there is no model \"flahs\"; did you mean flash?"),
        ("[[rule]]\nmodels = [\"flash\"]\n", 1, "a rule needs a user, a group or a socket to match"),
        (
            "[[rule]]\nunit = \"build-*.service\"\n", 1,
            "a unit may only narrow a rule that has a user, a group or a socket"
        ),
    ])
    func aConfigurationWithAnErrorIsRefusedWithFileLineAndReason(text: String, line: Int, reason: String) throws {
        let directory = try TemporaryDirectory()
        let file = try directory.write("darkroom.toml", text, mode: 0o644)
        for arguments in [
            ["--check-config", "--config", file],
            ["--config", file, "--socket", directory.file("s"), "--state", directory.file("state")],
        ] {
            let output = try ChildProcess.run(BuiltProduct.path(of: "darkroomd"), arguments)
            #expect(output.status == 78)
            #expect(
                output.standardError.hasPrefix("darkroomd: error: \(file):\(line): \(reason)\n"),
                "\(output.standardError)")
        }
        #expect(!FileManager.default.fileExists(atPath: directory.file("state")))
    }

    @Test func itsVersionIsToldAndNothingIsStarted() throws {
        let output = try ChildProcess.run(BuiltProduct.path(of: "darkroomd"), ["--version"])
        #expect(output.status == 0 && output.standardOutput.contains(Release.version), "\(output)")
    }

    @Test(arguments: [0o700, 0o755])
    func aStateDirectoryKeepsTheModeThatItsOwnerChose(mode: Int) throws {
        let directory = try TemporaryDirectory()
        try directory.makeDirectory("state")
        let state = directory.file("state")
        try FileManager.default.setAttributes([.posixPermissions: mode], ofItemAtPath: state)
        let daemon = try RunningDaemon(configuration: nil, key: nil, directory: directory)
        #expect(try RawSocket(daemon.socket).call(1, "server.hello").error == nil)
        let kept = try FileManager.default.attributesOfItem(atPath: state)[.posixPermissions] as? Int
        #expect(kept == mode)
    }

    @Test func aGoodConfigurationIsToldToBeGood() throws {
        let directory = try TemporaryDirectory()
        let file = try directory.write("darkroom.toml", "default_model = \"pro\"\n", mode: 0o644)
        let output = try ChildProcess.run(BuiltProduct.path(of: "darkroomd"), ["--check-config", "--config", file])
        #expect(output.status == 0 && output.standardError == "")
    }

    @Test func aSecondDaemonOnTheSameStateSaysWhoseItIs() throws {
        let first = try RunningDaemon(configuration: nil, key: nil)
        let second = try ChildProcess.run(
            BuiltProduct.path(of: "darkroomd"),
            [
                "--socket", first.directory.file("other"),
                "--state", first.directory.file("state"),
            ])
        #expect(second.status == 75)
        #expect(second.standardError.contains("\(first.process.pid)"), "\(second.standardError)")
    }

    private static let mayMapUsers =
        (try? ChildProcess.run("/usr/bin/unshare", ["--user", "--map-root-user", "true"]).status) == 0

    /// As under `PrivateUsers=`: every client would be the same nobody.
    @Test(.enabled(if: mayMapUsers, "NOT TESTED: this host lets this user make no user namespace"))
    func aServiceWhosePeersCannotBeToldApartDoesNotStart() throws {
        let directory = try TemporaryDirectory()
        let output = try ChildProcess.run(
            "/usr/bin/unshare", ["--user", "--map-root-user", BuiltProduct.path(of: "darkroomd")],
            environment: ["NOTIFY_SOCKET": directory.file("notify"), "STATE_DIRECTORY": directory.file("state")])
        #expect(output.status == 78)
        #expect(output.standardError.contains("its peers cannot be told apart"), "\(output.standardError)")
        #expect(!FileManager.default.fileExists(atPath: directory.file("state")))
    }

    @Test func readyIsToldOnlyWhenAClientCanBeServedAndStoppingComesFirst() throws {
        let daemon = try RunningDaemon(configuration: nil, key: nil)
        #expect(try RawSocket(daemon.socket).call(1, "server.hello").error == nil)
        let output = daemon.stop()
        #expect(output.status == 0, "\(output.standardError)")
        let lines = daemon.manager.transcript.flatMap { $0.split(separator: "\n").map(String.init) }
        let ready = lines.firstIndex(of: "READY=1")
        let stopping = lines.firstIndex(of: "STOPPING=1")
        #expect(ready != nil && stopping != nil && (ready ?? 0) < (stopping ?? 0), "\(lines)")
        #expect(!lines[(stopping ?? 0)...].contains { $0.hasPrefix("STATUS=serving") }, "\(lines)")
        #expect(!FileManager.default.fileExists(atPath: daemon.socket))
    }

    private func mode(of path: String) throws -> Int? {
        try FileManager.default.attributesOfItem(atPath: path)[.posixPermissions] as? Int
    }

    @Test(arguments: [([], 0o600), (["--socket-mode", "0660"], 0o660)] as [([String], Int)])
    func theSocketsThatItBindsAreItsOwnersUnlessTheModeSaysOtherwise(arguments: [String], wanted: Int) throws {
        let daemon = try RunningDaemon(configuration: nil, key: nil, arguments: arguments)
        #expect(try mode(of: daemon.socket) == wanted)
        #expect(try mode(of: daemon.adminSocket) == wanted)
    }

    @Test func whatItWritesIsForItsOwnerAloneAlsoInADirectoryThatWasThere() throws {
        let directory = try TemporaryDirectory()
        try FileManager.default.createDirectory(
            atPath: directory.file("state"), withIntermediateDirectories: false,
            attributes: [.posixPermissions: 0o755])
        let daemon = try RunningDaemon(configuration: nil, key: nil, directory: directory)
        for name in ["darkroom.sqlite", "darkroom.sqlite-wal", "darkroom.sqlite-shm"] {
            #expect(try mode(of: daemon.directory.file("state/\(name)")) == 0o600, "\(name)")
        }
    }

    @Test(.backs(.paidForOnceAndKept)) func whatWasSentWhenTheDaemonWasKilledIsUnknownAndWhatWasQueuedGoesOn() throws {
        let simulator = try RunningSimulator()
        try simulator.addRule(#"{"match":{"prompt":"never"},"do":{"neverAnswer":true}}"#)
        let configuration = RunningDaemon.configuration(simulator, project: "max_concurrent = 1")
        let first = try RunningDaemon(configuration: configuration)
        let socket = try RawSocket(first.socket)
        try socket.send(#"{"jsonrpc":"2.0","id":1,"method":"image.generate","params":{"prompt":"never"}}"#)
        var sent = ""
        while sent.isEmpty {
            guard case .object(let params)? = try socket.receiveMessage()["params"], params["state"] == .string("sent"),
                case .string(let id)? = params["job"]
            else { continue }
            sent = id
        }
        let queued = try RawSocket(first.socket).call(2, "image.generate", #"{"prompt":"patient","wait":false}"#)
            .decode(GenerateImage.Accepted.self)
        first.crash()
        let second = try RunningDaemon(configuration: configuration, directory: first.directory)
        let after = try RawSocket(second.socket)
        let done = try after.call(1, "job.wait", #"{"job":"\#(queued.job.rawValue)","delivery":"none"}"#).decode(
            JobResult.self)
        #expect(done.state == .done)
        let unknown = try after.call(2, "job.get", #"{"job":"\#(sent)"}"#).decode(JobResult.self)
        #expect(unknown.state == .unknown)
        #expect(unknown.error?.kind == .outcomeUnknown)
        // The kill may have come before the first byte left; what may have been received is never sent again.
        #expect(try simulator.generations("never").count <= 1)
        #expect(try simulator.generations("patient").count == 1)
    }

    @Test(.backs(.paidForOnceAndKept)) func aStopWaitsForWhatIsPaidForAndTellsTheQueuedToComeBack() throws {
        let simulator = try RunningSimulator()
        try simulator.addRule(#"{"match":{"prompt":"paid"},"do":{"latencyMilliseconds":800}}"#)
        let daemon = try RunningDaemon(
            configuration: RunningDaemon.configuration(simulator, project: "max_concurrent = 1"))
        let paid = try RawSocket(daemon.socket)
        try paid.send(
            #"{"jsonrpc":"2.0","id":1,"method":"image.generate","params":{"prompt":"paid","delivery":"none"}}"#)
        while true {
            guard case .object(let params)? = try paid.receiveMessage()["params"] else { continue }
            if params["state"] == .string("sent") { break }
        }
        let queued = try RawSocket(daemon.socket)
        try queued.send(
            #"{"jsonrpc":"2.0","id":2,"method":"image.generate","params":{"prompt":"waits","delivery":"none"}}"#)
        _ = try queued.receiveMessage()
        daemon.process.signal(SIGTERM)
        var answer = try queued.receiveMessage()
        while answer["id"] == nil { answer = try queued.receiveMessage() }
        guard case .object(let error)? = answer["error"], case .object(let data)? = error["data"] else {
            Issue.record("no error: \(answer)")
            return
        }
        #expect(data["kind"] == .string("stopping") && data["charged"] == .string("no") && data["job"] != nil)
        var result = try paid.receiveMessage()
        while result["id"] == nil { result = try paid.receiveMessage() }
        #expect(result["result"] != nil, "\(result)")
        #expect(daemon.process.finish().status == 0)
        #expect(try simulator.generations("waits") == [])
        // systemd was told that it takes as long as it takes, after STOPPING as sd_notify(3) has it.
        let told = daemon.manager.transcript.flatMap { $0.split(separator: "\n").map(String.init) }
        let stopping = try #require(told.firstIndex(of: "STOPPING=1"))
        #expect(told[stopping...].contains("EXTEND_TIMEOUT_USEC=30000000"), "\(told)")
    }

    @Test(.backs(.noClientHoldsAKey)) func theKeyIsNowhere() throws {
        let simulator = try RunningSimulator()
        let daemon = try RunningDaemon(configuration: RunningDaemon.configuration(simulator))
        let socket = try RawSocket(daemon.socket)
        _ = try socket.call(1, "image.generate", #"{"prompt":"p","delivery":"none"}"#).decode(JobResult.self)
        let process = "/proc/\(daemon.process.pid)"
        for name in ["cmdline", "environ"] {
            let bytes = FileManager.default.contents(atPath: "\(process)/\(name)") ?? Data()
            #expect(bytes.range(of: Data(RunningSimulator.key.utf8)) == nil)
        }
        let output = daemon.stop()
        #expect(!output.standardError.contains(RunningSimulator.key))
        let found = try ChildProcess.run(
            "/usr/bin/grep", ["-r", "-l", "-F", RunningSimulator.key, daemon.directory.file("state")])
        #expect(found.standardOutput == "" && found.status == 1)
    }
}
