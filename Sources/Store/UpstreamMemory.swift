// What upstream has said that outlasts a run: which gates are shut, which limits it named, which files lie there.
//
// It is all said of the Google project that a key belongs to; another key may be of another, so then it is forgotten.

package import Wire

import FoundationEssentials
import GRDB

/// A gate that a refusal has shut; times are milliseconds since 1970.
package struct KeptGate: Sendable, Equatable {
    package var project: String
    /// Nil: every model of the project.
    package var model: String?
    /// `Int64.max`: until an admin resumes the project.
    package var until: Int64
    /// How long after its start a probe that was not refused counts as let in, in milliseconds.
    package var patience: Int64?
    /// That `until` is a time of the calendar.
    package var isOfCalendar: Bool
    /// What upstream said.
    package var error: WireError

    package init(
        project: String, model: String?, until: Int64, patience: Int64?, isOfCalendar: Bool, error: WireError
    ) {
        self.project = project
        self.model = model
        self.until = until
        self.patience = patience
        self.isOfCalendar = isOfCalendar
        self.error = error
    }
}

/// A limit that a refusal has named.
package struct KeptLimit: Sendable, Equatable {
    package var project: String
    package var model: String
    /// In the protocol's words, such as `requests_per_day`.
    package var kind: String
    package var value: Int64
    /// How long it is believed; milliseconds since 1970.
    package var until: Int64

    package init(project: String, model: String, kind: String, value: Int64, until: Int64) {
        self.project = project
        self.model = model
        self.kind = kind
        self.value = value
        self.until = until
    }
}

/// A file that lies at Google.
package struct KeptUpload: Sendable, Equatable {
    package var sha256: String
    package var name: String
    package var uri: String
    package var expires: Timestamp

    package init(sha256: String, name: String, uri: String, expires: Timestamp) {
        self.sha256 = sha256
        self.name = name
        self.uri = uri
        self.expires = expires
    }
}

extension Store {
    /// Keeps what a refusal said; a gate that is kept as shut for longer stays so.
    package func keep(_ gate: KeptGate?, _ limits: [KeptLimit], at time: Timestamp) async throws(StoreError) {
        try await commits.write { database in
            for table in ["gate", "learnt"] {
                try database.cachedStatement(sql: "DELETE FROM \(table) WHERE until_ms <= ?")
                    .execute(arguments: [time.milliseconds])
            }
            if let gate { try Self.insert(gate, into: database) }
            for limit in limits {
                try database.cachedStatement(
                    sql: "INSERT OR REPLACE INTO learnt (project, model, kind, value, until_ms) VALUES (?,?,?,?,?)"
                ).execute(arguments: [limit.project, limit.model, limit.kind, limit.value, limit.until])
            }
        }
    }

    private static func insert(_ gate: KeptGate, into database: Database) throws {
        try database.cachedStatement(
            sql: """
                INSERT INTO gate (project, model, until_ms, patience_ms, is_of_calendar, error) VALUES (?,?,?,?,?,?)
                ON CONFLICT (project, model) DO UPDATE SET until_ms = excluded.until_ms,
                  patience_ms = excluded.patience_ms, is_of_calendar = excluded.is_of_calendar, error = excluded.error
                WHERE excluded.until_ms > gate.until_ms
                """
        ).execute(arguments: [
            gate.project, gate.model ?? "", gate.until, gate.patience, gate.isOfCalendar,
            String(decoding: WireJSON.encode(gate.error), as: UTF8.self),
        ])
    }

    static func gates(in database: Database) throws -> [KeptGate] {
        try Row.fetchAll(
            database, sql: "SELECT project, model, until_ms, patience_ms, is_of_calendar, error FROM gate"
        ).compactMap { row in
            guard let error = try row.json(WireError.self, 5) else { return nil }
            let model: String = row[1]
            return KeptGate(
                project: row[0], model: model.isEmpty ? nil : model, until: row[2], patience: row[3],
                isOfCalendar: row[4], error: error)
        }
    }

    static func limits(in database: Database) throws -> [KeptLimit] {
        try Row.fetchAll(database, sql: "SELECT project, model, kind, value, until_ms FROM learnt").map {
            KeptLimit(project: $0[0], model: $0[1], kind: $0[2], value: $0[3], until: $0[4])
        }
    }

    /// The files of a project that lie at Google, those that end soon included.
    package func uploads(of project: String) async throws(StoreError) -> [KeptUpload] {
        try await read { database in
            try Row.fetchAll(
                database, sql: "SELECT sha256, name, uri, expires_ms FROM upload WHERE project = ?",
                arguments: [project]
            ).map {
                KeptUpload(
                    sha256: $0[0], name: $0[1], uri: $0[2], expires: Timestamp(milliseconds: $0[3]))
            }
        }
    }

    /// Remembers a file of a project, and forgets those that have ended.
    package func keep(_ upload: KeptUpload, of project: String, at time: Timestamp) async throws(StoreError) {
        try await commits.write { database in
            try database.cachedStatement(sql: "DELETE FROM upload WHERE expires_ms <= ?")
                .execute(arguments: [time.milliseconds])
            try database.cachedStatement(
                sql: "INSERT OR REPLACE INTO upload (project, sha256, name, uri, expires_ms) VALUES (?,?,?,?,?)"
            ).execute(arguments: [
                project, upload.sha256, upload.name, upload.uri, upload.expires.milliseconds,
            ])
        }
    }

    /// Forgets files of a project, by their names at Google.
    package func forgetUploads(_ names: [String], of project: String) async throws(StoreError) {
        try await commits.write { database in
            for name in names {
                try database.cachedStatement(sql: "DELETE FROM upload WHERE project = ? AND name = ?")
                    .execute(arguments: [project, name])
            }
        }
    }

    /// Notes with which key a project works, on record; with another key than the last time, also what was said of the
    /// last one's project is forgotten.
    ///
    /// - Parameters:
    ///   - project: Whose key.
    ///   - digest: A digest of the key and a salt, from which the key cannot be told.
    ///   - time: When.
    ///   - details: Of the audit row.
    /// - Returns: That it is another one than the last time.
    /// - Throws: What SQLite says; then nothing was written.
    package func noteKey(
        of project: String, digest: @escaping @Sendable (_ salt: [UInt8]) -> [UInt8], at time: Timestamp,
        details: String?
    ) async throws(StoreError) -> Bool {
        try await commits.write { database in
            let last = try Row.fetchOne(
                database, sql: "SELECT salt, digest FROM key WHERE project = ?", arguments: [project])
            let isOther = last.map { Array($0[1] as Data) != digest(Array($0[0] as Data)) } ?? false
            if last == nil || isOther {
                let salt = (0..<16).map { _ in UInt8.random(in: .min ... .max) }
                try database.execute(
                    sql: "INSERT OR REPLACE INTO key (project, salt, digest) VALUES (?,?,?)",
                    arguments: [project, Data(salt), Data(digest(salt))])
            }
            if isOther {
                for table in ["gate", "learnt", "upload"] {
                    try database.execute(sql: "DELETE FROM \(table) WHERE project = ?", arguments: [project])
                }
            }
            let event: AuditEvent = isOther ? .keyChanged : .keyLoaded
            try AuditChain.append(
                AuditEntry(event, at: time.milliseconds, project: project, details: details), to: database)
            return isOther
        }
    }
}
