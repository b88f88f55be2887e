import LineSocket
import Synchronization
import Testing

struct OutboundTests {
    @Test func aBodyOfThirtyMegabytesArrivesWholeBetweenItsParts() async throws {
        let block = (0..<60_000).map { UInt8(ascii: "a") + UInt8($0 % 26) }
        let isWhole = try await withServer({ line, connection in
            let body = RepeatingBody(block: block, count: 500)
            await connection.send(
                OutboundLine(parts: [.bytes(Array("<".utf8)), .body(body), .bytes(Array(">".utf8)), .body(body)]))
            await connection.send(OutboundLine(line.bytes))
        }) { running in
            try await running.clients { path in
                let channel = try LineChannel(path)
                try channel.send("after")
                guard let line = try channel.receive(until: LineChannel.patience) else { return false }
                var rest = line.bytes[...]
                for mark in ["<", ">"] {
                    guard rest.popFirst() == Array(mark.utf8).first else { return false }
                    for _ in 0..<500 {
                        guard Array(rest.prefix(block.count)) == block else { return false }
                        rest = rest.dropFirst(block.count)
                    }
                }
                return try rest.isEmpty && channel.next() == "after"
            }
        }
        #expect(isWhole)
    }

    @Test func aPeerThatLeavesDuringABodyEndsIt() async throws {
        let ended = Gate()
        try await withServer({ _, connection in
            await connection.send(OutboundLine(parts: [.body(EndlessBody(token: Token(onRelease: ended)))]))
        }) { running in
            try await running.clients { path in
                let client = try RawClient(path)
                try client.write("x\n")
                let bounded = LineChannel(adopting: client.socket, maxLineBytes: 1_000_000)
                #expect(throws: LineChannelError.lineTooLong) { try bounded.next() }
            }
            await ended.wait()
        }
    }

    @Test func aBodyThatFailsEndsTheConnectionInTheMiddleOfItsLine() async throws {
        try await withServer({ _, connection in
            await connection.send(OutboundLine(parts: [.bytes(Array("half".utf8)), .body(FailingBody())]))
        }) { running in
            try await running.clients { path in
                let channel = try LineChannel(path)
                try channel.send("x")
                #expect(throws: LineChannelError.closed) { try channel.next() }
            }
            #expect(await running.server.counters.brokenBodies == 1)
        }
    }

    /// Each line is a few bytes, and holds a file open until it is read.
    @Test func descriptorsThatAPeerDoesNotReadWeighMoreThanTheirLines() async throws {
        let isSent = Gate()
        var limits = LineServer.Limits()
        limits.outboundBytes = 4_000_000
        let lines = try await withServer(
            limits: limits,
            { line, connection in
                guard let file = try? makeFile("f") else { return }
                // More than the socket takes, and under the bound.
                await connection.send(OutboundLine([UInt8](repeating: 97, count: 2_000_000)))
                await connection.notify(Array("room".utf8))
                for _ in 0..<64 { await connection.send(OutboundLine(Array("file".utf8), descriptors: [file])) }
                await connection.notify(Array("no room".utf8))
                await connection.send(OutboundLine(line.bytes))
                isSent.open()
            }
        ) { running in
            let client = try await running.clients { path in
                let client = try RawClient(path)
                try client.write("last\n")
                return client
            }
            await isSent.wait()
            await running.server.settled()
            #expect(await running.server.counters.droppedNotifications == 1)
            client.finish()
            return try await onOwnThread { try client.channel.rest() }
        }
        #expect(lines.filter { $0.count < 10 } == ["room"] + [String](repeating: "file", count: 64) + ["last"])
    }

    @Test func aReaderThatNeverReadsIsBoundedAndDropped() async throws {
        let clock = ManualClock()
        let handled = Mutex(0)
        let isFull = Gate()
        var limits = LineServer.Limits()
        limits.unansweredPerConnection = 8
        try await withServer(
            limits: limits, timing: clock.timing,
            { _, connection in
                await connection.send(OutboundLine([UInt8](repeating: 97, count: 65_536)))
                let count = handled.withLock { count in
                    count += 1
                    return count
                }
                if count == 10 { isFull.open() }
            }
        ) { running in
            let client = try await running.clients { path in
                let client = try RawClient(path)
                try client.write(String(repeating: "x\n", count: 2_000))
                return client.socket
            }
            await isFull.wait()
            await running.server.settled()
            clock.advance(by: .seconds(59))
            await running.server.tick()
            #expect(await running.server.connectionCount == 1)
            clock.advance(by: .seconds(1))
            await running.server.tick()
            #expect(await running.server.connectionCount == 0)
            #expect(await running.server.counters.stalled == 1)
            withExtendedLifetime(client) {}
        }
        // The socket's own buffer, the bound, and the handlers that ran when it was met: not 2,000.
        #expect(handled.withLock { $0 } <= 4 + 16 + 1 + 8)
    }

    @Test func anIdleConnectionIsNeverDropped() async throws {
        let clock = ManualClock()
        let answer = try await withServer(timing: clock.timing, echo) { running in
            let client = try await running.clients { path in
                let client = try RawClient(path)
                try client.write("first\n")
                #expect(try client.channel.next() == "first")
                return client
            }
            clock.advance(by: .seconds(1_000_000))
            await running.server.tick()
            return try await onOwnThread {
                try client.write("second\n")
                return try client.channel.next()
            }
        }
        #expect(answer == "second")
    }

    @Test func notificationsAreDroppedPastTheBoundAndAnswersAreNot() async throws {
        let written = Gate()
        let lines = try await withServer({ _, connection in
            let notification = [UInt8](repeating: 110, count: 65_536)
            for _ in 0..<100 { await connection.notify(notification) }
            await connection.send(OutboundLine(Array("answer".utf8)))
            written.open()
        }) { running in
            let client = try await running.clients { path in
                let client = try RawClient(path)
                try client.write("x\n")
                client.finish()
                return client.socket
            }
            await written.wait()
            await running.server.settled()
            let lines = try await onOwnThread { try LineChannel(adopting: client).rest() }
            let dropped = await running.server.counters.droppedNotifications
            #expect(dropped >= 100 - (4 + 16 + 1))
            #expect(lines.count == 100 - dropped + 1)
            return lines
        }
        #expect(lines.last == "answer")
    }

    @Test func unreadNotificationsAloneCloseNothing() async throws {
        let clock = ManualClock()
        let (notified, finish) = (Gate(), Gate())
        try await withServer(
            timing: clock.timing,
            { _, connection in
                for _ in 0..<10 { await connection.notify([UInt8](repeating: 110, count: 65_536)) }
                notified.open()
                await finish.wait()
            }
        ) { running in
            let client = try await running.clients { path in
                let client = try RawClient(path)
                try client.write("x\n")
                return client.socket
            }
            await notified.wait()
            await running.server.settled()
            clock.advance(by: .seconds(1_000))
            await running.server.tick()
            #expect(await running.server.connectionCount == 1)
            finish.open()
            withExtendedLifetime(client) {}
        }
    }
}

private struct RepeatingBody: LineBody {
    let block: [UInt8]
    var count: Int

    mutating func fill(_ buffer: UnsafeMutableRawBufferPointer) throws -> Int {
        guard count > 0 else { return 0 }
        count -= 1
        unsafe buffer.copyBytes(from: block)
        return block.count
    }
}

/// Opens a gate when nobody holds it any more.
private final class Token: Sendable {
    let gate: Gate

    init(onRelease gate: Gate) { self.gate = gate }

    deinit { gate.open() }
}

private struct EndlessBody: LineBody {
    let token: Token

    mutating func fill(_ buffer: UnsafeMutableRawBufferPointer) throws -> Int {
        unsafe buffer.initializeMemory(as: UInt8.self, repeating: 97)
        return buffer.count
    }
}

private struct FailingBody: LineBody {
    mutating func fill(_ buffer: UnsafeMutableRawBufferPointer) throws -> Int {
        throw CancellationError()
    }
}
