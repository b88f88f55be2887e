// What the run before left: what was under way when it ended is of unknown outcome, and is never sent again by itself.

import GRDB
import Wire

enum Recovery {
    /// Ends every call that was under way.
    ///
    /// As what it was where its image arrived whole, else as `unknown`, its hold kept. Queued and waiting jobs stay as
    /// they are.
    ///
    /// - Parameters:
    ///   - database: In the transaction that everything of this is in.
    ///   - receipts: See `Receipt.left`.
    ///   - artifacts: The files.
    ///   - now: The time that is written into rows.
    /// - Returns: The jobs of which a call's outcome is unknown from now on.
    /// - Throws: What the database says.
    static func run(
        in database: Database, receipts: [String: Receipt], artifacts: ArtifactStore, now: Timestamp
    ) throws -> [JobID] {
        let open = try String.fetchAll(
            database,
            sql: "SELECT id FROM job WHERE ended_ms IS NULL AND state IN ('sent','receiving') ORDER BY id")
        var lost: [JobID] = []
        for id in open.map(JobID.init(rawValue:)) {
            guard let job = try JobKey.fetch(id, in: database) else { continue }
            let calls = try Int.fetchAll(
                database,
                sql: "SELECT number FROM call WHERE job = ? AND state IN ('sent','receiving')",
                arguments: [job.number])
            var isLost = false
            for call in calls {
                if let receipt = receipts[Receipt.name(job: id, call: call)],
                    finish(job, receipt, artifacts, now: now, in: database)
                {
                    continue
                }
                isLost = true
                let error = WireError(
                    .outcomeUnknown, "the daemon stopped while the request was under way",
                    hint: "it is not sent again by itself; look at upstream's own record before you ask again",
                    charged: .unknown, job: id)
                _ = try job.end(
                    .lose,
                    FailedCall(job: id, call: call, at: now, error: error, costMicros: 0, timing: nil), in: database)
            }
            if isLost { lost.append(id) }
        }
        FaultPoint.reach(.recoveryBeforeCommit)
        return lost
    }

    /// Ends a call as its receipt says.
    ///
    /// What stands in the way, a file that is not whole or anything else, leaves
    /// nothing behind and keeps no daemon from starting: the outcome is unknown then, as without a receipt.
    private static func finish(
        _ job: JobKey, _ receipt: Receipt, _ artifacts: ArtifactStore, now: Timestamp, in database: Database
    ) -> Bool {
        var isFinished = false
        try? database.inSavepoint {
            let end = receipt.end(at: now)
            guard try artifacts.hasWhole(receipt),
                try job.move(
                    end.error == nil ? .finish : .fail, call: end.call, at: now, error: end.error, in: database)
            else { return .rollback }
            try job.keep(end, in: database)
            isFinished = true
            return .commit
        }
        return isFinished
    }
}
