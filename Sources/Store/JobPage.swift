// Pages of jobs: which rows, by which index, and how much of each.

package import Wire

import GRDB

/// What `job.list` asks for.
package struct JobPage: Sendable {
    /// Longest text of upstream in an error of a list, in bytes: a page of 128 KiB texts would fill a connection.
    package static let errorTextBytes = 1024

    /// Whose; nil is everybody's.
    package var owner: UInt32?
    /// Jobs older than this one only.
    package var before: JobID?
    package var state: JobState?
    package var label: String?
    /// At most so many.
    package var limit: Int

    package init(owner: UInt32?, before: JobID?, state: JobState?, label: String?, limit: Int) {
        self.owner = owner
        self.before = before
        self.state = state
        self.label = label
        self.limit = limit
    }

    /// One SELECT that reads an index in the order of the page, its arguments those of `arguments`.
    package var sql: String {
        let conditions = conditions.map(\.sql)
        let filter = conditions.isEmpty ? "" : "WHERE " + conditions.joined(separator: " AND ")
        // SQLite has no figures to choose by: without its name it takes a state's index for a label's.
        let hint = index.map { "INDEXED BY \($0)" } ?? ""
        return "SELECT \(JobRecord.columns) FROM job \(hint) \(filter) ORDER BY id DESC LIMIT \(limit)"
    }

    var arguments: StatementArguments { StatementArguments(conditions.map(\.value)) }

    private var conditions: [(sql: String, value: DatabaseValue)] {
        let all: [(sql: String, value: DatabaseValue?)] = [
            ("uid = ?", owner?.databaseValue), ("state = ?", state?.rawValue.databaseValue),
            ("label = ?", label?.databaseValue), ("id < ?", before?.rawValue.databaseValue),
        ]
        return all.compactMap { condition in condition.value.map { (condition.sql, $0) } }
    }

    private var index: String? {
        switch (label != nil, owner != nil, state != nil) {
        case (true, true, true): "job_labelled_of_uid_in_state"
        case (true, true, false): "job_labelled_of_uid"
        case (true, false, _): "job_labelled"
        case (false, true, true): "job_of_uid_in_state"
        case (false, true, false): "job_of_uid"
        case (false, false, true): "job_in_state"
        case (false, false, false): nil
        }
    }
}

extension Store {
    /// A page of jobs, newest first.
    ///
    /// - Parameters:
    ///   - owner: Whose; nil is everybody's.
    ///   - before: Jobs older than this one only.
    ///   - state: In this state only.
    ///   - label: With this label only.
    ///   - limit: At most so many.
    /// - Returns: At most `limit` jobs, without their text, and with at most `JobPage.errorTextBytes` of upstream's text
    ///   in an error; `job` has both whole.
    /// - Throws: What SQLite says.
    package func jobs(
        of owner: UInt32?, before: JobID?, state: JobState?, label: String?, limit: Int
    ) async throws(StoreError) -> [JobRecord] {
        let page = JobPage(owner: owner, before: before, state: state, label: label, limit: limit)
        return try await read { database in
            let statement = try database.cachedStatement(sql: page.sql)
            return try Row.fetchAll(statement, arguments: page.arguments).map {
                try JobRecord(ofList: $0, in: database)
            }
        }
    }

    /// These jobs, in this order and as a page has them; what is not there is left out.
    package func jobs(_ ids: [JobID]) async throws(StoreError) -> [JobRecord] {
        try await read { database in
            let statement = try database.cachedStatement(
                sql: "SELECT \(JobRecord.columns) FROM job WHERE id = ?")
            return try ids.compactMap { id in
                try Row.fetchOne(statement, arguments: [id.rawValue]).map { try JobRecord(ofList: $0, in: database) }
            }
        }
    }
}

extension JobRecord {
    /// Reads a row of `columns` for a page.
    fileprivate init(ofList row: Row, in database: Database) throws {
        try self.init(row, in: database)
        result.error = result.error?.shortened
        result.failed = result.failed.map(\.shortened)
    }
}

extension WireError {
    /// The same with upstream's words cut to what a list bears.
    fileprivate var shortened: WireError {
        var error = self
        error.text = text.map { $0.prefix(bytes: JobPage.errorTextBytes) }
        error.upstream?.message = upstream?.message.map { $0.prefix(bytes: JobPage.errorTextBytes) }
        return error
    }
}

extension String {
    /// The longest beginning that is at most so many bytes of UTF-8, no character cut.
    fileprivate func prefix(bytes count: Int) -> String {
        guard var end = utf8.index(startIndex, offsetBy: count, limitedBy: endIndex) else { return self }
        while end.samePosition(in: self) == nil { end = utf8.index(before: end) }
        return String(self[..<end])
    }
}
