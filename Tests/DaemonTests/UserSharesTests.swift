// Shares of what there is little of: first come, first served, and who leaves is no longer in the way.

import Synchronization
import Testing
import Wire

@testable import darkroomd

@Suite struct UserSharesTests {
    @Test func nobodyHasMoreThanAShareAndAnotherUserHasItsOwn() async throws {
        let shares = UserShares(of: 2)
        var held = try await shares.take(2, for: 1)
        #expect(held.count == 2)
        #expect(try await shares.take(2, for: 2).count == 2)
        let order = Mutex<[Int]>([])
        let note: @Sendable (Int) -> Void = { number in order.withLock { $0.append(number) } }
        let first = Task {
            let tokens = try await shares.take(2, for: 1)
            note(1)
            withExtendedLifetime(tokens) {}
        }
        held.removeLast()
        // One is free, and two are waited for: nobody overtakes.
        let second = Task {
            let tokens = try await shares.take(1, for: 1)
            note(2)
            withExtendedLifetime(tokens) {}
        }
        held.removeLast()
        try await first.value
        try await second.value
        #expect(order.withLock { Set($0) } == [1, 2])
    }

    @Test func whoIsCancelledLeavesTheLine() async throws {
        let shares = UserShares(of: 1)
        let held = Mutex<[UserShares.Token]>(try await shares.take(1, for: 1))
        let leaving = Task { try await shares.take(1, for: 1) }
        leaving.cancel()
        await #expect(throws: CancellationError.self) { try await leaving.value }
        held.withLock { $0 = [] }
        #expect(try await shares.take(1, for: 1).count == 1)
    }
}

@Suite struct SharedLooksTests {
    @Test func oneLookServesAllWhoAskMeanwhileAndSoonAfter() async {
        let looks = SharedLooks(freshFor: .seconds(3600))
        let count = Mutex(0)
        let (gate, open) = AsyncStream.makeStream(of: Void.self)
        let run: @Sendable () async -> [Diagnose.Step] = {
            count.withLock { $0 += 1 }
            for await _ in gate { break }
            return []
        }
        async let first = looks.steps(of: "a", run)
        async let second = looks.steps(of: "a", run)
        open.yield()
        open.finish()
        _ = await (first, second)
        _ = await looks.steps(of: "a", run)
        #expect(count.withLock { $0 } == 1)
        _ = await looks.steps(of: "b", run)
        #expect(count.withLock { $0 } == 2)
        looks.forget("a")
        _ = await looks.steps(of: "a", run)
        #expect(count.withLock { $0 } == 3)
    }

    @Test func aUserHasFourDiagnosesUnderWay() throws {
        let looks = SharedLooks()
        for _ in 0..<4 { try looks.enter(1) }
        #expect(throws: WireError.self) { try looks.enter(1) }
        #expect(throws: Never.self) { try looks.enter(2) }
        looks.leave(1)
        #expect(throws: Never.self) { try looks.enter(1) }
    }
}
