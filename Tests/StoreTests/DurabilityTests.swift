// What a commit waits for.

import GRDB
import TestKit
import Testing

@testable import Store

struct DurabilityTests {
    /// SQLite's numbers: 2 is FULL, a flush at each commit; 0 is OFF.
    @Test(arguments: [(Durability.full, 2), (.none, 0)])
    func aCommitWaitsForTheDiskUnlessItWasAskedNotTo(durability: Durability, synchronous: Int) throws {
        let directory = try TemporaryDirectory()
        let store = try Store(path: directory.file("state"), durability: durability, now: time(1000))
        let found = try store.pool.writeWithoutTransaction { try Int.fetchOne($0, sql: "PRAGMA synchronous") }
        #expect(found == synchronous)
    }
}
