// What the run before left: what was under way when it ended is of unknown outcome, and is never sent again by itself.

package import Wire

import GRDB

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
        let open = try Row.fetchAll(
            database,
            sql: """
                SELECT job.id, call.number FROM job INDEXED BY job_in_state JOIN call ON call.job = job.number
                WHERE job.state IN ('sent','receiving') AND call.state IN ('sent','receiving')
                ORDER BY job.id, call.number
                """)
        var lost: [JobID] = []
        for row in open {
            let id = JobID(rawValue: row[0])
            let call: Int = row[1]
            guard let job = try JobKey.fetch(id, in: database) else { continue }
            if let receipt = receipts[Receipt.name(job: id, call: call)],
                finish(job, receipt, artifacts, now: now, in: database)
            {
                continue
            }
            let error = WireError(
                .outcomeUnknown, "the daemon stopped while the request was under way",
                hint: "it is not sent again by itself; look at upstream's own record before you ask again",
                charged: .unknown, job: id)
            _ = try job.end(
                .lose, FailedCall(job: id, call: call, at: now, error: error, costMicros: 0, timing: nil),
                in: database)
            if lost.last != id { lost.append(id) }
        }
        try cancelAsked(now: now, in: database)
        FaultPoint.reach(.recoveryBeforeCommit)
        return lost
    }

    /// Ends what somebody cancelled while it was under way and a refusal has put in line again.
    private static func cancelAsked(now: Timestamp, in database: Database) throws {
        let open = try Row.fetchAll(
            database,
            sql: """
                SELECT job.id, call.number FROM job INDEXED BY job_cancel_asked JOIN call ON call.job = job.number
                WHERE cancel_asked_ms IS NOT NULL AND job.ended_ms IS NULL AND call.state IN ('queued','waiting')
                """)
        for row in open {
            let id = JobID(rawValue: row[0])
            let ended = FailedCall(
                job: id, call: row[1], at: now, error: .jobCancelled(id), costMicros: 0, timing: nil)
            _ = try JobKey.fetch(id, in: database)?.end(.cancel, ended, in: database)
        }
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
            let end = receipt.end(with: try artifacts.whole(receipt), at: now)
            guard end.artifacts.contains(where: { $0.kind == .final }),
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

extension WireError {
    /// The end of a call that was cancelled and not sent.
    package static func jobCancelled(_ id: JobID) -> WireError {
        WireError(.cancelled, "the job was cancelled", charged: .no, job: id)
    }
}
