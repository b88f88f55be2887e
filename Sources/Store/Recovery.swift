// What the run before left: what was under way when it ended is of unknown outcome, and is never sent again by itself.

import GRDB
import Wire

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
        FaultPoint.reach(.recoveryBeforeCommit)
        return lost
    }
}
