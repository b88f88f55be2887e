// Descriptors that are sent and not read, which the kernel counts against the daemon whoever leaves them there.

import CAncillary
import Glibc
import LineSocket
import Synchronization
import Testing
import TestKit

struct InFlightTests {
    private static let limit = 8

    private var limits: LineServer.Limits {
        var limits = LineServer.Limits()
        limits.descriptorsInFlightPerUser = Self.limit
        return limits
    }

    /// Answers a line with itself and a file, and opens the gate when so many were handled.
    private static func answering(_ gates: [Int: Gate]) -> @Sendable (Line, LineConnection) async -> Void {
        let count = Counter()
        return { line, connection in
            guard let file = try? makeFile("f") else { return }
            await connection.send(OutboundLine(line.bytes, descriptors: [file]))
            gates[count.next()]?.open()
        }
    }

    private final class Counter: Sendable {
        private let count = Mutex(0)

        func next() -> Int {
            count.withLock { count in
                count += 1
                return count
            }
        }
    }

    private static func hasSomething(_ client: RawClient) -> Bool { ca_wait_readable(client.socket.rawValue, 0) == 1 }

    /// Reads so many lines and gives what their descriptors hold.
    private static func read(_ count: Int, _ channel: LineChannel) throws -> [String] {
        try (0..<count).flatMap { _ in
            try channel.receive(until: LineChannel.patience)?.descriptors.map(\.contents) ?? ["no line"]
        }
    }

    /// What a process of another user is answered, with how many descriptors.
    private static func askAsAnother(_ path: String) throws -> String {
        try ChildProcess.python(
            """
            import os, socket, sys
            os.setgroups([]); os.setresgid(54321, 54321, 54321); os.setresuid(54321, 54321, 54321)
            s = socket.socket(socket.AF_UNIX)
            s.settimeout(60)
            s.connect(sys.argv[1])
            s.sendall(b"own\\n")
            text, files, _, _ = socket.recv_fds(s, 100, 10)
            print(text.decode().strip(), len(files))
            """, path)
    }

    @Test(.enabled(if: getuid() == 0, "NOT TESTED: only root can be two users"))
    func whoDoesNotReadGetsAShareAndAnotherUserItsOwn() async throws {
        let clock = ManualClock()
        let all = Gate()
        try await withServer(limits: limits, timing: clock.timing, mode: 0o666, Self.answering([20: all])) { running in
            let client = try await running.clients { path in
                let client = try RawClient(path)
                try client.write(String(repeating: "x\n", count: 20))
                return client
            }
            await all.wait()
            await running.server.settled()
            #expect(try await running.clients { try Self.askAsAnother($0) } == "own 1\n")
            let channel = client.channel
            for count in [Self.limit, Self.limit, 4] {
                #expect(try Self.read(count, channel) == Array(repeating: "f", count: count))
                #expect(!Self.hasSomething(client))
                await running.server.tick()
            }
        }
    }

    @Test func whatAClosedConnectionLeftInFlightCountsUntilItIsRead() async throws {
        let clock = ManualClock()
        let (all, again) = (Gate(), Gate())
        try await withServer(limits: limits, timing: clock.timing, Self.answering([20: all, 21: again])) { running in
            let first = try await running.clients { path in
                let client = try RawClient(path)
                try client.write(String(repeating: "x\n", count: 20))
                return client
            }
            await all.wait()
            await running.server.settled()
            clock.advance(by: .seconds(60))
            await running.server.tick()
            #expect(await running.server.counters.stalled == 1)
            let second = try await running.clients { path in
                let client = try RawClient(path)
                try client.write("y\n")
                return client
            }
            await again.wait()
            await running.server.settled()
            // It has left nothing unread, so however long it waits, it is not said to.
            for _ in 0..<3 {
                clock.advance(by: .seconds(60))
                await running.server.tick()
                #expect(!Self.hasSomething(second))
            }
            #expect(await running.server.counters.stalled == 1)
            #expect(await running.server.connectionCount == 1)
            let channel = first.channel
            #expect(try Self.read(Self.limit, channel) == Array(repeating: "f", count: Self.limit))
            #expect(try channel.next() == nil)
            await running.server.tick()
            #expect(try Self.read(1, second.channel) == ["f"])
        }
    }

    @Test func whatAPeerLeavesBehindByClosingCountsNoMore() async throws {
        let all = Gate()
        let answer = try await withServer(limits: limits, timing: ManualClock().timing, Self.answering([20: all])) {
            running in
            let client = Mutex(
                try await running.clients { path in
                    let client = try RawClient(path)
                    try client.write(String(repeating: "x\n", count: 20))
                    return Optional(client)
                })
            await all.wait()
            await running.server.settled()
            client.withLock { $0 = nil }
            return try await running.clients { path in
                let next = try RawClient(path)
                try next.write("y\n")
                return try Self.read(1, next.channel)
            }
        }
        #expect(answer == ["f"])
    }
}
