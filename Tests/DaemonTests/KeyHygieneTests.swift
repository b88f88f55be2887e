// Where the key is not: each place that somebody could look, after it was used and after upstream has sent it back.

import Foundation
import Glibc
import TestKit
import Testing
import Wire

@Suite(.serialized) struct KeyHygieneTests {
    /// Every reply is searched by the socket that reads it, files and output here and when the daemon goes.
    @Test(arguments: [
        #"{"status":400,"body":"{\"error\":{\"code\":400,\"status\":\"INVALID_ARGUMENT\",\"message\":\"bad key KEY\"}}"}"#,
        #"{"status":403,"body":"{\"error\":{\"code\":403,\"status\":\"PERMISSION_DENIED\",\"message\":\"?key=KEY\",\"details\":[{\"KEY\":\"KEY\"}]}}"}"#,
        #"{"status":500,"body":"KEY"}"#,
    ])
    func anUpstreamThatSendsTheKeyBackTellsItNobody(answer: String) throws {
        let simulator = try RunningSimulator()
        let daemon = try RunningDaemon(configuration: RunningDaemon.configuration(simulator))
        let echo = answer.replacing("KEY", with: RunningSimulator.key)
        try simulator.addRule(#"{"match":{"prompt":"echo"},"do":\#(echo)}"#)
        let socket = try RawSocket(daemon.socket)
        let error = try #require(try socket.call(1, "image.generate", #"{"prompt":"echo"}"#).error)
        // It was sent, and what came back is told but for the key.
        #expect(try simulator.generations("echo").count == 1)
        #expect(error.kind != .internal)
        let methods = ["server.status", "server.metrics", "job.list", "model.list", "server.diagnose"]
        for (id, method) in methods.enumerated() {
            #expect(try socket.call(id + 2, method).result != nil, "\(method)")
        }
        #expect(Canary.files(below: daemon.directory.path) == [])
        let output = daemon.stop()
        #expect(!Canary.isIn(output.standardError) && !Canary.isIn(output.standardOutput))
    }

    /// The picture is kept and was paid for; the turn, which would be kept as it came, is not.
    @Test func anAnswerThatRepeatsTheKeyIsKeptWithoutIt() throws {
        let simulator = try RunningSimulator()
        let daemon = try RunningDaemon(configuration: RunningDaemon.configuration(simulator))
        let answer = #"{"answer":{"textBefore":"your key is \#(RunningSimulator.key)"}}"#
        try simulator.addRule(#"{"match":{"prompt":"repeat"},"do":\#(answer)}"#)
        let socket = try RawSocket(daemon.socket)
        let result = try socket.call(1, "image.generate", #"{"prompt":"repeat","delivery":"none"}"#).decode(
            JobResult.self)
        #expect(result.images.count == 1 && result.text == "your key is [key]")
        #expect(result.warnings.map(\.code.rawValue).contains("key_echoed"))
        _ = daemon.stop()
        #expect(Canary.files(below: daemon.directory.path) == [])
    }

    @Test func theProcessShowsItsKeyInNeitherArgumentsNorEnvironment() throws {
        let simulator = try RunningSimulator()
        let daemon = try RunningDaemon(configuration: RunningDaemon.configuration(simulator))
        let socket = try RawSocket(daemon.socket)
        _ = try socket.call(1, "image.generate", #"{"prompt":"p","delivery":"none"}"#).decode(JobResult.self)
        for name in ["cmdline", "environ", "limits"] {
            let bytes = try #require(FileManager.default.contents(atPath: "/proc/\(daemon.process.pid)/\(name)"))
            #expect(!Canary.isIn(bytes), "\(name)")
            guard name == "limits" else { continue }
            #expect(String(decoding: bytes, as: UTF8.self).contains(#/Max core file size +0 +0 /#))
        }
    }

    /// The daemon's own uid is no way into its memory either: only root's is.
    @Test(
        .backs(.noClientHoldsAKey),
        .enabled(if: getuid() == 0, "NOT TESTED: only root can run the daemon as another user"))
    func aProcessOfTheSameUserCannotReadItsMemory() throws {
        let directory = try TemporaryDirectory()
        try FileManager.default.createDirectory(
            atPath: directory.file("state"), withIntermediateDirectories: false, attributes: [.ownerAccountID: 54_321])
        let program = """
            import os, subprocess, sys, time
            daemon, directory, key = sys.argv[1:]
            os.chmod(directory, 0o777)
            os.setgid(54321); os.setuid(54321)
            os.mkdir(directory + "/c", 0o700)
            open(directory + "/c/gemini-api-key", "w").write(key)
            process = subprocess.Popen([daemon, "--socket", directory + "/s", "--state", directory + "/state",
                "--credentials", directory + "/c"], stderr=subprocess.PIPE, text=True)
            for line in process.stderr:
                if "ready" in line: break
            def reads(pid, name):
                try:
                    return open(f"/proc/{pid}/{name}", "rb").read(1) is not None
                except OSError as error:
                    return error.strerror
            # It has said something, so its exec is over: until then it is as undumpable as this process.
            other = subprocess.Popen(
                ["sh", "-c", "echo up; read line"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
            other.stdout.readline()
            print(reads(process.pid, "mem"), reads(process.pid, "environ"), reads(other.pid, "environ"))
            other.kill(); process.kill()
            """
        let answer = try ChildProcess.python(
            program, BuiltProduct.path(of: "darkroomd"), directory.path, RunningSimulator.key)
        #expect(answer == "Permission denied Permission denied True\n")
    }
}
