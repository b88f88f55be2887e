// The audit chain as it is read: in order, in pages, for whoever copies it elsewhere.

import FoundationEssentials
import GRDB

/// One row of the chain as it stands in the ledger.
package struct AuditRow: Sendable, Equatable {
    package var sequence: Int64
    /// Milliseconds since 1970.
    package var at: Int64
    /// An `AuditEvent`; text, since a newer version may have written it.
    package var event: String
    package var origin: Origin?
    package var job: String?
    package var project: String?
    package var model: String?
    /// One JSON object.
    package var details: String?
    /// Lower-case hexadecimal.
    package var previous: String
    package var hash: String

    package init(
        sequence: Int64, at: Int64, event: String, origin: Origin? = nil, job: String? = nil, project: String? = nil,
        model: String? = nil, details: String? = nil, previous: String, hash: String
    ) {
        self.sequence = sequence
        self.at = at
        self.event = event
        self.origin = origin
        self.job = job
        self.project = project
        self.model = model
        self.details = details
        self.previous = previous
        self.hash = hash
    }
}

extension Store {
    /// Rows of the chain in their order.
    ///
    /// - Parameters:
    ///   - sequence: The rows behind this one; 0 for the first.
    ///   - limit: Most rows.
    /// - Returns: At most `limit` rows, oldest first.
    /// - Throws: What SQLite says.
    package func auditRows(after sequence: Int64, limit: Int) async throws(StoreError) -> [AuditRow] {
        try await read { database in
            let statement = try database.cachedStatement(
                sql: """
                    SELECT sequence, at_ms, event, uid, gid, pid, unit, socket, job, project, model, details,
                      previous, hash FROM audit WHERE sequence > ? ORDER BY sequence LIMIT ?
                    """)
            return try Row.fetchAll(statement, arguments: [sequence, limit]).map { row in
                let uid: UInt32? = row[3]
                let origin = uid.map { uid in
                    Origin(uid: uid, gid: row[4] ?? 0, pid: row[5] ?? 0, unit: row[6], socket: row[7] ?? "")
                }
                return AuditRow(
                    sequence: row[0], at: row[1], event: row[2], origin: origin, job: row[8], project: row[9],
                    model: row[10], details: row[11], previous: Self.hexadecimal(row[12] as Data),
                    hash: Self.hexadecimal(row[13] as Data))
            }
        }
    }

    static func hexadecimal(_ data: Data) -> String {
        data.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
    }
}
