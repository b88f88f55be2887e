// Requests of one user that are under way: however they come, no more of them than the bound.

import LineSocket
import Synchronization
import Testing

struct UnderWayTests {
    private func limits(unanswered: Int, connections: Int) -> LineServer.Limits {
        var limits = LineServer.Limits()
        limits.unansweredPerUser = unanswered
        limits.connectionsPerUser = connections
        return limits
    }

    @Test func linesThatOneReadBringsAreHandedOutAsFarAsTheBoundAllows() async throws {
        let handled = Mutex<(now: Int, most: Int)>((0, 0))
        let (gate, isFull) = (Gate(), Gate())
        let answers = try await withServer(
            limits: limits(unanswered: 4, connections: 1),
            { line, connection in
                let now = handled.withLock { handled in
                    handled = (handled.now + 1, max(handled.most, handled.now + 1))
                    return handled.now
                }
                if now == 4 { isFull.open() }
                if line.text != "first" { await gate.wait() }
                handled.withLock { $0.now -= 1 }
                await connection.send(OutboundLine(line.bytes))
            }
        ) { running in
            let client = try await running.clients { path in
                let client = try RawClient(path)
                try client.write("first\n")
                #expect(try client.channel.next() == "first")
                try client.write("a\nb\nc\nd\ne\nf\n")
                return client
            }
            await isFull.wait()
            return try await running.clients { path in
                // A round trip, in which any more that were handed out begin too.
                #expect(try RawClient(path).channel.rest() == ["too many"])
                gate.open()
                client.finish()
                return try client.channel.rest().sorted()
            }
        }
        #expect(answers == ["a", "b", "c", "d", "e", "f"])
        #expect(handled.withLock { $0.most } <= 4)
    }

    @Test func aUserWithAsMuchUnderWayAsItMayHaveIsNotReadOnItsOtherConnections() async throws {
        let (gate, isHeld) = (Gate(), Gate())
        try await withServer(
            limits: limits(unanswered: 1, connections: 2),
            { line, connection in
                if line.text == "held" {
                    isHeld.open()
                    await gate.wait()
                }
                await connection.send(OutboundLine(line.bytes))
            }
        ) { running in
            let (first, second) = try await running.clients { path in
                let (first, second) = (try RawClient(path), try RawClient(path))
                try second.write("early\n")
                #expect(try second.channel.next() == "early")
                try first.write("held\n")
                return (first, second)
            }
            await isHeld.wait()
            try await running.clients { path in
                try second.write("late\n")
                // Told when the server has been to the sockets that were readable before.
                #expect(try RawClient(path).channel.rest() == ["too many"])
                #expect(second.unreadByteCount > 0)
                gate.open()
                #expect(try first.channel.next() == "held")
                #expect(try second.channel.next() == "late")
                #expect(second.unreadByteCount == 0)
            }
        }
    }
}
