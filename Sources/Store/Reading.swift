// Reading jobs and artifacts, and the audit chain.

package import Wire

import FoundationEssentials
import GRDB

extension Store {
    package func job(_ id: JobID) async throws(StoreError) -> JobRecord? {
        try await read { try JobRecord.fetch(id, in: $0) }
    }

    /// Most open jobs of one page: some hundredths of a second.
    private static let openPageCount = 4096

    /// Jobs that have a call which has not been sent yet, oldest first, a page of them.
    ///
    /// - Parameter last: Where the page before ended; nil for the first.
    /// - Returns: The jobs, and where the next page begins; nil when this is the last.
    /// - Throws: What SQLite says.
    package func openJobs(after last: JobID? = nil) async throws(StoreError) -> (jobs: [OpenJob], next: JobID?) {
        try await read { database in
            let rows = try Row.fetchCursor(
                try database.cachedStatement(
                    sql: """
                        SELECT job.id, uid, priority, coalesce(home, job.project), model_sent, created_ms, deadline_ms,
                          call.state, call.attempts, input_tokens, overflow, concurrency, label, held_micros, call.number
                        FROM job INDEXED BY job_open CROSS JOIN call ON call.job = job.number
                          LEFT JOIN hold ON hold.job = call.job AND hold.call = call.number
                        WHERE job.ended_ms IS NULL AND job.id > ?1 AND job.id <=
                          (SELECT max(id) FROM (SELECT id FROM job INDEXED BY job_open
                            WHERE ended_ms IS NULL AND id > ?1 ORDER BY id LIMIT ?2))
                        ORDER BY job.id
                        """), arguments: [last?.rawValue ?? "", Self.openPageCount])
            var jobs: [OpenJob] = []
            var overflow = RepeatedJSON<[String]>()
            while let row = try rows.next() {
                let call = OpenJob.Call(number: row[14], state: try row.token(JobState.self, 7), attempts: row[8])
                let id = JobID(rawValue: row[0])
                if jobs.last?.id == id {
                    // At its place: to have a hundred thousand jobs sorted by SQLite takes as long as to read them.
                    let place = jobs[jobs.count - 1].calls.lastIndex { $0.number < call.number }.map { $0 + 1 } ?? 0
                    jobs[jobs.count - 1].calls.insert(call, at: place)
                } else {
                    // A hundred thousand jobs of one project and model have their names once.
                    func shared(_ name: String, _ before: String?) -> String { before == name ? before ?? name : name }
                    jobs.append(
                        OpenJob(
                            id: id, uid: row[1], label: row[12], priority: try row.token(Priority.self, 2),
                            home: shared(row[3], jobs.last?.home),
                            modelSent: shared(row[4], jobs.last?.modelSent), created: Timestamp(milliseconds: row[5]),
                            deadline: Timestamp(milliseconds: row[6]), holdMicros: row[13] ?? 0,
                            inputTokens: row[9], overflow: try overflow.value(of: row, 10) ?? [],
                            concurrency: row[11], calls: [call]))
                }
            }
            let next = jobs.count == Self.openPageCount ? jobs.last?.id : nil
            return (jobs.filter { $0.calls.contains { $0.state == .queued || $0.state == .waiting } }, next)
        }
    }

    /// How many jobs are open.
    package func openCount() async throws(StoreError) -> Int {
        try await read { database in
            try Int.fetchOne(database, sql: "SELECT count(*) FROM job INDEXED BY job_open WHERE ended_ms IS NULL") ?? 0
        }
    }

    /// Where one call of a job stands; nil when there is none.
    package func state(of id: JobID, call: Int) async throws(StoreError) -> JobState? {
        try await read { database in
            let statement = try database.cachedStatement(
                sql: "SELECT call.state FROM call JOIN job ON job.number = call.job WHERE id = ? AND call.number = ?")
            return try Row.fetchOne(statement, arguments: [id.rawValue, call]).map { try $0.token(JobState.self, 0) }
        }
    }

    /// What a job was asked for: the JSON of `NewJob.request`, and the class that it has.
    package func request(of id: JobID) async throws(StoreError) -> (json: [UInt8], priority: Priority)? {
        try await read { database in
            let statement = try database.cachedStatement(sql: "SELECT request, priority FROM job WHERE id = ?")
            return try Row.fetchOne(statement, arguments: [id.rawValue]).map { row in
                (Array((row[0] as String).utf8), try row.token(Priority.self, 1))
            }
        }
    }

    /// The entry of a kept image that belongs to this uid, or to anybody when nil.
    package func artifact(_ sha256: String, of owner: UInt32?) async throws(StoreError) -> ImageEntry? {
        try await read { database in
            let statement = try database.cachedStatement(
                sql: """
                    SELECT sha256, mime_type, width, height, bytes FROM artifact
                    WHERE sha256 = ?1 AND (?2 IS NULL OR uid = ?2) LIMIT 1
                    """)
            return try Row.fetchOne(statement, arguments: [sha256, owner]).map { ImageEntry($0) }
        }
    }

    /// How many jobs have a call of unknown outcome that nobody has decided about.
    package func unknownCount() async throws(StoreError) -> Int {
        try await read { database in
            try Int.fetchOne(
                try database.cachedStatement(
                    sql: """
                        SELECT count(DISTINCT call.job) FROM call INDEXED BY call_unknown
                          CROSS JOIN hold ON hold.job = call.job AND hold.call = call.number
                        WHERE call.state = 'unknown' AND hold.state = 'held'
                        """)) ?? 0
        }
    }

    package func auditHead() async throws(StoreError) -> AuditHead? {
        try await read { database in
            try Row.fetchOne(database, sql: "SELECT sequence, hash FROM audit ORDER BY sequence DESC LIMIT 1")
                .map { row in
                    AuditHead(
                        sequence: try row.asWritten(Int64.self, 0, in: "the newest row"),
                        hash: Self.hexadecimal(try row.asWritten(Data.self, 1, in: "the newest row")))
                }
        }
    }

    /// Recomputes the whole chain, and looks for a row that was noted elsewhere.
    package func verifyAudit(anchor: AuditHead? = nil) async throws(StoreError) -> AuditVerdict {
        try await read { try AuditChain.verify($0, anchor: anchor) }
    }
}

extension JobRecord {
    static let columns = """
        number, uid, id, state, route, project, label, model_asked, model_sent, model_answered, warnings,
        requested_ratio, requested_size, cost_micros, cost_basis, attempts, queued_ms, upstream_ms, overhead_ms,
        created_ms, started_ms, ended_ms, error, continues, reused_from, saved_micros
        """

    static func fetch(_ id: JobID, in database: Database) throws -> JobRecord? {
        let statement = try database.cachedStatement(sql: "SELECT \(columns), text, grounding FROM job WHERE id = ?")
        return try Row.fetchOne(statement, arguments: [id.rawValue]).map { try JobRecord($0, in: database) }
    }

    /// Reads a row of `columns`; after them may stand `text` and `grounding`, which lists leave out.
    init(_ row: Row, in database: Database) throws {
        let number: Int64 = row[0]
        var result = JobResult(
            job: JobID(rawValue: row[2]), state: try row.token(JobState.self, 3), route: row[4], project: row[5],
            label: row[6], model: JobModel(asked: row[7], sent: row[8], answered: row[9]),
            requested: Requested(aspectRatio: row[11], imageSize: row[12]))
        result.warnings = try row.json([Warning].self, 10) ?? []
        if let micros = row[13] as Int64?, let basis = row[14] as String? {
            result.cost = Cost(micros: micros, basis: Cost.Basis(rawValue: basis), savedMicros: row[25])
        }
        result.attempts = row[15]
        if let queued = row[16] as Double?, let upstream = row[17] as Double?, let overhead = row[18] as Double? {
            result.timing = Timing(queuedMs: queued, upstreamMs: upstream, overheadMs: overhead)
        }
        result.createdAt = (row[19] as Int64?).map(Timestamp.init(milliseconds:))
        result.startedAt = (row[20] as Int64?).map(Timestamp.init(milliseconds:))
        result.endedAt = (row[21] as Int64?).map(Timestamp.init(milliseconds:))
        if let error = try row.json(WireError.self, 22) {
            if result.state.isEnded, result.state != .done {
                result.error = error
                let charged = result.charged
                result.error?.charged = charged
            }
            result.failed = try Self.errors(of: number, in: database)
        }
        result.continues = (row[23] as String?).map(JobID.init(rawValue:))
        result.reused = (row[24] as String?) != nil
        if result.cost != nil {
            try result.addImages(of: number, in: database)
            result.usage = try Self.usage(of: number, in: database)
        }
        guard row.count > 26 else {
            self.init(owner: row[1], result: result)
            return
        }
        result.text = row[26]
        result.grounding = try row.json(GroundingResult.self, 27)
        self.init(owner: row[1], result: result)
    }

    private static func errors(of number: Int64, in database: Database) throws -> [WireError] {
        let statement = try database.cachedStatement(
            sql: "SELECT error FROM call WHERE job = ? AND error IS NOT NULL ORDER BY number")
        return try Row.fetchAll(statement, arguments: [number]).compactMap { try $0.json(WireError.self, 0) }
    }

    private static func usage(of number: Int64, in database: Database) throws -> Usage? {
        let statement = try database.cachedStatement(
            sql: """
                SELECT sum(prompt_tokens), sum(output_tokens), sum(image_tokens), sum(thought_tokens)
                FROM usage WHERE job = ?
                """)
        guard let row = try Row.fetchOne(statement, arguments: [number]), let prompt = row[0] as Int? else {
            return nil
        }
        return Usage(promptTokens: prompt, outputTokens: row[1], imageTokens: row[2], thoughtTokens: row[3])
    }
}

extension JobResult {
    fileprivate mutating func addImages(of number: Int64, in database: Database) throws {
        let statement = try database.cachedStatement(
            sql: """
                SELECT sha256, mime_type, width, height, bytes, kind = 'final' AND call.state = 'done' FROM artifact
                  JOIN call ON call.job = artifact.job AND call.number = artifact.call
                WHERE artifact.job = ? ORDER BY artifact.call, position
                """)
        for row in try Row.fetchAll(statement, arguments: [number]) {
            // What an exact request did not accept is kept beside the images, not among them.
            if row[5] as Bool {
                images.append(ImageEntry(row))
            } else {
                extraImages.append(ImageEntry(row))
            }
        }
    }
}

extension ImageEntry {
    init(_ row: Row) {
        self.init(sha256: row[0], mimeType: row[1], width: row[2], height: row[3], bytes: row[4])
    }
}

extension Row {
    func token<Token: RawRepresentable>(_ type: Token.Type, _ index: Int) throws -> Token
    where Token.RawValue == String {
        guard let token = Token(rawValue: self[index]) else { throw StoreError.corrupt("\(type) of a job") }
        return token
    }

    func json<Value: Decodable>(_ type: Value.Type, _ index: Int) throws -> Value? {
        guard let text = self[index] as String? else { return nil }
        return try WireJSON.decode(type, from: Array(text.utf8))
    }
}

/// A column of JSON that is the same in most rows, and is decoded once for each time it changes.
struct RepeatedJSON<Value: Decodable> {
    private var text: String?
    private var decoded: Value?

    mutating func value(of row: Row, _ index: Int) throws -> Value? {
        guard let text = row[index] as String? else { return nil }
        if text != self.text {
            decoded = try WireJSON.decode(Value.self, from: Array(text.utf8))
            self.text = text
        }
        return decoded
    }
}
