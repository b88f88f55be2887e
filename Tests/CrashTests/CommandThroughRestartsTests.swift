// Twenty commands while their daemon is stopped and killed: each ends with its file, or says that nobody knows.

import Foundation
import Glibc
import TestKit
import Testing
import Wire

@Suite(.serialized) struct CommandThroughRestartsTests {
    private static let commandCount = 20
    /// Exit status of a job whose outcome is unknown.
    private static let unknown: Int32 = 81

    @Test func twentyCommandsOutliveFiveRestartsAndFiveKills() throws {
        let simulator = try RunningSimulator()
        let scene = try Scene(simulator, project: "max_concurrent = 4")
        var daemon = try scene.start()
        let commands = try (0..<Self.commandCount).map { number in
            try ChildProcess(
                BuiltProduct.path(of: "darkroom"),
                [
                    "generate", "picture \(number) {sim:{\"latencyMilliseconds\":700}}", "--size", "512", "--wait",
                    "60",
                    "-o", scene.directory.file("picture-\(number).jpg"),
                ], environment: ["DARKROOM_SOCKET": scene.socket], input: .none, output: .file)
        }
        for round in 0..<10 {
            try waitForCalls(simulator, atLeast: round + 1)
            if round % 2 == 0 { _ = daemon.stop() } else { daemon.crash() }
            daemon = try scene.start()
        }
        let outputs = commands.map { $0.finish() }
        let files = (0..<Self.commandCount).filter {
            FileManager.default.fileExists(atPath: scene.directory.file("picture-\($0).jpg"))
        }
        for (number, output) in outputs.enumerated() {
            let isThere = files.contains(number)
            #expect(output.status == (isThere ? 0 : Self.unknown), "\(number): \(output)")
        }
        let books = try Books(of: scene.state, calls: try simulator.calls())
        print("| commands | files | \(Books.heading) |\n| \(Self.commandCount) | \(files.count) | \(books.row) |")
        #expect(books.isClean, "\(books)")
        // A command that never reached a daemon asks again under its key, so there is a job for each and no more.
        #expect(books.jobs == Self.commandCount)
        let calls = try simulator.calls()
        // A kill may come between the row that says `sent` and the first byte: then upstream knows nothing of the job.
        #expect(calls.count >= files.count && calls.values.allSatisfy { $0 == 1 }, "\(calls)")
        #expect(files.count + (books.states["unknown"] ?? 0) == Self.commandCount)
        daemon.crash()
    }

    private func waitForCalls(_ simulator: RunningSimulator, atLeast count: Int) throws {
        for _ in 0..<600 {
            if try simulator.generations().count >= count { return }
        }
    }
}
