// The audit chain: each row's hash covers the row and the hash before it, so that an edit breaks every row after it.
//
// hash = SHA256(previous ‖ row); a row is its columns in the order of the table, from `sequence` to `details`, each as
// one byte of type (0 null, 1 integer, 2 text) and then nothing, 8 bytes big-endian, or 4 bytes of length and UTF-8.

package import Wire

import Crypto
import FoundationEssentials
import GRDB

/// What the chain can tell.
package enum AuditEvent: String, Sendable, CaseIterable {
    case started, stopped, keyLoaded = "key_loaded"
    /// A key was loaded that is another than the project's last one.
    case keyChanged = "key_changed"
    case policyLoaded = "policy_loaded"
    case reloadRefused = "reload_refused"
    case accepted, denied, sent, requeued, ended, cancelled
    case cancelAsked = "cancel_asked"
    /// An admin, or the configured time, decided what an unknown outcome cost.
    case resolved
    case paused, resumed
    /// Rows that the journal never got.
    case gap
}

/// One row of the chain, before it has its place in it.
package struct AuditEntry: Sendable, Equatable {
    package var event: AuditEvent
    /// Milliseconds since 1970.
    package var at: Int64
    package var origin: Origin?
    package var job: JobID?
    package var project: String?
    package var model: String?
    /// One JSON object; never a prompt, a key or a path.
    package var details: String?

    package init(
        _ event: AuditEvent, at: Int64, origin: Origin? = nil, job: JobID? = nil, project: String? = nil,
        model: String? = nil, details: String? = nil
    ) {
        self.event = event
        self.at = at
        self.origin = origin
        self.job = job
        self.project = project
        self.model = model
        self.details = details
    }
}

extension AuditEntry {
    /// The details, with the session and the program of who did it; that a call is sent is the daemon's doing.
    var attributedDetails: String? {
        let known = [("session", origin?.session), ("executable", origin?.executable)]
        let members = known.compactMap { name, value in
            value.map { "\"\(name)\":\(String(decoding: WireJSON.encode($0), as: UTF8.self))" }
        }
        guard !members.isEmpty, event != .sent else { return details }
        let rest = details.map { $0.dropFirst() } ?? "}"
        return "{" + members.joined(separator: ",") + (rest == "}" ? "" : ",") + rest
    }
}

/// What `audit.verify` answers.
package struct AuditVerdict: Sendable, Equatable {
    package var rows: Int64
    /// The sequence number of the first row that does not follow from the one before it.
    package var firstBroken: Int64?
    /// Whether the row that was asked for is there with its hash; nil when none was.
    package var isAnchored: Bool?

    package init(rows: Int64, firstBroken: Int64?, isAnchored: Bool? = nil) {
        self.rows = rows
        self.firstBroken = firstBroken
        self.isAnchored = isAnchored
    }
}

/// A row of the chain, and with it all rows before it; mostly the newest.
package struct AuditHead: Sendable, Equatable {
    package var sequence: Int64
    /// Lower-case hexadecimal.
    package var hash: String

    package init(sequence: Int64, hash: String) {
        self.sequence = sequence
        self.hash = hash
    }

    /// Reads NUMBER:HASH, nothing else.
    package init?(_ text: String) {
        let parts = text.split(separator: ":", omittingEmptySubsequences: false)
        guard parts.count == 2, let sequence = Int64(parts[0]), sequence > 0, parts[1].utf8.count == 64,
            parts[1].allSatisfy({ $0.isASCII && $0.isHexDigit })
        else { return nil }
        self.init(sequence: sequence, hash: parts[1].lowercased())
    }
}

enum AuditChain {
    /// What the first row follows.
    static let genesis = [UInt8](repeating: 0, count: 32)

    /// Writes a row as the store's settings want it.
    static func append(_ entry: AuditEntry, to database: Database) throws {
        guard let keeping = AuditKeeping.current else { return try insert(entry, to: database) }
        try keeping.append(entry, to: database)
    }

    static func insert(_ entry: AuditEntry, to database: Database) throws {
        let newest = try Row.fetchOne(
            try database.cachedStatement(sql: "SELECT sequence, hash FROM audit ORDER BY sequence DESC LIMIT 1"))
        let sequence = try newest.map { try $0.asWritten(Int64.self, 0, in: "the newest row") } ?? 0
        let previous = try newest.map { [UInt8](try $0.asWritten(Data.self, 1, in: "the newest row")) } ?? genesis
        let columns: [DatabaseValue] = [
            (sequence + 1).databaseValue, entry.at.databaseValue, entry.event.rawValue.databaseValue,
            entry.origin?.uid.databaseValue ?? .null, entry.origin?.gid.databaseValue ?? .null,
            entry.origin?.pid.databaseValue ?? .null, entry.origin?.unit?.databaseValue ?? .null,
            entry.origin?.socket.databaseValue ?? .null, entry.job?.rawValue.databaseValue ?? .null,
            entry.project?.databaseValue ?? .null, entry.model?.databaseValue ?? .null,
            entry.attributedDetails?.databaseValue ?? .null,
        ]
        let hash = Data(hash(columns, after: previous))
        try database.cachedStatement(
            sql: """
                INSERT INTO audit (sequence, at_ms, event, uid, gid, pid, unit, socket, job, project, model, details,
                previous, hash) VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?)
                """
        ).execute(arguments: StatementArguments(columns + [Data(previous).databaseValue, hash.databaseValue]))
    }

    static func hash(_ columns: [DatabaseValue], after previous: [UInt8]) -> [UInt8] {
        var bytes = previous
        for column in columns {
            switch column.storage {
            case .null: bytes.append(0)
            case .int64(let value):
                bytes.append(1)
                for shift in stride(from: 56, through: 0, by: -8) {
                    bytes.append(UInt8(truncatingIfNeeded: value >> Int64(shift)))
                }
            case .string(let text):
                bytes.append(2)
                for shift in stride(from: 24, through: 0, by: -8) {
                    bytes.append(UInt8(truncatingIfNeeded: text.utf8.count >> shift))
                }
                bytes.append(contentsOf: text.utf8)
            // No column has these types; a row that was given one no longer matches its hash.
            case .double, .blob: bytes.append(3)
            }
        }
        return Array(SHA256.hash(data: bytes))
    }

    /// Recomputes every row.
    ///
    /// - Parameters:
    ///   - database: Whose rows.
    ///   - anchor: A row as it was noted elsewhere: of a chain whose end was cut off, what is left is whole.
    /// - Returns: The first row that does not follow.
    /// - Throws: What SQLite says.
    static func verify(_ database: Database, anchor: AuditHead? = nil) throws -> AuditVerdict {
        var isAnchored = anchor.map { _ in false }
        var previous = genesis
        var count: Int64 = 0
        let rows = try Row.fetchCursor(
            database,
            sql: """
                SELECT sequence, at_ms, event, uid, gid, pid, unit, socket, job, project, model, details,
                previous, hash FROM audit ORDER BY sequence
                """)
        while let row = try rows.next() {
            count += 1
            let columns = (0..<12).map { row[$0] as DatabaseValue }
            let sequence = try row.asWritten(Int64.self, 0, in: "a number")
            let stored = Data.fromDatabaseValue(row[13])
            let isNext = sequence == count && Data.fromDatabaseValue(row[12]) == Data(previous)
            guard isNext, let stored, hash(columns, after: previous) == [UInt8](stored) else {
                return AuditVerdict(rows: count, firstBroken: sequence, isAnchored: isAnchored)
            }
            if let anchor, anchor.sequence == sequence { isAnchored = Store.hexadecimal(stored) == anchor.hash }
            previous = [UInt8](stored)
        }
        return AuditVerdict(rows: count, firstBroken: nil, isAnchored: isAnchored)
    }
}

extension Row {
    /// A column of the chain with the type that it was written with: somebody may have edited it, and GRDB's own
    /// subscripts end the process then.
    func asWritten<Value: DatabaseValueConvertible>(
        _ type: Value.Type, _ index: Int, in row: String
    ) throws(StoreError) -> Value {
        guard let value = Value.fromDatabaseValue(self[index]) else { throw .corrupt("\(row) of the audit chain") }
        return value
    }
}
