import Glibc
import LineSocket
import Testing

struct RefusalTests {
    private func limits(_ change: (inout LineServer.Limits) -> Void) -> LineServer.Limits {
        var limits = LineServer.Limits()
        change(&limits)
        return limits
    }

    @Test func aLineOverTheLimitIsAnsweredThenClosed() async throws {
        let (good, bad) = (String(repeating: "a", count: 100), String(repeating: "a", count: 101))
        let answers = try await withServer(limits: limits { $0.maxLineBytes = 100 }, echo) { running in
            try await running.clients { path in
                let lines = [good + "\n" + bad + "\nmore\n", bad, good + "\n"]
                return try lines.map { line in
                    let client = try RawClient(path)
                    try client.write(line)
                    client.finish()
                    return try client.channel.rest().sorted()
                }
            }
        }
        #expect(answers == [[good, "too long"], ["too long"], [good]])
    }

    @Test func theWriterOfFourMegabytesReadsWhyItWasRefused() async throws {
        let answers = try await withServer(echo) { running in
            try await running.clients { path in
                let client = try RawClient(path)
                try client.writeAll([UInt8](repeating: 97, count: 4 * 1_048_576))
                return try client.channel.rest()
            }
        }
        #expect(answers == ["too long"])
    }

    @Test func whatIsOwedStillComesAfterALineThatIsTooLong() async throws {
        let refused = Gate()
        let answers = try await withServer(
            limits: limits { $0.maxLineBytes = 10 },
            { line, connection in
                await refused.wait()
                await connection.send(OutboundLine(line.bytes))
            }
        ) { running in
            try await running.clients { path in
                let channel = try LineChannel(path)
                try channel.send("owed")
                try channel.send("far too long a line")
                let first = try channel.next()
                refused.open()
                return try [first] + channel.rest()
            }
        }
        #expect(answers == ["too long", "owed"])
    }

    @Test func aRefusedPeerThatNeverEndsIsClosedInTime() async throws {
        let clock = ManualClock()
        try await withServer(limits: limits { $0.maxLineBytes = 10 }, timing: clock.timing, echo) { running in
            let client = try await running.clients { path in
                let client = try RawClient(path)
                try client.write("far too long a line")
                #expect(try client.channel.rest() == ["too long"])
                return client.socket
            }
            clock.advance(by: .seconds(4))
            await running.server.tick()
            #expect(await running.server.connectionCount == 1)
            clock.advance(by: .seconds(1))
            await running.server.tick()
            #expect(await running.server.connectionCount == 0)
            withExtendedLifetime(client) {}
        }
    }

    @Test func theProbeOfTheServersOwnProcessIsLetInOverEveryCap() async throws {
        let limits = limits {
            $0.connections = 1
            $0.connectionsPerUser = 1
            $0.exemptProcess = getpid()
        }
        try await withServer(limits: limits, echo) { running in
            let answers = try await running.clients { path in
                let first = try LineChannel(path)
                let second = try LineChannel(path)
                try first.send("first")
                try second.send("second")
                return try [first.next() ?? "", second.next() ?? ""]
            }
            #expect(answers == ["first", "second"])
        }
    }

    @Test(arguments: [true, false])
    func aConnectionOverACapIsToldSoAndClosed(isPerUser: Bool) async throws {
        let limits = limits { isPerUser ? ($0.connectionsPerUser = 2) : ($0.connections = 2) }
        try await withServer(limits: limits, echo) { running in
            let answers = try await running.clients { path in
                let first = try LineChannel(path)
                let second = try LineChannel(path)
                let third = try LineChannel(path)
                try third.send("somebody writes before it reads")
                let ofThird = try third.rest()
                try first.send("first")
                try second.send("second")
                return try ofThird + [first.next() ?? "", second.next() ?? ""]
            }
            #expect(answers == ["too many", "first", "second"])
            let counters = await running.server.counters
            #expect(counters.accepted == 2)
            #expect(counters.refused == 1)
        }
    }

    @Test func aPlaceThatIsGivenBackIsTakenAgain() async throws {
        let answers = try await withServer(limits: limits { $0.connections = 1 }, echo) { running in
            try await running.clients { path in
                try (0..<5).map { number in
                    let channel = try LineChannel(path)
                    try channel.send("\(number)")
                    try channel.finishSending()
                    return try channel.rest()
                }
            }
        }
        #expect(answers == (0..<5).map { ["\($0)"] })
    }
}
