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
    ///   - started: How many of its calls, from the first, have a slot already: their `sent` is part of the same
    ///     transaction.
    /// - Returns: `.existing` when the uid used the idempotency key before, `.broken` when its conversation is no longer
    ///   whole; then nothing was written.
    /// - Throws: `.full`, or what else SQLite says; then nothing was written.
    package func admit(_ job: NewJob, started: Int) async throws(StoreError) -> Admitted {
        let reuseHash = job.reuseKey.map { Data(SHA256.hash(data: $0)) }
        // What is refused is no error of its transaction, which would undo the group and have it run again.
        let verdict: Result<Admitted, StoreError> = try await commits.write { [reserve] database in
            if let existing = try Self.existing(job, in: database) { return .success(existing) }
            if let missing = try Self.missing(of: job.conversation, in: database) { return .success(.broken(missing)) }
            guard try reserve.hasRoom() else { return .failure(.full) }
            FaultPoint.reach(.inputBeforeRows)
            try Self.insert(job, reuseHash: reuseHash, started: started, into: database)
            FaultPoint.reach(.admissionBeforeCommit)
            return .success(.new)
        }
        let admitted = try verdict.get()
        FaultPoint.reach(.admissionAfterCommit)
        if admitted == .new { artifacts.rowed(job.inputs.map(\.sha256)) }
        return admitted
    }

    /// The job that a uid has under an idempotency key.
    package func job(under key: String, of owner: UInt32) async throws(StoreError) -> KeyedJob? {
        try await read { try Self.job(under: key, of: owner, in: $0) }
    }

    private static func job(under key: String, of owner: UInt32, in database: Database) throws -> KeyedJob? {
        let row = try Row.fetchOne(
            try database.cachedStatement(
                sql: "SELECT id, request_hash FROM job WHERE uid = ? AND idempotency_key = ?"),
            arguments: [owner, key])
        return row.map { KeyedJob(id: JobID(rawValue: $0[0]), hash: $0[1]) }
    }

    /// The job that this uid has under the same idempotency key.
    static func existing(_ job: NewJob, in database: Database) throws -> Admitted? {
        guard let key = job.idempotencyKey,
            let known = try Self.job(under: key, of: job.origin.uid, in: database)
        else { return nil }
        return .existing(known.id, isSame: known.wasAsked([job.sameness ?? job.request, job.request]))
    }

    /// The first job of a conversation that is gone: retention may have come since it was read.
    static func missing(of conversation: [JobID], in database: Database) throws -> JobID? {
        let statement = try database.cachedStatement(sql: "SELECT EXISTS (SELECT 1 FROM job WHERE id = ?)")
        return try conversation.first { try Bool.fetchOne(statement, arguments: [$0.rawValue]) != true }
    }

    private static func insert(
        _ job: NewJob, reuseHash: Data?, started: Int, into database: Database
    ) throws {
        let key = try insertRow(
            job, reuseHash: reuseHash, state: started > 0 ? .sent : .queued, started: started, into: database)
        let created = job.created.milliseconds
        for call in 0..<job.callCount {
            let isStarted = call < started
            try database.cachedStatement(
                sql: "INSERT INTO call (job, number, state, attempts, sent_ms) VALUES (?,?,?,?,?)"
            ).execute(arguments: [
                key.number, call, isStarted ? JobState.sent.rawValue : JobState.queued.rawValue, isStarted ? 1 : 0,
                isStarted ? created : nil,
            ])
            try database.cachedStatement(
                sql: "INSERT INTO hold (job, call, state, held_micros, made_ms) VALUES (?,?,'held',?,?)"
            ).execute(arguments: [key.number, call, job.holdMicros, created])
        }
        let held = job.holdMicros * Int64(job.callCount)
        let details = "{\"count\":\(job.callCount),\"holdMicros\":\(held)\(job.auditedDetails)}"
        try key.audit(.accepted, at: job.created, details: details, in: database)
        for call in 0..<started {
            try key.audit(.sent, at: job.created, details: "{\"attempt\":1,\"call\":\(call)}", in: database)
        }
    }

    /// Writes the job's row and those of its inputs.
    static func insertRow(
        _ job: NewJob, reuseHash: Data?, state: JobState, started: Int, ended: Timestamp? = nil,
        into database: Database
    ) throws -> JobKey {
        let hash = Data(SHA256.hash(data: job.sameness ?? job.request))
        let created = job.created.milliseconds
        let warnings = job.warnings.isEmpty ? nil : String(decoding: WireJSON.encode(job.warnings), as: UTF8.self)
        let budgets = job.budgets.isEmpty ? nil : String(decoding: WireJSON.encode(job.budgets), as: UTF8.self)
        let overflow = job.overflow.isEmpty ? nil : String(decoding: WireJSON.encode(job.overflow), as: UTF8.self)
        try database.cachedStatement(
            sql: """
                INSERT INTO job (id, uid, gid, pid, unit, socket, state, priority, label, project, route, model_asked,
                  model_sent, request, request_hash, idempotency_key, requested_ratio, requested_size, created_ms,
                  deadline_ms, started_ms, attempts, warnings, continues, reuse_hash, ended_ms, input_tokens, budgets,
                  overflow, concurrency)
                VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)
                """
        ).execute(arguments: [
            job.id.rawValue, job.origin.uid, job.origin.gid, job.origin.pid, job.origin.unit, job.origin.socket,
            state.rawValue, job.priority.rawValue, job.label, job.project, job.route, job.model.asked, job.model.sent,
            String(decoding: job.request, as: UTF8.self), hash, job.idempotencyKey, job.requested.aspectRatio,
            job.requested.imageSize, created, job.deadline.milliseconds, started > 0 ? created : nil, started, warnings,
            job.continues?.rawValue, reuseHash, ended?.milliseconds, job.inputTokens, budgets, overflow,
            job.concurrency,
        ])
        let number = database.lastInsertedRowID
        for (position, input) in job.inputs.enumerated() {
            try database.cachedStatement(
                sql: """
                    INSERT INTO input (job, position, sha256, mime_type, width, height, bytes) VALUES (?,?,?,?,?,?,?)
                    """
            ).execute(arguments: [
                number, position, input.sha256, input.mimeType, input.width, input.height, input.bytes,
            ])
        }
        return JobKey(
            id: job.id, number: number, origin: job.origin, project: job.project, model: job.model.sent,
            budgets: budgets)
    }

    /// Marks a call as sent: after this it may cost money, so this comes before the first byte.
    ///
    /// - Parameters:
    ///   - id: The job.
    ///   - call: From 0.
    ///   - time: When.
    ///   - server: The project that serves it and that project's route, where it may be another than the job's.
    /// - Returns: False when the call was elsewhere; then nothing was written.
    /// - Throws: `.full`, or what else SQLite says; then nothing was written.
    package func start(
        _ id: JobID, call: Int, at time: Timestamp, by server: (project: String, route: String)? = nil
    ) async throws(StoreError) -> Bool {
        try await move(.start, id, call: call, at: time, event: .sent, by: server)
    }

    /// Sends a call back to wait for another attempt, after a refusal that cost nothing.
    ///
    /// - Parameters:
    ///   - id: The job.
    ///   - call: From 0.
    ///   - time: When.
    ///   - reason: The error of the attempt before, for the audit row; nil when nothing was attempted.
    /// - Returns: False when the call was elsewhere; then nothing was written.
    /// - Throws: `.full`, or what else SQLite says; then nothing was written.
    package func requeue(
        _ id: JobID, call: Int, at time: Timestamp, reason: ErrorKind? = nil
    ) async throws(StoreError) -> Bool {
        let details = reason.map { ",\"reason\":\"\($0.rawValue)\"" } ?? ""
        return try await move(.requeue, id, call: call, at: time, event: .requeued, details: details)
    }

    private func move(
        _ transition: Transition, _ id: JobID, call: Int, at time: Timestamp, event: AuditEvent,
        by server: (project: String, route: String)? = nil, details: String = ""
    ) async throws(StoreError) -> Bool {
        let isMoved = try await commits.write { database in
            guard var job = try JobKey.fetch(id, in: database),
                try job.move(transition, call: call, at: time, in: database)
            else { return false }
            if transition.to == .waiting { try job.comeHome(call: call, in: database) }
            if let server, try server.project != job.project || server.project != job.server(of: call, in: database) {
                try job.serve(call: call, by: server.project, route: server.route, in: database)
                job.project = server.project
            }
            try job.audit(event, at: time, details: "{\"call\":\(call)\(details)}", in: database)
            FaultPoint.reach(transition == .start ? .sentBeforeCommit : .requeueBeforeCommit)
            return true
        }
        FaultPoint.reach(transition == .start ? .sentAfterCommit : .requeueAfterCommit)
        return isMoved
    }

    /// Ends a call without an image: `.fail` or `.lose` after it was sent, `.refuse` before, `.cancel` and `.recall` for
    /// somebody.
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
        let result: JobResult? = try await commits.write { database in
            guard let job = try JobKey.fetch(call.job, in: database),
                try job.end(transition, call, by: actor, in: database)
            else { return nil }
            FaultPoint.reach(.failureBeforeCommit)
            return try JobRecord.fetch(call.job, in: database)?.result
        }
        FaultPoint.reach(.failureAfterCommit)
        if result != nil { artifacts.rowed(call.artifacts.map(\.entry.sha256)) }
        return result
    }

    /// Cancels every call of a job that was not sent; sent ones go on, and the audit row says that they were asked about.
    ///
    /// - Returns: The numbers of the cancelled calls and the job as it stands then; nil when there is no such job.
    package func cancel(
        _ id: JobID, error: WireError, at time: Timestamp, by actor: Origin
    ) async throws(StoreError) -> (calls: [Int], result: JobResult)? {
        let cancelled: (calls: [Int], result: JobResult)? = try await commits.write { database in
            guard let job = try JobKey.fetch(id, in: database) else { return nil }
            let open = try Int.fetchAll(
                try database.cachedStatement(
                    sql: "SELECT number FROM call WHERE job = ? AND state IN ('queued','waiting') ORDER BY number"),
                arguments: [job.number])
            for call in open {
                let failed = FailedCall(job: id, call: call, at: time, error: error, costMicros: 0, timing: nil)
                _ = try job.end(.cancel, failed, by: actor, in: database)
            }
            guard let result = try JobRecord.fetch(id, in: database)?.result else { return nil }
            if !result.state.isEnded {
                try database.cachedStatement(
                    sql: "UPDATE job SET cancel_asked_ms = coalesce(cancel_asked_ms, ?) WHERE number = ?"
                ).execute(arguments: [time.milliseconds, job.number])
                try job.audit(.cancelAsked, at: time, by: actor, details: nil, in: database)
            }
            FaultPoint.reach(.cancelBeforeCommit)
            return (open, result)
        }
        FaultPoint.reach(.cancelAfterCommit)
        return cancelled
    }

    /// Writes rows of the audit chain that belong to no move of a job.
    package func record(_ entry: AuditEntry) async throws(StoreError) {
        try await commits.write { try AuditChain.append(entry, to: $0) }
    }
}
