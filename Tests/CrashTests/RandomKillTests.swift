// Kills at random times under the load of twenty clients, each of which comes back for what it was not told.

import Foundation
import Glibc
import Synchronization
import TestKit
import Testing
import Wire

@Suite(.serialized) struct RandomKillTests {
    private static let clientCount = 20
    /// Fifty unless the environment's DARKROOM_KILLS says otherwise.
    private static let kills = ProcessInfo.processInfo.environment["DARKROOM_KILLS"].flatMap(Int.init) ?? 50
    /// The simulator keeps the last ten thousand requests.
    private static let harvest = 50

    @Test(.backs(.paidForOnceAndKept)) func nothingIsLostOrDoubledByKillsAtRandomTimes() throws {
        let scene = try Scene(try RunningSimulator())
        let gate = Gate()
        let clients = Clients(count: Self.clientCount, socket: scene.socket, gate: gate)
        var calls: [String: Int] = [:]
        for kill in 1...Self.kills {
            let daemon = try scene.start()
            gate.open()
            // A random time is what this is about; from a start's first request to some jobs later.
            usleep(UInt32.random(in: 50_000...900_000))
            gate.shut()
            daemon.crash()
            if kill % Self.harvest == 0 { calls.merge(try harvest(scene.simulator)) { $0 + $1 } }
        }
        let last = try scene.start()
        gate.open()
        let knowledge = clients.finish()
        var caller = Caller(scene.socket)
        caller.knowledge = knowledge
        caller.waitForAll()
        calls.merge(try harvest(scene.simulator)) { $0 + $1 }
        let books = try Books(
            of: scene.state, calls: calls, accepted: knowledge.accepted, answered: knowledge.images)
        print("| kills | \(Books.heading) |\n| \(Self.kills) | \(books.row) |")
        #expect(books.isClean, "\(books)")
        #expect(books.jobs >= Self.kills && knowledge.done > 0)
        let strangers = knowledge.refused.filter { $0.kind != .stopping }
        #expect(strangers == [])
        last.crash()
        #expect(try scene.orphansOfTheNextRun() == [])
    }

    /// What the simulator was asked since it was last asked itself.
    private func harvest(_ simulator: RunningSimulator) throws -> [String: Int] {
        let calls = try simulator.calls()
        _ = try simulator.call("DELETE", "/requests")
        return calls
    }
}

/// Lets clients through while a daemon is there.
private final class Gate: Sendable {
    private let condition = NSCondition()
    private let isOpen = Atomic(false)

    func open() {
        condition.withLock {
            isOpen.store(true, ordering: .relaxed)
            condition.broadcast()
        }
    }

    func shut() { condition.withLock { isOpen.store(false, ordering: .relaxed) } }

    func pass() { condition.withLock { while !isOpen.load(ordering: .relaxed) { condition.wait() } } }
}

/// Clients on threads of their own that ask for one image after the other.
private final class Clients: Sendable {
    private let knowledge = Mutex(Knowledge())
    private let isEnough = Atomic(false)
    private let group = DispatchGroup()

    init(count: Int, socket: String, gate: Gate) {
        for client in 0..<count {
            group.enter()
            let thread = Thread { [self] in
                ask(client, Caller(socket), gate)
                group.leave()
            }
            thread.start()
        }
    }

    /// Asks under a key of its own for each image, and again under the same until it is told what became of it.
    private func ask(_ client: Int, _ caller: Caller, _ gate: Gate) {
        var caller = caller
        var number = 0
        while !isEnough.load(ordering: .relaxed) {
            number += 1
            // From at once to longer than most daemons live.
            let latency = [0, 0, 20, 80, 500].randomElement() ?? 0
            let prompt = "\(client)-\(number) {sim:{\"latencyMilliseconds\":\(latency)}}"
            let more = number % 5 == 0 ? onePixel : ""
            asking: while true {
                gate.pass()
                switch caller.generate(prompt, key: "\(client)-\(number)", more) {
                case .nothing: continue
                case .error(let error) where error.kind == .stopping: continue
                case .error, .result, .accepted: break asking
                }
            }
        }
        let told = caller.knowledge
        knowledge.withLock { $0.add(told) }
    }

    /// Lets each have the answer that it waits for; what they were told.
    func finish() -> Knowledge {
        isEnough.store(true, ordering: .relaxed)
        group.wait()
        return knowledge.withLock { $0 }
    }
}

extension Knowledge {
    fileprivate mutating func add(_ other: Knowledge) {
        accepted.formUnion(other.accepted)
        images.formUnion(other.images)
        done += other.done
        unknown += other.unknown
        refused += other.refused
    }
}
