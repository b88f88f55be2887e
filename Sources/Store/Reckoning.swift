// What limits and budgets are rebuilt from after a restart, and what is reported of usage.

package import Wire

import FoundationEssentials
import GRDB

/// What the run before has used and holds, as far as a limit can still ask after it.
package struct Reckoning: Sendable {
    /// Money that was spent, added up by quarters of an hour.
    package struct Spent: Sendable, Equatable {
        /// Within the quarter; days and months of every time zone begin with one.
        package var at: Int64
        package var project: String
        /// See `NewJob.budgets`.
        package var budgets: [String]
        package var micros: Int64
    }

    /// A hold that stands.
    package struct Hold: Sendable, Equatable {
        package var job: JobID
        package var call: Int
        package var project: String
        package var budgets: [String]
        package var micros: Int64
        package var isUnknown: Bool
    }

    /// Requests that were sent, added up by minutes but for the newest.
    package struct Sent: Sendable, Equatable {
        package var at: Int64
        package var ended: Int64?
        package var project: String
        /// As sent.
        package var model: String
        package var isBulk: Bool
        package var requests: Int64
        package var inputTokens: Int64
        /// What they cost; of one that is under way or of unknown outcome, its hold.
        package var costMicros: Int64
    }

    package var spent: [Spent]
    package var holds: [Hold]
    package var sent: [Sent]
    /// Paused projects.
    package var paused: Set<String>
    /// Some may have opened since.
    package var gates: [KeptGate]
    /// Some may no longer be believed.
    package var limits: [KeptLimit]
}

extension Reckoning.Sent {
    /// Of a row with its columns in the order of its members.
    fileprivate init(_ row: Row) {
        at = row[0]
        ended = row[1]
        project = row[2]
        model = row[3]
        isBulk = row[4]
        requests = row[5]
        inputTokens = row[6]
        costMicros = row[7]
    }
}

extension Store {
    /// Reads what limits and budgets are rebuilt from.
    ///
    /// - Parameters:
    ///   - spentSince: The earliest beginning of a month that a budget is for.
    ///   - sentSince: The earliest beginning of a day that a limit is for.
    ///   - newest: Requests sent since then are told one by one.
    /// - Returns: All of it, as of one moment.
    /// - Throws: What SQLite says.
    package func reckoning(
        spentSince: Timestamp, sentSince: Timestamp, newest: Timestamp
    ) async throws(StoreError) -> Reckoning {
        try await read { database in
            Reckoning(
                spent: try Self.spent(since: spentSince, in: database), holds: try Self.holds(in: database),
                sent: try Self.sent(since: sentSince, newest: newest, in: database),
                paused: Set(try String.fetchAll(database, sql: "SELECT project FROM paused")),
                gates: try Self.gates(in: database), limits: try Self.limits(in: database))
        }
    }

    private static func spent(since time: Timestamp, in database: Database) throws -> [Reckoning.Spent] {
        var budgets = RepeatedJSON<[String]>()
        let rows = try Row.fetchCursor(
            database,
            sql: """
                SELECT at_ms / 900000 * 900000 + 1 AS quarter, project, budgets, sum(cost_micros)
                FROM usage INDEXED BY usage_at WHERE at_ms >= ? GROUP BY quarter, project, budgets ORDER BY quarter
                """, arguments: [time.milliseconds])
        var spent: [Reckoning.Spent] = []
        while let row = try rows.next() {
            spent.append(
                Reckoning.Spent(
                    at: row[0], project: row[1], budgets: try budgets.value(of: row, 2) ?? [], micros: row[3]))
        }
        return spent
    }

    private static func holds(in database: Database) throws -> [Reckoning.Hold] {
        var budgets = RepeatedJSON<[String]>()
        let rows = try Row.fetchCursor(
            database,
            sql: """
                SELECT job.id, hold.call, coalesce(call.project, job.project), job.budgets, held_micros,
                  call.state = 'unknown'
                FROM hold INDEXED BY hold_open
                  JOIN call ON call.job = hold.job AND call.number = hold.call
                  JOIN job ON job.number = hold.job
                WHERE hold.state = 'held'
                """)
        var holds: [Reckoning.Hold] = []
        while let row = try rows.next() {
            holds.append(
                Reckoning.Hold(
                    job: JobID(rawValue: row[0]), call: row[1], project: row[2],
                    budgets: try budgets.value(of: row, 3) ?? [], micros: row[4], isUnknown: row[5]))
        }
        return holds
    }

    private static func sent(
        since time: Timestamp, newest: Timestamp, in database: Database
    ) throws -> [Reckoning.Sent] {
        let kept = try Row.fetchCursor(
            database,
            sql: """
                SELECT max(sent_ms) AS at, max(call.ended_ms), coalesce(call.project, job.project) AS server, model_sent,
                  priority = 'bulk' AS bulk, count(*), sum(input_tokens),
                  sum(CASE hold.state WHEN 'held' THEN held_micros ELSE settled_micros END)
                FROM call INDEXED BY call_sent JOIN job ON job.number = call.job
                  JOIN hold ON hold.job = call.job AND hold.call = call.number
                WHERE sent_ms >= ?1
                GROUP BY server, model_sent, bulk, CASE WHEN sent_ms >= ?2 THEN sent_ms ELSE sent_ms / 60000 END
                ORDER BY at
                """, arguments: [time.milliseconds, newest.milliseconds]
        ).map(Reckoning.Sent.init)
        let removed = try Row.fetchCursor(
            database,
            sql: """
                SELECT sent_ms, NULL, project, model, is_bulk, requests, input_tokens, cost_micros
                FROM sent_before WHERE sent_ms >= ?
                """, arguments: [time.milliseconds]
        ).map(Reckoning.Sent.init)
        return try Array(kept) + Array(removed)
    }

    /// Adds up the calls of a job that is about to be removed, as far as a limit still has to know of them.
    static func remember(sentOf job: Int64, since time: Int64, in database: Database) throws {
        try database.cachedStatement(
            sql: """
                INSERT INTO sent_before (minute, project, model, is_bulk, sent_ms, requests, input_tokens, cost_micros)
                SELECT sent_ms / 60000, coalesce(call.project, job.project) AS server, model_sent, priority = 'bulk',
                  max(sent_ms), count(*), sum(input_tokens), sum(settled_micros)
                FROM call JOIN job ON job.number = call.job
                  JOIN hold ON hold.job = call.job AND hold.call = call.number
                WHERE call.job = ?1 AND sent_ms >= ?2 GROUP BY sent_ms / 60000, server
                ON CONFLICT DO UPDATE SET sent_ms = max(sent_ms, excluded.sent_ms),
                  requests = requests + excluded.requests, input_tokens = input_tokens + excluded.input_tokens,
                  cost_micros = cost_micros + excluded.cost_micros
                """
        ).execute(arguments: [job, time])
    }

    /// How long the requests of a day have to be known: its longest has 25 hours.
    package static let sentKept: Int64 = 26 * 3_600_000

    /// Notes that a project is paused, or that it is no longer; to resume it forgets what a limit has shut.
    ///
    /// - Parameters:
    ///   - isPaused: Which of both.
    ///   - project: Which project.
    ///   - quota: The name that its gates are kept under; those of a model without room stay, which have no patience.
    ///   - time: When.
    ///   - actor: Who does it.
    /// - Throws: What SQLite says; then nothing was written.
    package func setPaused(
        _ isPaused: Bool, project: String, gatesOf quota: String, at time: Timestamp, by actor: Origin
    ) async throws(StoreError) {
        try await commits.write { database in
            let change =
                isPaused
                ? "INSERT OR IGNORE INTO paused (project, since_ms) VALUES (?1, ?2)"
                : "DELETE FROM paused WHERE project = ?1 AND ?2 > 0"
            try database.cachedStatement(sql: change).execute(arguments: [project, time.milliseconds])
            if !isPaused {
                try database.cachedStatement(sql: "DELETE FROM gate WHERE project = ? AND patience_ms IS NOT NULL")
                    .execute(arguments: [quota])
            }
            try AuditChain.append(
                AuditEntry(isPaused ? .paused : .resumed, at: time.milliseconds, origin: actor, project: project),
                to: database)
            FaultPoint.reach(.pauseBeforeCommit)
        }
        FaultPoint.reach(.pauseAfterCommit)
    }

    /// What is held for calls that have not ended and for outcomes that nobody knows, in millionths of a dollar, by model.
    package func heldMicros() async throws(StoreError) -> [String: Int64] {
        try await read { database in
            var held: [String: Int64] = [:]
            let rows = try Row.fetchAll(
                try database.cachedStatement(
                    sql: """
                        SELECT model_sent, sum(held_micros) FROM hold INDEXED BY hold_open
                          JOIN job ON job.number = hold.job
                        WHERE hold.state = 'held' GROUP BY model_sent
                        """))
            for row in rows { held[row[0] as String] = row[1] as Int64 }
            return held
        }
    }

    /// What is held, settled and released of all money that was ever admitted, and how much that was.
    package func balance() async throws(StoreError) -> (admitted: Int64, held: Int64, settled: Int64, released: Int64) {
        try await read { database in
            let row = try Row.fetchOne(
                database,
                sql: """
                    SELECT coalesce(sum(held_micros), 0),
                      coalesce(sum(CASE state WHEN 'held' THEN held_micros ELSE 0 END), 0),
                      coalesce(sum(settled_micros), 0), coalesce(sum(released_micros), 0) FROM hold
                    """)
            return (row?[0] ?? 0, row?[1] ?? 0, row?[2] ?? 0, row?[3] ?? 0)
        }
    }
}

/// A sum of usage.
package struct UsageSum: Sendable, Equatable {
    /// What it was grouped by: a uid, a model or a project; nothing for a sum of everything.
    package var key: String?
    package var jobs: Int
    package var images: Int
    package var micros: Int64

    package init(key: String?, jobs: Int, images: Int, micros: Int64) {
        self.key = key
        self.jobs = jobs
        self.images = images
        self.micros = micros
    }
}

extension Store {
    package enum UsageGrouping: String, Sendable { case user = "uid", model, project }

    /// Adds up the usage of a time.
    ///
    /// - Parameters:
    ///   - range: Milliseconds since 1970.
    ///   - grouping: What makes a row; one row when nil.
    ///   - owner: Whose; everybody's when nil.
    /// - Returns: By key; the most expensive first.
    /// - Throws: What SQLite says.
    package func usage(
        in range: Range<Int64>, by grouping: UsageGrouping?, of owner: UInt32?
    ) async throws(StoreError) -> [UsageSum] {
        let key = grouping?.rawValue ?? "NULL"
        return try await read { database in
            try Row.fetchAll(
                database,
                sql: """
                    SELECT CAST(\(key) AS TEXT) AS one, count(DISTINCT job), sum(images), sum(cost_micros)
                    FROM usage INDEXED BY usage_at
                    WHERE at_ms >= ?1 AND at_ms < ?2 AND (?3 IS NULL OR uid = ?3)
                    GROUP BY one ORDER BY 4 DESC, one
                    """, arguments: [range.lowerBound, range.upperBound, owner]
            ).map { UsageSum(key: $0[0], jobs: $0[1], images: $0[2], micros: $0[3]) }
        }
    }

    /// When the first and the last of the usage was.
    package func usageSpan(of owner: UInt32?) async throws(StoreError) -> ClosedRange<Int64>? {
        try await read { database in
            let row = try Row.fetchOne(
                database,
                sql: "SELECT min(at_ms), max(at_ms) FROM usage WHERE ?1 IS NULL OR uid = ?1", arguments: [owner])
            guard let first = row?[0] as Int64?, let last = row?[1] as Int64? else { return nil }
            return first...last
        }
    }
}
