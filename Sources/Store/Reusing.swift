// Using a result again: a new job that is done at once, with the images of an earlier identical one and nothing to pay.

import Wire

import Crypto
import FoundationEssentials
import GRDB

extension Store {
    /// Most earlier results that are looked at; those whose files are gone are passed over.
    private static let candidateCount = 8

    /// Admits a job that is done at once, if its uid has a done one with the same `reuseKey` whose files are there.
    ///
    /// - Parameter job: The new job; its hold and its number of calls are not looked at.
    /// - Returns: `.existing` and `.broken` as `admit`, `.new`, or nil when there is nothing to use; then nothing was
    ///   written.
    /// - Throws: `.full`, or what else SQLite says; then nothing was written.
    package func admitReused(_ job: NewJob) async throws(StoreError) -> Admitted? {
        guard let reuseKey = job.reuseKey else { return nil }
        let reuseHash = Data(SHA256.hash(data: reuseKey))
        let verdict: Result<Admitted?, StoreError> = try await commits.write { [artifacts, reserve] database in
            if let existing = try Self.existing(job, in: database) { return .success(existing) }
            if let missing = try Self.missing(of: job.conversation, in: database) { return .success(.broken(missing)) }
            guard try reserve.hasRoom() else { return .failure(.full) }
            let candidates = try Row.fetchAll(
                try database.cachedStatement(
                    sql: """
                        SELECT number, id FROM job INDEXED BY job_reusable
                        WHERE uid = ? AND reuse_hash = ? AND state = 'done' AND NOT EXISTS
                          (SELECT 1 FROM call WHERE call.job = job.number AND call.state <> 'done')
                        ORDER BY number DESC LIMIT ?
                        """), arguments: [job.origin.uid, reuseHash, Self.candidateCount])
            for candidate in candidates {
                let files = try String.fetchAll(
                    try database.cachedStatement(sql: "SELECT sha256 FROM artifact WHERE job = ? AND kind = 'final'"),
                    arguments: [candidate[0] as Int64])
                guard !files.isEmpty, files.allSatisfy(artifacts.isThere) else { continue }
                // No `reuse_hash` of its own: the earlier job stays the one that is found.
                let key = try Self.insertRow(
                    job, reuseHash: nil, state: .done, started: 0, ended: job.created, into: database)
                try key.copy(from: candidate[0], at: job.created, in: database)
                try key.auditReuse(of: candidate[1], job, in: database)
                FaultPoint.reach(.reuseBeforeCommit)
                return .success(.new)
            }
            return .success(nil)
        }
        let admitted = try verdict.get()
        if admitted == .new { FaultPoint.reach(.reuseAfterCommit) }
        if admitted == .new { artifacts.rowed(job.inputs.map(\.sha256)) }
        return admitted
    }
}

extension JobKey {
    /// Takes over what the calls of another job brought.
    fileprivate func copy(from other: Int64, at time: Timestamp, in database: Database) throws {
        let statements = [
            """
            INSERT INTO call (job, number, state, attempts, ended_ms)
              SELECT ?1, number, 'done', 0, ?3 FROM call WHERE job = ?2
            """,
            """
            INSERT INTO artifact (job, call, position, kind, sha256, mime_type, width, height, bytes, uid, made_ms)
              SELECT ?1, call, position, kind, sha256, mime_type, width, height, bytes, uid, ?3
              FROM artifact WHERE job = ?2
            """,
            "INSERT INTO turn (job, call, content) SELECT ?1, call, content FROM turn WHERE job = ?2 AND ?3 IS NOT NULL",
            """
            UPDATE job SET (model_answered, finish_reason, text, grounding, warnings, reused_from, saved_micros) =
              (SELECT model_answered, finish_reason, text, grounding, warnings, id, cost_micros FROM job
                WHERE number = ?2),
              cost_micros = 0, cost_basis = 'reused', queued_ms = 0, upstream_ms = 0, overhead_ms = 0
            WHERE number = ?1 AND ?3 IS NOT NULL
            """,
        ]
        for sql in statements {
            try database.cachedStatement(sql: sql).execute(arguments: [number, other, time.milliseconds])
        }
    }

    fileprivate func auditReuse(of other: String, _ job: NewJob, in database: Database) throws {
        try audit(
            .accepted, at: job.created, details: "{\"count\":\(job.callCount),\"holdMicros\":0\(job.auditedDetails)}",
            in: database)
        let saved = try Int64.fetchOne(
            database, sql: "SELECT saved_micros FROM job WHERE number = ?", arguments: [number])
        let images = try Int.fetchOne(
            database, sql: "SELECT count(*) FROM artifact WHERE job = ? AND kind = 'final'", arguments: [number])
        try audit(
            .ended, at: job.created,
            details: "{\"charged\":\"no\",\"costMicros\":0,\"images\":\(images ?? 0),\"reused\":\"\(other)\","
                + "\"savedMicros\":\(saved ?? 0)}",
            in: database)
    }
}
