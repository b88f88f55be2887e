import TestKit
import Testing

/// What every test of a program leans on.
struct ChildProcessTests {
    @Test func outputIsReadByLinesAndThenToItsEnd() throws {
        let child = try ChildProcess(
            "/bin/sh", ["-c", "echo one; echo two; read rest; echo three >&2; printf four; exit 5"])
        #expect(child.readLine() == "one")
        #expect(child.readLine() == "two")
        #expect(child.isRunning)
        #expect(child.finish() == ChildProcess.Output(status: 5, standardOutput: "four", standardError: "three\n"))
        #expect(!child.isRunning)
        #expect(child.readLine() == nil)
    }

    @Test func neitherStreamOfAProgramThatIsRunBlocksIt() throws {
        let output = try ChildProcess.run("/bin/sh", ["-c", "yes | head -c 1000000; yes | head -c 1000000 >&2"])
        let megabyte = String(repeating: "y\n", count: 500_000)
        #expect(output == ChildProcess.Output(status: 0, standardOutput: megabyte, standardError: megabyte))
    }

    @Test(arguments: [ChildProcess.Sink.file, .pipe])
    func aChildThatStaysIsKilledAndTheOutputSaysSo(output: ChildProcess.Sink) throws {
        let child = try ChildProcess("/bin/sleep", ["600"], output: output)
        #expect(
            child.finish(within: .milliseconds(10))
                == ChildProcess.Output(
                    status: 137, standardOutput: "", standardError: "\nkilled by the test after 0.01 seconds\n"))
    }

    /// The threads of Dispatch block them all, and servers ignore SIGPIPE.
    @Test(arguments: [("INT", 130), ("PIPE", 141), ("TERM", 143)] as [(String, Int32)])
    func aChildStartsWithNoSignalBlockedOrIgnored(name: String, status: Int32) throws {
        let output = try ChildProcess.run("/bin/sh", ["-c", "kill -s \(name) $$; echo survived"])
        #expect(output == ChildProcess.Output(status: status, standardOutput: "", standardError: ""))
    }

    @Test func aProgramThatIsNotThereIsNotStarted() {
        #expect(throws: ChildProcess.NotStarted.self) { try ChildProcess.run("/nonexistent/program", []) }
    }
}
