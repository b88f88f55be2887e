// Clients that go away at every step, that never read, and two that ask the same thing at one instant.

import Foundation
import Glibc
import Synchronization
import TestKit
import Testing
import Wire

@Suite(.serialized) struct VanishingClientTests {
    private let scene: Scene
    private let daemon: RunningDaemon

    init() throws {
        scene = try Scene(try RunningSimulator())
        daemon = try scene.start()
    }

    private func request(_ prompt: String, delivery: String = "none") -> String {
        let text = String(decoding: WireJSON.encode(prompt), as: UTF8.self)
        return #"{"jsonrpc":"2.0","id":1,"method":"image.generate","params":{"prompt":\#(text),"imageSize":"512","#
            + #""delivery":"\#(delivery)","idempotencyKey":\#(text)}}"#
    }

    @Test func aClientMayGoAfterAnyStepAndItsJobIsThereForTheNext() throws {
        let latency = #"{sim:{"latencyMilliseconds":150,"chunkBytes":20000,"chunkDelayMilliseconds":20}}"#
        let steps: [(name: String, act: (RawSocket, String) throws -> Void)] = [
            ("connected", { _, _ in }),
            ("half a line", { socket, prompt in try socket.send(Array(request(prompt).utf8.prefix(40))) }),
            ("sent", { socket, prompt in try socket.send(request(prompt)) }),
            (
                "half-closed",
                { socket, prompt in
                    try socket.send(request(prompt))
                    socket.finishWriting()
                }
            ),
            (
                "told that it is queued or sent",
                { socket, prompt in
                    try socket.send(request(prompt))
                    _ = try socket.receiveMessage()
                }
            ),
            (
                "told twice",
                { socket, prompt in
                    try socket.send(request(prompt))
                    _ = try socket.receiveMessage()
                    _ = try socket.receiveMessage()
                }
            ),
            (
                "half an answer",
                { socket, prompt in
                    try socket.send(request(prompt, delivery: "inline"))
                    while try socket.receiveMessage()["id"] == nil {}
                }
            ),
        ]
        var caller = Caller(scene.socket)
        for step in steps {
            let prompt = "\(step.name) \(latency)"
            let socket = try RawSocket(scene.socket)
            try step.act(socket, prompt)
            socket.close()
            guard case .result(let result) = caller.generate(prompt, key: prompt) else {
                Issue.record("no result after \(step.name)")
                continue
            }
            #expect(result.state == .done)
        }
        let books = try Books(
            of: scene.state, calls: try scene.simulator.calls(), accepted: caller.knowledge.accepted,
            answered: caller.knowledge.images)
        #expect(books.isClean, "\(books)")
        #expect(books.jobs == steps.count)
        #expect(daemon.process.isRunning)
    }

    @Test func aClientThatNeverReadsHasItsJobsDoneAllTheSame() throws {
        let silent = try RawSocket(scene.socket)
        for number in 0..<20 {
            try silent.send(
                #"{"jsonrpc":"2.0","id":\#(number),"method":"image.generate","params":{"prompt":"silent \#(number)","#
                    + #""imageSize":"512","delivery":"none","idempotencyKey":"silent \#(number)"}}"#)
        }
        var caller = Caller(scene.socket)
        for number in 0..<20 { _ = caller.generate("silent \(number)", key: "silent \(number)") }
        #expect(caller.knowledge.done == 20)
        let books = try Books(
            of: scene.state, calls: try scene.simulator.calls(), accepted: caller.knowledge.accepted,
            answered: caller.knowledge.images)
        #expect(books.isClean && books.jobs == 20, "\(books)")
    }

    @Test func twoWithTheSameKeyAtOneInstantShareOneCall() throws {
        let told = Mutex<[JobID]>([])
        for round in 0..<20 {
            let socket = scene.socket
            DispatchQueue.concurrentPerform(iterations: 4) { _ in
                var caller = Caller(socket)
                if case .result(let result) = caller.generate("twins \(round)", key: "twins \(round)") {
                    told.withLock { $0.append(result.job) }
                }
            }
        }
        let jobs = told.withLock { $0 }
        #expect(jobs.count == 80 && Set(jobs).count == 20)
        let calls = try scene.simulator.calls()
        #expect(calls.count == 20 && calls.values.allSatisfy { $0 == 1 }, "\(calls)")
    }
}
