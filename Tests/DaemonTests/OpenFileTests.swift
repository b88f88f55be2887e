// Answers hold open files until they are sent; who does not read them takes no more than a share of the descriptors.

import Foundation
import Glibc
import TestKit
import Testing
import Wire

@Suite(.serialized) struct OpenFileTests {
    private static let connectionCount = 20
    private static let requestCount = 640
    /// What one user's answers may hold open.
    private static let share = 512

    @Test(.enabled(if: getuid() == 0, "NOT TESTED: only root can be two users"))
    func whoReadsNoAnswerTakesAShareAndAnotherUserGetsItsImage() throws {
        let simulator = try RunningSimulator()
        let daemon = try RunningDaemon(
            configuration: RunningDaemon.configuration(simulator), arguments: ["--socket-mode", "0666"])
        let socket = try RawSocket(daemon.socket)
        let made = try socket.call(1, "image.generate", #"{"prompt":"p","delivery":"none"}"#)
            .decode(JobResult.self)
        let image = try #require(made.images.first)
        let before = try daemon.openDescriptorCount()
        let readers = try (0..<Self.connectionCount).map { _ in
            let reader = try SlowReader(daemon.socket)
            let lines = (0..<Self.requestCount).map { id in
                #"{"jsonrpc":"2.0","id":\#(id),"method":"artifact.open","params":{"sha256":"\#(image.sha256)"}}"# + "\n"
            }.joined()
            #expect(try reader.send(lines) == lines.utf8.count)
            return reader
        }
        let most = Self.share + Self.connectionCount
        for id in 2..<40 {
            #expect(try socket.call(id, "server.hello").error == nil)
            let more = try daemon.openDescriptorCount() - before
            #expect(more <= most, "\(more) more")
        }
        #expect(try askAsAnother(daemon) == "done 1\n")
        #expect(try daemon.openDescriptorCount() - before <= most)
        // Whoever leaves is let out of the line, and those who stay have their turn.
        for reader in readers.dropLast() { reader.close() }
        #expect(try (readers.last?.receiveLines(3) ?? 0) >= 3)
        readers.last?.close()
        #expect(try daemon.settles(to: before, calling: socket))
    }

    /// What another user is told of an image of its own.
    private func askAsAnother(_ daemon: RunningDaemon) throws -> String {
        try ChildProcess.python(
            """
            import json, os, socket, sys
            os.setgroups([]); os.setresgid(54321, 54321, 54321); os.setresuid(54321, 54321, 54321)
            s = socket.socket(socket.AF_UNIX)
            s.settimeout(60)
            s.connect(sys.argv[1])
            s.sendall(b'{"jsonrpc":"2.0","id":1,"method":"image.generate","params":{"prompt":"q"}}\\n')
            for line in s.makefile("rb"):
                message = json.loads(line)
                if message.get("id") == 1:
                    break
            print(message["result"]["state"], len([i for i in message["result"]["images"] if i["data"]]))
            """, daemon.socket)
    }
}
