import LineSocket
import Synchronization
import Testing

struct LineServerTests {
    @Test func linesAreAnsweredHoweverTheyAreCut() async throws {
        let lines = try await withServer(echo) { running in
            try await running.clients { path in
                let client = try RawClient(path)
                for piece in ["\r\nfi", "rst\nsecond\nth", "ird\r\n\n", "unended"] { try client.write(piece) }
                client.finish()
                return try client.channel.rest()
            }
        }
        #expect(lines.sorted() == ["first", "second", "third"])
    }

    @Test func aHundredInterleavedRequestsAreAnsweredInTheOrderTheyAreReady() async throws {
        let gates = (0..<100).map { _ in Gate() }
        let order = Array(0..<100).shuffled()
        let answers = try await withServer({ line, connection in
            await gates[Int(line.text) ?? 0].wait()
            await connection.send(OutboundLine(line.bytes))
        }) { running in
            try await running.clients { path in
                let channel = try LineChannel(path)
                for number in 0..<100 { try channel.send("\(number)") }
                return try order.map { number in
                    gates[number].open()
                    return try channel.next()
                }
            }
        }
        #expect(answers == order.map { "\($0)" })
    }

    @Test func aHalfClosedClientGetsEveryAnswerAndThenTheEnd() async throws {
        let halfClosed = Gate()
        let answers = try await withServer({ line, connection in
            await halfClosed.wait()
            await connection.send(OutboundLine(line.bytes))
        }) { running in
            try await running.clients { path in
                let channel = try LineChannel(path)
                for number in 0..<10 { try channel.send("\(number)") }
                try channel.finishSending()
                halfClosed.open()
                return try channel.rest()
            }
        }
        #expect(answers.sorted() == (0..<10).map { "\($0)" })
    }

    @Test func aClientThatIsGoneHasItsRequestsHandledAndItsHandlersCancelled() async throws {
        let seen = Mutex<[String]>([])
        let gone = Gate()
        try await withServer({ line, connection in
            seen.withLock { $0.append(line.text) }
            await withTaskCancellationHandler {
                await gone.wait()
            } onCancel: {
                gone.open()
            }
            await connection.send(OutboundLine(line.bytes))
        }) { running in
            try await running.clients { path in
                let client = try RawClient(path)
                try client.write("a\nb\n")
            }
            await gone.wait()
        }
        #expect(seen.withLock { $0.sorted() } == ["a", "b"])
    }

    @Test func whatWasWrittenBeforeLeavingIsReadAlthoughAnAnswerCouldNotBeSent() async throws {
        let seen = Mutex<[String]>([])
        let last = Gate()
        var limits = LineServer.Limits()
        limits.unansweredPerConnection = 1
        try await withServer(
            limits: limits,
            { line, connection in
                seen.withLock { $0.append(line.text) }
                await connection.send(OutboundLine(line.bytes))
                if line.text == "3" { last.open() }
            }
        ) { running in
            try await running.clients { path in
                let client = try RawClient(path)
                for number in 1...3 { try client.write("\(number)\n") }
            }
            await last.wait()
        }
        #expect(seen.withLock { $0 } == ["1", "2", "3"])
    }

    @Test func noMoreRequestsAreTakenThanMayBeUnanswered() async throws {
        var limits = LineServer.Limits()
        limits.unansweredPerConnection = 8
        let running = Mutex(0)
        let most = Mutex(0)
        let answers = try await withServer(
            limits: limits,
            { line, connection in
                let now = running.withLock { count in
                    count += 1
                    return count
                }
                most.withLock { $0 = max($0, now) }
                await Task.yield()
                running.withLock { $0 -= 1 }
                await connection.send(OutboundLine(line.bytes))
            }
        ) { server in
            try await server.clients { path in
                let client = try RawClient(path)
                try client.writeAll(Array((0..<500).map { "\($0)\n" }.joined().utf8))
                client.finish()
                return try client.channel.rest()
            }
        }
        #expect(Set(answers) == Set((0..<500).map { "\($0)" }))
        #expect(most.withLock { $0 } <= 8)
    }

    @Test func aStoppingServerAnswersWhatItOwesAndClosesWhatIsIdle() async throws {
        let (begun, stopping) = (Gate(), Gate())
        let answers = try await withServer({ line, connection in
            begun.open()
            await stopping.wait()
            await connection.send(OutboundLine(line.bytes))
        }) { running in
            async let busy = running.clients { path in
                let channel = try LineChannel(path)
                try channel.send("owed")
                return try channel.rest()
            }
            async let idle = running.clients { path in try LineChannel(path).rest() }
            await begun.wait()
            async let stopped: Void = running.server.stop(within: .seconds(60))
            let ofIdle = try await idle
            stopping.open()
            await stopped
            return try await [ofIdle, busy]
        }
        #expect(answers == [[], ["owed"]])
    }

    @Test func aStopThatIsOutOfTimeClosesEverything() async throws {
        let begun = Gate()
        let answers = try await withServer(
            grace: .zero,
            { _, _ in
                begun.open()
                let cancelled = Gate()
                await withTaskCancellationHandler {
                    await cancelled.wait()
                } onCancel: {
                    cancelled.open()
                }
            }
        ) { running in
            async let answers = running.clients { path in
                let channel = try LineChannel(path)
                try channel.send("never")
                return try channel.rest()
            }
            await begun.wait()
            await running.server.stop(within: .zero)
            return try await answers
        }
        #expect(answers == [])
    }
}
