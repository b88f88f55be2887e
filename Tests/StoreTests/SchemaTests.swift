// An older database, with jobs in it, becomes one of today.

import Foundation
import GRDB
import Store
import Testing
import Wire

struct SchemaTests {
    @Test func aDatabaseOfTheFirstSchemaKeepsItsJobs() async throws {
        let state = try StateFixture()
        do {
            let store = try state.open()
            _ = try await store.admit(newJob("a"), started: 1)
            _ = try await store.finish(finished("a"))
            _ = try await store.admit(newJob("b"), started: 0)
        }
        try state.edit { database in
            try database.execute(
                sql: """
                    DROP TABLE turn;
                    DROP INDEX job_reusable;
                    ALTER TABLE job DROP COLUMN continues;
                    ALTER TABLE job DROP COLUMN grounding;
                    ALTER TABLE job DROP COLUMN reuse_hash;
                    ALTER TABLE job DROP COLUMN reused_from;
                    ALTER TABLE job DROP COLUMN saved_micros;
                    DELETE FROM grdb_migrations WHERE identifier <> '1';
                    """)
        }
        let store = try state.open()
        let done = try #require(try await store.job(JobID(rawValue: "a"))).result
        #expect(done.state == .done && done.images.count == 1 && !done.reused && done.continues == nil)
        #expect(try await store.openJobs().map(\.id.rawValue) == ["b"])
        #expect(try await store.verifyAudit().firstBroken == nil)
    }
}
