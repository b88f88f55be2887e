import LineSocket
import Synchronization
import Testing

struct DescriptorTests {
    /// Answers a line with itself and the contents of its descriptors.
    @Sendable static func show(_ line: Line, _ connection: LineConnection) async {
        let contents = line.descriptors.map(\.contents).joined(separator: ",")
        await connection.send(OutboundLine(Array("\(line.text): \(contents)".utf8)))
    }

    @Test func descriptorsComeWithTheirLineOnly() async throws {
        let answers = try await withServer(Self.show) { running in
            try await running.clients { path in
                let client = try RawClient(path)
                try client.write("a\nb\n")
                try client.write("one\n", [makeFile("1")])
                try client.write("c\nd")
                try client.write("\n")
                try client.write("two\n", [makeFile("1"), makeFile("2")])
                try client.write("e\n")
                client.finish()
                return try client.channel.rest().sorted()
            }
        }
        #expect(answers == ["a: ", "b: ", "c: ", "d: ", "e: ", "one: 1", "two: 1,2"])
    }

    @Test func aLineCarriesAsManyAsTheKernelAllows() async throws {
        let answer = try await withServer({ line, connection in
            await connection.send(OutboundLine(Array("\(line.descriptors.count)".utf8), descriptors: line.descriptors))
        }) { running in
            try await running.clients { path in
                let channel = try LineChannel(path)
                let file = try makeFile("the same")
                try channel.send("many", [OwnedDescriptor](repeating: file, count: 253))
                let line = try channel.receive(until: LineChannel.patience)
                return (line?.text, line?.descriptors.map(\.contents))
            }
        }
        #expect(answer.0 == "253")
        #expect(answer.1 == [String](repeating: "the same", count: 253))
    }

    @Test func aDescriptorThatNobodyKeepsIsClosed() async throws {
        let ends = try await withServer(echo) { running in
            try await running.clients { path in
                let client = try RawClient(path)
                let lines = ["complete\n", "\n", "incomplete"]
                let kept = try lines.map { line in
                    let (ours, theirs) = try makePair()
                    try client.write(line, [theirs])
                    return ours
                }
                client.finish()
                let answers = try client.channel.rest()
                return try [answers] + kept.map { try LineChannel(adopting: $0).rest() }
            }
        }
        #expect(ends == [["complete"], [], [], []])
    }

    @Test func unfinishedLinesDoNotTakeAllDescriptors() async throws {
        var limits = LineServer.Limits()
        limits.unfinishedDescriptors = 3
        let answers = try await withServer(limits: limits, Self.show) { running in
            let answers = try await running.clients { path in
                let file = try makeFile("f")
                let client = try RawClient(path)
                try client.write("too", [file, file])
                try client.write(" many", [file, file])
                try client.write("\n")
                try client.write("kept", [file, file, file])
                try client.write("\n")
                try client.write("left unfinished", [file, file, file])
                client.finish()
                let ofFirst = try client.channel.rest().sorted()
                let next = try RawClient(path)
                try next.write("next", [file, file, file])
                try next.write("\n")
                next.finish()
                return try ofFirst + next.channel.rest()
            }
            #expect(await running.server.counters.droppedDescriptors == 4)
            return answers
        }
        #expect(answers == ["kept: f,f,f", "too many: ", "next: f,f,f"])
    }

    @Test func answersSentTogetherEachHoldTheirOwnDescriptor() async throws {
        let answers = try await withServer({ line, connection in
            for number in 0..<50 {
                guard let file = try? makeFile("\(number)") else { return }
                await connection.send(OutboundLine(Array("plain \(number)".utf8)))
                await connection.send(OutboundLine(Array("file \(number)".utf8), descriptors: [file]))
            }
        }) { running in
            try await running.clients { path in
                let channel = try LineChannel(path)
                try channel.send("all")
                try channel.finishSending()
                var answers: [String] = []
                while let line = try channel.receive(until: LineChannel.patience) {
                    answers.append("\(line.text): \(line.descriptors.map(\.contents))")
                }
                return answers
            }
        }
        #expect(answers == (0..<50).flatMap { ["plain \($0): []", "file \($0): [\"\($0)\"]"] })
    }

    @Test func anAnswerForAPeerThatIsGoneClosesItsDescriptors() async throws {
        let (ours, theirs) = try makePair()
        let left = Gate()
        let slot = Mutex<OwnedDescriptor?>(consume theirs)
        try await withServer({ line, connection in
            await left.wait()
            guard let descriptor = slot.withLock({ $0.take() }) else { return }
            await connection.send(OutboundLine(line.bytes, descriptors: [descriptor]))
        }) { running in
            try await running.clients { path in try RawClient(path).write("x\n") }
            left.open()
            let untilClosed = try await onOwnThread { try LineChannel(adopting: ours).rest() }
            #expect(untilClosed == [])
        }
    }
}
