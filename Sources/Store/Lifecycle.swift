// The transactions of a job's life. Each answers whether the move was the caller's to make: false or nil means that
// somebody else moved the job first, and nothing was written.

package import Wire

import Crypto
import FoundationEssentials
import GRDB

extension Store {
    /// Admits a job: its rows, its hold and its audit row, durable when this returns.
    ///
    /// - Parameters:
    ///   - job: The new job; its id is not in the store.
    ///   - isStarted: That it has a slot already, so that admission and `sent` are one transaction.
    /// - Returns: `.existing` when the uid used the idempotency key before; then nothing was written.
    /// - Throws: `.full`, or what else SQLite says; then nothing was written.
    package func admit(_ job: NewJob, isStarted: Bool) async throws(StoreError) -> Admitted {
        let hash = Data(SHA256.hash(data: job.request))
        return try await commits.write { database in
            if let key = job.idempotencyKey {
                let row = try Row.fetchOne(
                    try database.cachedStatement(
                        sql: "SELECT id, request_hash FROM job WHERE uid = ? AND idempotency_key = ?"),
                    arguments: [job.origin.uid, key])
                if let row { return .existing(JobID(rawValue: row[0]), isSame: (row[1] as Data) == hash) }
            }
            try Self.insert(job, hash: hash, isStarted: isStarted, into: database)
            return .new
        }
    }

    private static func insert(_ job: NewJob, hash: Data, isStarted: Bool, into database: Database) throws {
        let state = isStarted ? JobState.sent : .queued
        let created = job.created.milliseconds
        let sent = isStarted ? created : nil
        let warnings = job.warnings.isEmpty ? nil : String(decoding: WireJSON.encode(job.warnings), as: UTF8.self)
        try database.cachedStatement(
            sql: """
                INSERT INTO job (id, uid, gid, pid, unit, socket, state, priority, label, project, route, model_asked,
                  model_sent, request, request_hash, idempotency_key, requested_ratio, requested_size, created_ms,
                  deadline_ms, started_ms, attempts, warnings)
                VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)
                """
        ).execute(arguments: [
            job.id.rawValue, job.origin.uid, job.origin.gid, job.origin.pid, job.origin.unit, job.origin.socket,
            state.rawValue, job.priority.rawValue, job.label, job.project, job.route, job.model.asked, job.model.sent,
            String(decoding: job.request, as: UTF8.self), hash, job.idempotencyKey, job.requested.aspectRatio,
            job.requested.imageSize, created, job.deadline.milliseconds, sent, isStarted ? 1 : 0, warnings,
        ])
        let number = database.lastInsertedRowID
        for call in 0..<job.callCount {
            try database.cachedStatement(
                sql: "INSERT INTO call (job, number, state, attempts, sent_ms) VALUES (?,?,?,?,?)"
            ).execute(arguments: [number, call, state.rawValue, isStarted ? 1 : 0, sent])
            try database.cachedStatement(
                sql: "INSERT INTO hold (job, call, state, held_micros, made_ms) VALUES (?,?,'held',?,?)"
            ).execute(arguments: [number, call, job.holdMicros, created])
        }
        let key = JobKey(
            id: job.id, number: number, origin: job.origin, project: job.project, model: job.model.sent)
        let label = job.label.map { ",\"label\":" + String(decoding: WireJSON.encode($0), as: UTF8.self) } ?? ""
        let held = job.holdMicros * Int64(job.callCount)
        let details = "{\"count\":\(job.callCount),\"holdMicros\":\(held)\(label)}"
        try key.audit(.accepted, at: job.created, details: details, in: database)
        if isStarted { try key.audit(.sent, at: job.created, details: "{\"attempt\":1}", in: database) }
    }

    /// Marks a call as sent: after this it may cost money, so this comes before the first byte.
    package func start(_ id: JobID, call: Int, at time: Timestamp) async throws(StoreError) -> Bool {
        try await move(.start, id, call: call, at: time, event: .sent)
    }

    /// Marks that the head of the answer came.
    package func receive(_ id: JobID, call: Int, at time: Timestamp) async throws(StoreError) -> Bool {
        try await move(.receive, id, call: call, at: time, event: nil)
    }

    /// Sends a call back to wait for another attempt, after a refusal that cost nothing.
    package func requeue(_ id: JobID, call: Int, at time: Timestamp) async throws(StoreError) -> Bool {
        try await move(.requeue, id, call: call, at: time, event: .requeued)
    }

    private func move(
        _ transition: Transition, _ id: JobID, call: Int, at time: Timestamp, event: AuditEvent?
    ) async throws(StoreError) -> Bool {
        try await commits.write { database in
            guard let job = try JobKey.fetch(id, in: database),
                try job.move(transition, call: call, at: time, in: database)
            else { return false }
            if let event { try job.audit(event, at: time, details: nil, in: database) }
            return true
        }
    }

    /// Keeps what a call brought: artifacts, usage, the hold settled, the call ended.
    package func finish(_ end: FinishedCall) async throws(StoreError) -> JobResult? {
        let result: JobResult? = try await commits.write { database in
            guard let job = try JobKey.fetch(end.job, in: database),
                try job.move(.finish, call: end.call, at: end.at, in: database)
            else { return nil }
            try job.keep(end, in: database)
            return try JobRecord.fetch(end.job, in: database)?.result
        }
        if result != nil { artifacts.rowed(end.artifacts.map(\.entry.sha256)) }
        return result
    }

    /// Ends a call without an image: `.fail` or `.lose` after it was sent, `.refuse` before, `.cancel` for somebody.
    ///
    /// - Parameters:
    ///   - transition: The move; where it may start from is the verdict.
    ///   - call: The call and its error.
    ///   - actor: Who asked for the end, when that is not the job's owner as it was admitted; named in the audit row.
    /// - Returns: Nil when the call was elsewhere; then nothing was written.
    /// - Throws: `.full`, or what else SQLite says; then nothing was written.
    package func end(
        _ transition: Transition, _ call: FailedCall, by actor: Origin? = nil
    ) async throws(StoreError) -> JobResult? {
        try await commits.write { database in
            guard let job = try JobKey.fetch(call.job, in: database),
                try job.end(transition, call, by: actor, in: database)
            else { return nil }
            return try JobRecord.fetch(call.job, in: database)?.result
        }
    }

    /// Writes rows of the audit chain that belong to no move of a job.
    package func record(_ entry: AuditEntry) async throws(StoreError) {
        try await commits.write { try AuditChain.append(entry, to: $0) }
    }
}

extension JobKey {
    fileprivate func keep(_ end: FinishedCall, in database: Database) throws {
        let at = end.at.milliseconds
        for (position, artifact) in end.artifacts.enumerated() {
            let entry = artifact.entry
            try database.cachedStatement(
                sql: """
                    INSERT INTO artifact (job, call, position, kind, sha256, mime_type, width, height, bytes, uid,
                      made_ms)
                    VALUES (?,?,?,?,?,?,?,?,?,?,?)
                    """
            ).execute(arguments: [
                number, end.call, position, artifact.kind.rawValue, entry.sha256, entry.mimeType, entry.width,
                entry.height, entry.bytes, origin.uid, at,
            ])
        }
        try database.cachedStatement(
            sql: """
                INSERT INTO usage (job, call, at_ms, uid, project, model, prompt_tokens, output_tokens, image_tokens,
                  thought_tokens, images, cost_micros, basis) VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?)
                """
        ).execute(arguments: [
            number, end.call, at, origin.uid, project, model, end.usage?.promptTokens, end.usage?.outputTokens,
            end.usage?.imageTokens, end.usage?.thoughtTokens, end.artifacts.count, end.costMicros, end.basis.rawValue,
        ])
        try close(holdOf: end.call, costMicros: end.costMicros, at: end.at, in: database)
        try database.cachedStatement(
            sql: """
                UPDATE job SET model_answered = coalesce(?, model_answered), finish_reason = coalesce(?, finish_reason),
                  text = coalesce(?, text), cost_micros = coalesce(cost_micros, 0) + ?, cost_basis = ?,
                  queued_ms = ?, upstream_ms = ?, overhead_ms = ? WHERE number = ?
                """
        ).execute(arguments: [
            end.modelAnswered, end.finishReason, end.text, end.costMicros, end.basis.rawValue, end.timing.queuedMs,
            end.timing.upstreamMs, end.timing.overheadMs, number,
        ])
        if !end.warnings.isEmpty { try add(end.warnings, in: database) }
        let details = "{\"charged\":\"yes\",\"costMicros\":\(end.costMicros),\"images\":\(end.artifacts.count)}"
        try audit(.ended, at: end.at, details: details, in: database)
    }

    private func add(_ warnings: [Warning], in database: Database) throws {
        let before = try String.fetchOne(
            try database.cachedStatement(sql: "SELECT warnings FROM job WHERE number = ?"), arguments: [number])
        let all = try (before.map { try WireJSON.decode([Warning].self, from: Array($0.utf8)) } ?? []) + warnings
        try database.cachedStatement(sql: "UPDATE job SET warnings = ? WHERE number = ?")
            .execute(arguments: [String(decoding: WireJSON.encode(all), as: UTF8.self), number])
    }
}
