// The moves of a job inside a transaction: the call's row decides, the job's row follows, the audit chain tells.

import GRDB
import Wire

/// A job inside a transaction: its number, and what its audit rows repeat.
struct JobKey {
    let id: JobID
    let number: Int64
    let origin: Origin
    var project: String
    let model: String
    /// See `NewJob.budgets`; JSON.
    let budgets: String?

    static func fetch(_ id: JobID, in database: Database) throws -> JobKey? {
        let statement = try database.cachedStatement(
            sql: "SELECT number, uid, gid, pid, unit, socket, project, model_sent, budgets FROM job WHERE id = ?")
        guard let row = try Row.fetchOne(statement, arguments: [id.rawValue]) else { return nil }
        return JobKey(
            id: id, number: row[0], origin: Origin(uid: row[1], gid: row[2], pid: row[3], unit: row[4], socket: row[5]),
            project: row[6], model: row[7], budgets: row[8])
    }

    /// Moves one call, ended with an error when one is given; false when it was not in a state that this move starts
    /// from.
    func move(
        _ transition: Transition, call: Int, at time: Timestamp, error: WireError? = nil, in database: Database
    ) throws -> Bool {
        let isStart = transition == .start
        let statement = try database.cachedStatement(
            sql: """
                UPDATE call SET state = ?, attempts = attempts + ?, sent_ms = coalesce(?, sent_ms), ended_ms = ?,
                  error = ?
                WHERE job = ? AND number = ? AND state IN (\(transition.origins))
                """)
        try statement.execute(arguments: [
            transition.to.rawValue, isStart ? 1 : 0, isStart ? time.milliseconds : nil,
            transition.to.isEnded ? time.milliseconds : nil,
            error.map { String(decoding: WireJSON.encode($0), as: UTF8.self) }, number, call,
        ])
        guard database.changesCount == 1 else { return false }
        try follow(at: time, isStart: isStart, in: database)
        return true
    }

    /// Sets the job's state by its calls'.
    private func follow(at time: Timestamp, isStart: Bool, in database: Database) throws {
        let states = try String.fetchAll(
            try database.cachedStatement(sql: "SELECT state FROM call WHERE job = ?"), arguments: [number])
        let state = Transition.state(ofCalls: states.compactMap(JobState.init(rawValue:)))
        // The job's error is that of its first call that ended as the job does; of a job that is done it only says that
        // there are calls with errors.
        try database.cachedStatement(
            sql: """
                UPDATE job SET state = ?1, ended_ms = ?2, started_ms = coalesce(started_ms, ?3),
                  attempts = attempts + ?4,
                  error = (SELECT error FROM call WHERE job = ?5 AND error IS NOT NULL
                    ORDER BY state = ?1 DESC, number LIMIT 1)
                WHERE number = ?5
                """
        ).execute(arguments: [
            state.rawValue, state.isEnded ? time.milliseconds : nil, isStart ? time.milliseconds : nil,
            isStart ? 1 : 0, number,
        ])
    }

    /// Ends one call without an image: state, error, hold, timing, audit.
    func end(
        _ transition: Transition, _ call: FailedCall, by actor: Origin? = nil, in database: Database
    ) throws -> Bool {
        guard try move(transition, call: call.call, at: call.at, error: call.error, in: database) else { return false }
        let charged = call.error.charged ?? .unknown
        try keep(call.artifacts, of: call.call, at: call.at, in: database)
        let basis: Cost.Basis = charged == .unknown ? .hold : call.usage == nil ? .catalogue : .usage
        try settle(call, charged, basis, isOpen: transition == .lose, in: database)
        try database.cachedStatement(
            sql: """
                UPDATE job SET cost_micros = CASE ?1
                    WHEN 'yes' THEN coalesce(cost_micros, 0) + ?2
                    WHEN 'unknown' THEN coalesce(cost_micros, 0) +
                        (SELECT held_micros FROM hold WHERE job = ?3 AND call = ?4)
                    ELSE cost_micros END,
                  cost_basis = CASE ?1 WHEN 'yes' THEN \(Self.basis("?8"))
                    WHEN 'unknown' THEN 'hold' ELSE cost_basis END,
                  queued_ms = coalesce(?5, queued_ms), upstream_ms = coalesce(?6, upstream_ms),
                  overhead_ms = coalesce(?7, overhead_ms)
                WHERE number = ?3
                """
        ).execute(arguments: [
            charged.rawValue, call.costMicros, number, call.call, call.timing?.queuedMs,
            call.timing?.upstreamMs, call.timing?.overheadMs, basis.rawValue,
        ])
        var details =
            "{\"call\":\(call.call),\"charged\":\"\(charged.rawValue)\",\"kind\":\"\(call.error.kind.rawValue)\""
        if charged == .yes { details += ",\"costMicros\":\(call.costMicros)" }
        if let usage = call.usage { details += ",\"usage\":" + String(decoding: WireJSON.encode(usage), as: UTF8.self) }
        let event: AuditEvent = transition.to == .cancelled ? .cancelled : .ended
        try audit(event, at: call.at, by: actor, details: details + "}", in: database)
        return true
    }

    /// The less certain one of the basis that the job's cost has and of another: SQL for a column's new value.
    static func basis(_ other: String) -> String {
        """
        CASE WHEN 'hold' IN (cost_basis, \(other)) THEN 'hold'
          WHEN 'catalogue' IN (cost_basis, \(other)) THEN 'catalogue' ELSE \(other) END
        """
    }

    /// Closes the hold of a call that brought no image, with a row of usage when it cost something.
    ///
    /// Only a call of unknown outcome keeps its hold, for somebody to decide about; one that has failed and may have
    /// been charged is reckoned at once: by what upstream counted, else with all that was held.
    private func settle(
        _ call: FailedCall, _ charged: Charged, _ basis: Cost.Basis, isOpen: Bool, in database: Database
    ) throws {
        let held = try Int64.fetchOne(
            try database.cachedStatement(sql: "SELECT held_micros FROM hold WHERE job = ? AND call = ?"),
            arguments: [number, call.call])
        let cost: Int64
        switch charged {
        case .no: return try close(holdOf: call.call, costMicros: 0, at: call.at, in: database)
        case .unknown where isOpen: return
        case .unknown: cost = held ?? 0
        case .yes: cost = call.costMicros
        }
        try close(holdOf: call.call, costMicros: cost, at: call.at, in: database)
        try use(call.call, cost, basis, call.usage, at: call.at, in: database)
    }

    /// Writes the usage of a call that cost something and brought nothing.
    func use(
        _ call: Int, _ costMicros: Int64, _ basis: Cost.Basis = .hold, _ usage: Usage? = nil, at time: Timestamp,
        in database: Database
    ) throws {
        try database.cachedStatement(
            sql: """
                INSERT INTO usage (job, call, at_ms, uid, project, model, prompt_tokens, output_tokens, image_tokens,
                  thought_tokens, images, cost_micros, basis, budgets) VALUES (?,?,?,?,?,?,?,?,?,?,0,?,?,?)
                """
        ).execute(arguments: [
            number, call, time.milliseconds, origin.uid, try server(of: call, in: database), model,
            usage?.promptTokens, usage?.outputTokens, usage?.imageTokens, usage?.thoughtTokens, costMicros,
            basis.rawValue, budgets,
        ])
    }

    /// The project that serves a call.
    func server(of call: Int, in database: Database) throws -> String {
        try String.fetchOne(
            try database.cachedStatement(sql: "SELECT project FROM call WHERE job = ? AND number = ?"),
            arguments: [number, call]) ?? project
    }

    /// Lets another project serve a call; the job tells of the one that served it last.
    func serve(call: Int, by other: String, route: String, in database: Database) throws {
        let statements: [(String, StatementArguments)] = [
            ("UPDATE call SET project = ? WHERE job = ? AND project IS NULL", [project, number]),
            ("UPDATE call SET project = ? WHERE job = ? AND number = ?", [other, number, call]),
            (
                "UPDATE job SET home = coalesce(home, project), project = ?, route = ? WHERE number = ?",
                [other, route, number]
            ),
        ]
        for (sql, arguments) in statements { try database.cachedStatement(sql: sql).execute(arguments: arguments) }
    }

    /// Lets a call wait for the project that its job was admitted for, which holds its money again.
    func comeHome(call: Int, in database: Database) throws {
        try database.cachedStatement(
            sql: """
                UPDATE call SET project = (SELECT coalesce(home, job.project) FROM job WHERE job.number = call.job)
                WHERE job = ? AND number = ? AND project IS NOT NULL
                """
        ).execute(arguments: [number, call])
    }

    /// Takes the job's error from its calls' again.
    func followErrors(in database: Database) throws {
        try database.cachedStatement(
            sql: """
                UPDATE job SET error = (SELECT call.error FROM call JOIN job AS whole ON whole.number = call.job
                  WHERE call.job = ?1 AND call.error IS NOT NULL
                  ORDER BY call.state = whole.state DESC, call.number LIMIT 1)
                WHERE number = ?1
                """
        ).execute(arguments: [number])
    }

    /// Settles what a call cost and releases the rest of its hold.
    func close(holdOf call: Int, costMicros: Int64, at time: Timestamp, in database: Database) throws {
        try database.cachedStatement(
            sql: """
                UPDATE hold SET state = CASE WHEN ?1 = 0 THEN 'released' ELSE 'settled' END, settled_micros = ?1,
                  released_micros = held_micros - ?1, ended_ms = ?2
                WHERE job = ?3 AND call = ?4 AND state = 'held'
                """
        ).execute(arguments: [costMicros, time.milliseconds, number, call])
    }

    func audit(
        _ event: AuditEvent, at time: Timestamp, by actor: Origin? = nil, details: String?, in database: Database
    ) throws {
        let entry = AuditEntry(
            event, at: time.milliseconds, origin: actor ?? origin, job: id, project: project, model: model,
            details: details)
        try AuditChain.append(entry, to: database)
    }
}
