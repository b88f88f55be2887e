// What the run before left: what was under way when it ended is of unknown outcome, and is never sent again by itself.

package import Wire

import GRDB

enum Recovery {
    /// Ends every call that was under way as `unknown`, its hold kept; queued and waiting jobs stay as they are.
    static func run(in database: Database, now: Timestamp) throws -> [JobID] {
        let rows = try Row.fetchAll(database, sql: "SELECT id, state FROM job WHERE ended_ms IS NULL ORDER BY id")
        var lost: [JobID] = []
        for row in rows where ["sent", "receiving"].contains(row["state"] as String) {
            let id = JobID(rawValue: row["id"])
            guard let job = try JobKey.fetch(id, in: database) else { continue }
            let calls = try Int.fetchAll(
                database,
                sql: "SELECT number FROM call WHERE job = ? AND state IN ('sent','receiving')",
                arguments: [job.number])
            for call in calls {
                let error = WireError(
                    .outcomeUnknown, "the daemon stopped while the request was under way",
                    hint: "it is not sent again by itself; look at upstream's own record before you ask again",
                    charged: .unknown, job: id)
                _ = try job.end(
                    .lose,
                    FailedCall(job: id, call: call, at: now, error: error, costMicros: 0, timing: nil), in: database)
            }
            lost.append(id)
        }
        return lost
    }
}

extension Store {
    /// Removes artifact files that no row names and that are older than a time: left by a run that was killed between
    /// the file and its row.
    ///
    /// - Returns: How many were removed.
    @concurrent
    package func sweepArtifacts(olderThan time: Timestamp) async throws(StoreError) -> Int {
        var removed = 0
        for name in try artifacts.names() {
            guard !Task.isCancelled else { break }
            let isNamed = try await read { database in
                try Bool.fetchOne(
                    try database.cachedStatement(
                        sql: """
                            SELECT EXISTS (SELECT 1 FROM artifact WHERE sha256 = ?1)
                              OR EXISTS (SELECT 1 FROM input WHERE sha256 = ?1)
                            """),
                    arguments: [name]) ?? true
            }
            if !isNamed, artifacts.remove(name, ifOlderThan: time) { removed += 1 }
        }
        return removed
    }
}
