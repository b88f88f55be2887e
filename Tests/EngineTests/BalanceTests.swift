// The books balance: a random run through engine and store, looked at after every step in memory and in the file.

import Engine
import Foundation
import Quota
import Store
import TestKit
import Testing
import Wire

struct BalanceTests {
    private struct Random: RandomNumberGenerator {
        var state: UInt64

        mutating func next() -> UInt64 {
            state &+= 0x9E37_79B9_7F4A_7C15
            var word = state
            word = (word ^ (word >> 30)) &* 0xBF58_476D_1CE4_E5B9
            word = (word ^ (word >> 27)) &* 0x94D0_49BB_1331_11EB
            return word ^ (word >> 31)
        }
    }

    private func expectBalance(_ bench: Bench, _ step: String) async throws {
        let balance = try await bench.store.balance()
        // Calls that one commit has ended are settled in memory one after the other, a moment later.
        for _ in 0..<100_000 where bench.engine.balance.held != balance.held { await Task.yield() }
        #expect(balance.held + balance.settled + balance.released == balance.admitted, "\(step)")
        #expect(bench.engine.isBalanced, "\(step)")
        #expect(bench.engine.balance.held == balance.held, "\(step)")
    }

    @Test(.backs(.noLimitIsCrossed), arguments: [1, 2, 3])
    func heldAndSettledAndReleasedAreAllThatWasAdmittedAfterEveryStep(seed: UInt64) async throws {
        let fixture = EngineFixture()
        var random = Random(state: seed)
        var unknown: [JobID] = []
        // Each round is a run of its own, so that each begins with what the one before has written.
        for round in 0..<6 {
            let left = unknown
            let choices = (0..<25).map { _ in
                (Int.random(in: 0..<8, using: &random), Int.random(in: 1...3, using: &random))
            }
            unknown += try await fixture.run(slots: 100) { bench in
                var lost: [JobID] = []
                _ = try await bench.engine.quota(of: nil, terms: Terms())
                try await expectBalance(bench, "round \(round)")
                for id in left.prefix(round % 2 == 0 ? 1 : 0) {
                    _ = try? await bench.engine.resolve(id, charged: round % 4 == 0, by: admin)
                    try await expectBalance(bench, "resolve")
                }
                for (choice, count) in choices {
                    let id = try await bench.engine.generate(params { $0.count = count }, from: alice)
                    var exchanges: [FakeGenerator.Exchange] = []
                    for _ in 0..<count { exchanges.append(await bench.fake.next()) }
                    for exchange in exchanges {
                        switch choice {
                        case 0: exchange.end(.failed(WireError(.blocked, "no", charged: .no)))
                        case 1: exchange.end(.failed(WireError(.upstreamInvalid, "what?", charged: .unknown)))
                        case 2: exchange.end(.failed(WireError(.noImage, "none", charged: .yes)))
                        case 3:
                            exchange.end(.outcomeUnknown(WireError(.outcomeUnknown, "it broke off")))
                        case 4:
                            let none = WireError(.noQuota, "none", charged: .no)
                            exchange.end(.refused(none, retryAfter: nil, scope: .call))
                        case 5:
                            _ = try await bench.engine.cancel(id, by: alice)
                            try exchange.answer()
                        default: try exchange.answer()
                        }
                    }
                    _ = try await bench.engine.wait(for: id, from: alice)
                    if choice == 3 { lost.append(id) }
                    if choice == 5 { try await bench.ended(id) }
                    try await expectBalance(bench, "choice \(choice), \(count) calls")
                }
                return lost
            }
        }
    }
}

extension Bench {
    /// Waits until a cancelled job has become what it becomes.
    fileprivate func ended(_ id: JobID) async throws {
        while try await engine.result(of: id, for: alice).state.isEnded == false {
            _ = try await engine.wait(for: id, from: alice)
        }
    }
}
