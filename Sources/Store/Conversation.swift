// Conversations: what the model answered, word for word, and the chain of jobs in which one goes on with the other.

package import Wire

import FoundationEssentials
import GRDB

/// A finished job as a turn of the conversation that goes on with it.
package struct PastTurn: Sendable, Equatable {
    package var job: JobID
    package var project: String
    package var route: String
    /// As sent.
    package var model: String
    package var prompt: String
    package var inputs: [KeptInput]
    /// The model's content verbatim, JSON in which each image's base64 is replaced by its number.
    ///
    /// Empty when it was not kept whole or the route gives none: it cannot be replayed, its last image can be sent as
    /// an input.
    package var content: [UInt8]
    /// By number; the final image is the last one of kind `final`.
    package var images: [KeptArtifact]

    package init(
        job: JobID, project: String, route: String, model: String, prompt: String, inputs: [KeptInput],
        content: [UInt8], images: [KeptArtifact]
    ) {
        self.job = job
        self.project = project
        self.route = route
        self.model = model
        self.prompt = prompt
        self.inputs = inputs
        self.content = content
        self.images = images
    }
}

/// What `Store.conversation` found.
package enum Conversation: Sendable, Equatable {
    /// Oldest first; the last one is the job that was named.
    case turns([PastTurn])
    /// There is no such job of this uid.
    case absent
    /// The job that was named is in this state, which has no answer to go on with.
    case notDone(JobState)
    /// A job further up is no longer kept.
    case broken(JobID)
    /// More turns than `Store.turnCount`.
    case tooLong
}

extension Store {
    /// Most turns of one conversation: each is sent again with all of its images.
    package static let turnCount = 50

    /// The conversation that ends with a job, oldest turn first.
    ///
    /// Of a job with several images it is the first one's that goes on.
    ///
    /// - Parameters:
    ///   - id: The job to go on with.
    ///   - owner: Whose it has to be; nil is anybody's.
    /// - Returns: The turns, or why there are none.
    /// - Throws: What SQLite says.
    package func conversation(of id: JobID, for owner: UInt32?) async throws(StoreError) -> Conversation {
        try await read { database in
            var turns: [PastTurn] = []
            var next: JobID? = id
            while let current = next {
                guard let row = try TurnRow.fetch(current, in: database), turns.isEmpty || row.state == .done else {
                    return turns.isEmpty ? .absent : .broken(current)
                }
                guard owner == nil || row.owner == owner else { return turns.isEmpty ? .absent : .broken(current) }
                guard row.state == .done else { return .notDone(row.state) }
                guard turns.count < Self.turnCount else { return .tooLong }
                turns.append(try row.turn(in: database))
                next = row.continues
            }
            return .turns(turns.reversed())
        }
    }

    /// The inputs of a job, in the order of its request.
    package func inputs(of id: JobID) async throws(StoreError) -> [KeptInput] {
        try await read { database in
            guard let number = try TurnRow.number(of: id, in: database) else { return [] }
            return try KeptInput.fetchAll(number, in: database)
        }
    }
}

/// A job's row as a conversation sees it.
private struct TurnRow {
    let id: JobID
    let number: Int64
    let owner: UInt32
    let state: JobState
    let continues: JobID?
    let project: String
    let route: String
    let model: String
    let request: String

    private struct Prompt: Decodable { let prompt: String }

    static func number(of id: JobID, in database: Database) throws -> Int64? {
        let statement = try database.cachedStatement(sql: "SELECT number FROM job WHERE id = ?")
        return try Int64.fetchOne(statement, arguments: [id.rawValue])
    }

    static func fetch(_ id: JobID, in database: Database) throws -> TurnRow? {
        let statement = try database.cachedStatement(
            sql: """
                SELECT number, uid, state, continues, project, route, model_sent, request FROM job WHERE id = ?
                """)
        return try Row.fetchOne(statement, arguments: [id.rawValue]).map { row in
            TurnRow(
                id: id, number: row[0], owner: row[1], state: try row.token(JobState.self, 2),
                continues: (row[3] as String?).map(JobID.init(rawValue:)), project: row[4], route: row[5],
                model: row[6], request: row[7])
        }
    }

    func turn(in database: Database) throws -> PastTurn {
        let call =
            try Int.fetchOne(
                try database.cachedStatement(sql: "SELECT min(number) FROM call WHERE job = ? AND state = 'done'"),
                arguments: [number]) ?? 0
        let images = try Row.fetchAll(
            try database.cachedStatement(
                sql: """
                    SELECT sha256, mime_type, width, height, bytes, kind FROM artifact
                    WHERE job = ? AND call = ? ORDER BY position
                    """),
            arguments: [number, call]
        ).map { row in
            KeptArtifact(kind: try row.token(KeptArtifact.Kind.self, 5), entry: ImageEntry(row))
        }
        let content = try Data.fetchOne(
            try database.cachedStatement(sql: "SELECT content FROM turn WHERE job = ? AND call = ?"),
            arguments: [number, call])
        return PastTurn(
            job: id, project: project, route: route, model: model,
            prompt: try WireJSON.decode(Prompt.self, from: Array(request.utf8)).prompt,
            inputs: try KeptInput.fetchAll(number, in: database), content: content.map { Array($0) } ?? [],
            images: images)
    }
}

extension KeptInput {
    fileprivate static func fetchAll(_ job: Int64, in database: Database) throws -> [KeptInput] {
        let statement = try database.cachedStatement(
            sql: "SELECT sha256, mime_type, width, height, bytes FROM input WHERE job = ? ORDER BY position")
        return try Row.fetchAll(statement, arguments: [job]).map {
            KeptInput(sha256: $0[0], mimeType: $0[1], width: $0[2], height: $0[3], bytes: $0[4])
        }
    }
}
