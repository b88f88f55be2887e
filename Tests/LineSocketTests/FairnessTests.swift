// What one user may cost the others: bytes, descriptors and requests over all connections, and time for a line.

import Glibc
import LineSocket
import Synchronization
import Testing

struct FairnessTests {
    private func limits(_ change: (inout LineServer.Limits) -> Void) -> LineServer.Limits {
        var limits = LineServer.Limits()
        change(&limits)
        return limits
    }

    @Test func aLineThatDoesNotEndInTimeIsToldSoAndItsConnectionEnds() async throws {
        let clock = ManualClock()
        let answers = try await withServer(limits: limits { $0.wholeLine = .seconds(10) }, timing: clock.timing, echo) {
            running in
            let client = try await running.clients { path in
                let client = try RawClient(path)
                try client.write("whole\ntrick")
                #expect(try client.channel.next() == "whole")
                return client
            }
            clock.advance(by: .seconds(9))
            await running.server.tick()
            try await onOwnThread { try client.write("l") }
            #expect(await running.server.connectionCount == 1)
            clock.advance(by: .seconds(1))
            await running.server.tick()
            #expect(await running.server.counters.linesTooSlow == 1)
            client.finish()
            return try await onOwnThread { try client.channel.rest() }
        }
        #expect(answers == ["too slow"])
    }

    @Test func anEndedLineGivesTheNextOneItsOwnTime() async throws {
        let clock = ManualClock()
        let answers = try await withServer(limits: limits { $0.wholeLine = .seconds(10) }, timing: clock.timing, echo) {
            running in
            let client = try await running.clients { path in
                let client = try RawClient(path)
                try client.write("0\na")
                #expect(try client.channel.next() == "0")
                return client
            }
            for _ in 0..<3 {
                clock.advance(by: .seconds(6))
                await running.server.tick()
                try await onOwnThread {
                    try client.write("b\na")
                    #expect(try client.channel.next() == "ab")
                }
            }
            return await running.server.counters.linesTooSlow
        }
        #expect(answers == 0)
    }

    /// The second connection adds to what the first one holds; whoever ends lines has room again.
    @Test func unfinishedBytesAreCountedOverAllConnectionsOfAUser() async throws {
        let dropped = Mutex<[String]>([])
        let answers = try await withServer(
            limits: limits {
                $0.maxLineBytes = 1_000
                $0.unfinishedBytesPerUser = 1_500
            }, report: { drop in dropped.withLock { $0.append(drop.reason.rawValue) } }, echo
        ) { running in
            try await running.clients { path in
                let (first, second, third) = (try RawClient(path), try RawClient(path), try RawClient(path))
                let half = [UInt8](repeating: 97, count: 900)
                try first.write(Array("x\n".utf8) + half)
                #expect(try first.channel.next() == "x")
                try second.write(half)
                second.finish()
                let refused = try second.channel.rest()
                try first.write("\n")
                #expect(try first.channel.next()?.count == 900)
                try third.write(half + [10])
                return refused + [try third.channel.next()?.count.description ?? "nothing"]
            }
        }
        #expect(answers == ["too much", "900"])
        #expect(dropped.withLock { $0 } == ["too many bytes waited for the end of their lines"])
    }

    @Test func requestsOverAllConnectionsOfAUserWaitForAnswersToEarlierOnes() async throws {
        let handled = Mutex<(now: Int, most: Int)>((0, 0))
        let gate = Gate()
        let answers = try await withServer(
            limits: limits { $0.unansweredPerUser = 4 },
            { line, connection in
                handled.withLock { $0 = ($0.now + 1, max($0.most, $0.now + 1)) }
                await gate.wait()
                handled.withLock { $0.now -= 1 }
                await connection.send(OutboundLine(line.bytes))
            }
        ) { running in
            try await running.clients { path in
                let clients = try (0..<3).map { _ in try RawClient(path) }
                for client in clients { try client.write("a\nb\nc\nd\n") }
                let probe = try RawClient(path)
                try probe.write("late\n")
                gate.open()
                var lines: [String] = []
                for client in clients {
                    client.finish()
                    lines += try client.channel.rest()
                }
                return lines.sorted() + [try probe.channel.next() ?? "nothing"]
            }
        }
        #expect(answers == ["a", "a", "a", "b", "b", "b", "c", "c", "c", "d", "d", "d", "late"])
        #expect(handled.withLock { $0.most } <= 4)
    }

    @Test func unfinishedDescriptorsOfAUserBeyondItsShareAreClosed() async throws {
        let counts = try await withServer(
            limits: limits { $0.unfinishedDescriptorsPerUser = 3 },
            { line, connection in
                await connection.send(OutboundLine(Array("\(line.descriptors.count)".utf8)))
            }
        ) { running in
            let counts = try await running.clients { path in
                let file = try makeFile("x")
                let (first, second) = (try RawClient(path), try RawClient(path))
                try first.write("?\n")
                #expect(try first.channel.next() == "0")
                try second.write("?\n")
                #expect(try second.channel.next() == "0")
                // One after the other: a line whose end the server reads at once was never unfinished.
                for (client, begun) in [(first, "a"), (second, "b")] {
                    try client.write(begun, [file, file])
                    try requireRead(client)
                }
                try second.write("\n")
                try first.write("\n")
                return [try first.channel.next(), try second.channel.next()]
            }
            #expect(await running.server.counters.droppedDescriptors == 2)
            return counts
        }
        #expect(counts == ["2", "0"])
    }

    @Test func whatAUserDoesNotReadOnOneConnectionHoldsBackAllOfItsConnections() async throws {
        let clock = ManualClock()
        let seen = Mutex<[String]>([])
        try await withServer(
            limits: limits {
                $0.heldBytesPerUser = 500_000
                $0.connectionsPerUser = 2
            }, timing: clock.timing,
            { line, connection in
                seen.withLock { $0.append(line.text) }
                let byteCount = line.text == "large" ? 2_000_000 : 1
                await connection.send(OutboundLine([UInt8](repeating: 97, count: byteCount)))
            }
        ) { running in
            let (reader, other) = try await running.clients { path in
                let (reader, other) = (try RawClient(path), try RawClient(path))
                try other.write("small\n")
                #expect(try other.channel.next() == "a")
                try reader.write("large\n")
                guard isReadable(reader) else { throw SystemError("poll", ETIMEDOUT) }
                return (reader, other)
            }
            await running.server.settled()
            try await running.clients { path in
                try other.write("held\n")
                // Told when the server has been to the sockets that were readable before.
                #expect(try RawClient(path).channel.rest() == ["too many"])
            }
            // A tick looks at it once more, and there is still nothing to be read for it.
            await running.server.tick()
            #expect(other.unreadByteCount > 0)
            #expect(seen.withLock { $0 } == ["small", "large"])
            clock.advance(by: .seconds(61))
            await running.server.tick()
            #expect(try await onOwnThread { try other.channel.next() } == "a")
            #expect(seen.withLock { $0 } == ["small", "large", "held"])
            withExtendedLifetime(reader) {}
        }
    }

    @Test func descriptorsThatHandlersKeepCountUntilTheyAreClosed() async throws {
        let clock = ManualClock()
        let kept = Mutex<[OwnedDescriptor]>([])
        let answers = try await withServer(
            limits: limits {
                $0.descriptorsPerUser = 3
                $0.connectionsPerUser = 2
            }, timing: clock.timing,
            { line, connection in
                kept.withLock { $0 += line.descriptors }
                await connection.send(OutboundLine(line.bytes))
            }
        ) { running in
            let (first, second) = try await running.clients { path in
                let file = try makeFile("x")
                let (first, second) = (try RawClient(path), try RawClient(path))
                try first.write("a\n", [file, file, file])
                #expect(try first.channel.next() == "a")
                try second.write("b\n")
                // Told when the server has been to the sockets that were readable before.
                #expect(try RawClient(path).channel.rest() == ["too many"])
                #expect(second.unreadByteCount > 0)
                return (first, second)
            }
            kept.withLock { $0 = [] }
            await running.server.tick()
            return try await onOwnThread {
                try first.write("c\n")
                return [try second.channel.next(), try first.channel.next()]
            }
        }
        #expect(answers == ["b", "c"])
    }

    @Test func whoDoesNotReadIsReportedWithTheReason() async throws {
        let clock = ManualClock()
        let dropped = Mutex<[LineServer.Dropped]>([])
        try await withServer(
            timing: clock.timing, report: { drop in dropped.withLock { $0.append(drop) } },
            { _, connection in await connection.send(OutboundLine([UInt8](repeating: 97, count: 1_048_576))) }
        ) { running in
            let client = try await running.clients { path in
                let client = try RawClient(path)
                try client.write("a\n")
                // The first bytes of the answer are there: it is owed, and stands still from now on.
                guard isReadable(client) else { throw SystemError("poll", ETIMEDOUT) }
                return client
            }
            await running.server.settled()
            clock.advance(by: .seconds(61))
            await running.server.tick()
            #expect(await running.server.connectionCount == 0)
            withExtendedLifetime(client) {}
        }
        #expect(dropped.withLock { $0.map(\.reason) } == [.notReading])
        #expect(dropped.withLock { $0.map(\.peer.uid) } == [getuid()])
    }
}
