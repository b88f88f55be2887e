import Foundation
import Glibc
import Synchronization
import Testing
import TestKit
import Wire

/// What only a terminal and a finger show.
struct TerminalTests {
    let directory: TemporaryDirectory

    init() throws { directory = try TemporaryDirectory() }

    private var environment: [String: String] {
        ["DARKROOM_SOCKET": directory.file("s"), "TERM": "xterm", "PATH": "\(BuiltProduct.directory):/usr/bin:/bin"]
    }

    private let job = JobID(rawValue: "j1")

    private func result(_ content: String) -> JobResult {
        JobResult(
            job: job, state: .done, route: "native", project: "default", label: nil,
            model: JobModel(asked: "flash", sent: "m"),
            images: [
                ImageEntry(
                    sha256: String(repeating: "0", count: 64), mimeType: "image/png", width: 1, height: 1,
                    bytes: content.utf8.count, fd: 0)
            ], requested: Requested())
    }

    @Test func aTerminalSeesOneLineThatIsDrawnAgain() throws {
        let daemon = try ScriptedDaemon(directory.file("s")) { connection, _ in
            let request = try connection.receive()
            try connection.notify(request, JobEvent(job: job, state: .queued, position: 3, startsInSeconds: 12.5))
            try connection.notify(request, JobEvent(job: job, state: .queued, position: 1))
            try connection.notify(request, JobEvent(job: job, state: .sent, attempt: 1, usuallySeconds: [8, 20]))
            try connection.notify(request, JobEvent(job: job, state: .receiving, bytes: 524_288))
            try connection.answer(request, result("MEOW"), files: ["MEOW"])
            try connection.waitForEnd()
        }
        // script(1) gives a terminal; standard output goes to a file, so that only standard error is drawn.
        let output = try ChildProcess.run(
            "/usr/bin/script",
            ["-qec", "cd \(directory.path); darkroom generate 'a cat' -o cat.png >answer", "/dev/null"],
            environment: environment)
        daemon.stop()
        let clear = "\u{1B}[K"
        #expect(
            output.standardOutput
                == [
                    "\rdarkroom: queued, place 3, starts in about 13 s", "\rdarkroom: queued, place 1",
                    "\rdarkroom: sent, 0 s, usually 8 to 20 s", "\rdarkroom: receiving, 524.3 kB, 0 s", "\r",
                ].map { $0 + clear }.joined())
        #expect(output.status == 0)
        #expect(try String(contentsOfFile: directory.file("answer"), encoding: .utf8) == "cat.png\n")
    }

    @Test(arguments: [(SIGINT, 130), (SIGTERM, 143)] as [(Int32, Int32)])
    func anInterruptionSaysHowToComeBack(signal: Int32, status: Int32) throws {
        let daemon = try ScriptedDaemon(directory.file("s")) { connection, _ in
            let request = try connection.receive()
            try connection.notify(request, JobEvent(job: job, state: .sent, attempt: 1))
            try connection.waitForEnd()
        }
        let child = try ChildProcess(
            BuiltProduct.path(of: "darkroom"), ["generate", "a cat", "-o", "my cat.png"], environment: environment,
            input: .none, output: .file)
        while child.isRunning, !child.standardErrorSoFar.hasSuffix("sent\n") { sched_yield() }
        child.signal(signal)
        let output = child.finish()
        daemon.stop()
        #expect(output.status == status)
        #expect(
            output.standardOutput == "")
        #expect(
            output.standardError == """
                darkroom: job j1: sent
                darkroom: interrupted; job j1 goes on
                darkroom: hint: darkroom wait j1 -o 'my cat.png'

                """)
    }

    @Test func aSocketOfAnotherGroupSaysWhoMayHelp() throws {
        guard geteuid() == 0 else { return }
        let daemon = try ScriptedDaemon(directory.file("s")) { _, _ in }
        unsafe chmod(directory.file("s"), 0o600)
        // Whoever is nobody cannot reach the build's folder everywhere.
        let command = directory.file("darkroom")
        // Copied by another process: a sibling spawned meanwhile would inherit our open copy, and exec says "busy" to it.
        #expect(try ChildProcess.run("/bin/cp", [BuiltProduct.path(of: "darkroom"), command]).status == 0)
        let output = try ChildProcess.run(
            "/usr/bin/setpriv", ["--reuid=65534", "--regid=65534", "--clear-groups", command, "status"],
            environment: environment)
        daemon.stop()
        let path = directory.file("s")
        #expect(output.status == 77)
        #expect(
            output.standardOutput == "")
        #expect(
            output.standardError == """
                darkroom: error: this user may not connect to \(path)
                darkroom: hint: ls -l \(path) shows who may

                """)
    }

    @Test func theBytesOfAnImageStayOffATerminal() throws {
        let output = try ChildProcess.run(
            "/usr/bin/script", ["-qec", "darkroom generate 'a cat' -o -", "/dev/null"], environment: environment)
        #expect(output.status == 64)
        #expect(
            output.standardOutput == """
                darkroom: error: the bytes of an image do not belong on a terminal\r
                darkroom: hint: -o FILE, or pipe the output into something\r

                """)
        #expect(
            output.standardError == "")
    }
}
