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

extension AuditRow {
    /// The event of a row that somebody has edited so that it cannot be read; the rows around it are read all the same.
    package static let unreadableEvent = "unreadable"

    fileprivate static func unreadable(_ number: Int64) -> AuditRow {
        AuditRow(sequence: number, at: 0, event: unreadableEvent, previous: "", hash: "")
    }

    fileprivate init(_ row: Row, number: Int64) throws(StoreError) {
        let name = "row \(number)"
        func optional<Value: DatabaseValueConvertible>(
            _ type: Value.Type, _ index: Int
        ) throws(StoreError) -> Value? {
            (row[index] as DatabaseValue).isNull ? nil : try row.asWritten(type, index, in: name)
        }
        var origin: Origin?
        if let uid = try optional(UInt32.self, 3) {
            origin = Origin(
                uid: uid, gid: try optional(UInt32.self, 4) ?? 0, pid: try optional(Int32.self, 5) ?? 0,
                unit: try optional(String.self, 6), socket: try optional(String.self, 7) ?? "")
        }
        self.init(
            sequence: number, at: try row.asWritten(Int64.self, 1, in: name),
            event: try row.asWritten(String.self, 2, in: name), origin: origin, job: try optional(String.self, 8),
            project: try optional(String.self, 9), model: try optional(String.self, 10),
            details: try optional(String.self, 11),
            previous: Store.hexadecimal(try row.asWritten(Data.self, 12, in: name)),
            hash: Store.hexadecimal(try row.asWritten(Data.self, 13, in: name)))
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
                let number = try row.asWritten(Int64.self, 0, in: "a number")
                return (try? AuditRow(row, number: number)) ?? .unreadable(number)
            }
        }
    }

    static func hexadecimal(_ data: Data) -> String {
        data.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
    }
}
