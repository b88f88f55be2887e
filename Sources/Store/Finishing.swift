// A call that brought images: all that is written of it, in one transaction.

package import Wire

import FoundationEssentials
import GRDB

extension Store {
    /// Keeps what a call brought: artifacts, usage, the model's turn, the hold settled, the call ended.
    ///
    /// - Returns: Nil when the call was elsewhere; then nothing was written.
    package func finish(_ end: FinishedCall) async throws(StoreError) -> JobResult? {
        let result: JobResult? = try await commits.write { database in
            guard let job = try JobKey.fetch(end.job, in: database),
                try job.move(
                    end.error == nil ? .finish : .fail, call: end.call, at: end.at, error: end.error, in: database)
            else { return nil }
            try job.keep(end, in: database)
            FaultPoint.reach(.finishBeforeCommit)
            return try JobRecord.fetch(end.job, in: database)?.result
        }
        FaultPoint.reach(.finishAfterCommit)
        if result != nil { artifacts.rowed(end.artifacts.map(\.entry.sha256)) }
        artifacts.removeReceipt(job: end.job, call: end.call)
        return result
    }
}

extension JobKey {
    /// Writes the rows of kept images.
    func keep(_ artifacts: [KeptArtifact], of call: Int, at time: Timestamp, in database: Database) throws {
        for (position, artifact) in artifacts.enumerated() {
            let entry = artifact.entry
            try database.cachedStatement(
                sql: """
                    INSERT INTO artifact (job, call, position, kind, sha256, mime_type, width, height, bytes, uid,
                      made_ms)
                    VALUES (?,?,?,?,?,?,?,?,?,?,?)
                    """
            ).execute(arguments: [
                number, call, position, artifact.kind.rawValue, entry.sha256, entry.mimeType, entry.width,
                entry.height, entry.bytes, origin.uid, time.milliseconds,
            ])
        }
    }

    func keep(_ end: FinishedCall, in database: Database) throws {
        let at = end.at.milliseconds
        try keep(end.artifacts, of: end.call, at: end.at, in: database)
        try database.cachedStatement(
            sql: """
                INSERT INTO usage (job, call, at_ms, uid, project, model, prompt_tokens, output_tokens, image_tokens,
                  thought_tokens, images, cost_micros, basis, budgets) VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?)
                """
        ).execute(arguments: [
            number, end.call, at, origin.uid, try server(of: end.call, in: database), model, end.usage?.promptTokens,
            end.usage?.outputTokens,
            end.usage?.imageTokens, end.usage?.thoughtTokens, end.artifacts.count, end.costMicros, end.basis.rawValue,
            budgets,
        ])
        try close(holdOf: end.call, costMicros: end.costMicros, at: end.at, in: database)
        if let turn = end.turn, end.error == nil {
            try database.cachedStatement(sql: "INSERT INTO turn (job, call, content) VALUES (?,?,?)")
                .execute(arguments: [number, end.call, Data(turn)])
        }
        try database.cachedStatement(
            sql: """
                UPDATE job SET model_answered = coalesce(?1, model_answered),
                  finish_reason = coalesce(?2, finish_reason),
                  text = coalesce(text || char(10) || ?3, ?3, text), cost_micros = coalesce(cost_micros, 0) + ?4,
                  cost_basis = \(Self.basis("?5")), queued_ms = ?6, upstream_ms = ?7, overhead_ms = ?8
                WHERE number = ?9
                """
        ).execute(arguments: [
            end.modelAnswered, end.finishReason, end.text, end.costMicros, end.basis.rawValue, end.timing.queuedMs,
            end.timing.upstreamMs, end.timing.overheadMs, number,
        ])
        if !end.warnings.isEmpty { try add(end.warnings, in: database) }
        if let found = end.grounding { try add(found, in: database) }
        var details =
            "{\"call\":\(end.call),\"charged\":\"yes\",\"costMicros\":\(end.costMicros),\"images\":\(end.artifacts.count)"
        let bytes = end.artifacts.reduce(0) { $0 + $1.entry.bytes }
        details += ",\"bytes\":\(bytes)"
        if let error = end.error { details += ",\"kind\":\"\(error.kind.rawValue)\"" }
        if let usage = end.usage { details += ",\"usage\":" + String(decoding: WireJSON.encode(usage), as: UTF8.self) }
        if !end.warnings.isEmpty {
            let codes = end.warnings.map(\.code.rawValue)
            details += ",\"warnings\":" + String(decoding: WireJSON.encode(codes), as: UTF8.self)
        }
        try audit(.ended, at: end.at, details: details + "}", in: database)
    }

    private func add(_ warnings: [Warning], in database: Database) throws {
        let before = try String.fetchOne(
            try database.cachedStatement(sql: "SELECT warnings FROM job WHERE number = ?"), arguments: [number])
        let known = try (before.map { try WireJSON.decode([Warning].self, from: Array($0.utf8)) } ?? [])
        let all = known + warnings.filter { !known.contains($0) }
        try database.cachedStatement(sql: "UPDATE job SET warnings = ? WHERE number = ?")
            .execute(arguments: [String(decoding: WireJSON.encode(all), as: UTF8.self), number])
    }

    private func add(_ found: GroundingResult, in database: Database) throws {
        let before = try String.fetchOne(
            try database.cachedStatement(sql: "SELECT grounding FROM job WHERE number = ?"), arguments: [number])
        var all =
            try before.map { try WireJSON.decode(GroundingResult.self, from: Array($0.utf8)) } ?? GroundingResult()
        all.merge(found)
        try database.cachedStatement(sql: "UPDATE job SET grounding = ? WHERE number = ?")
            .execute(arguments: [String(decoding: WireJSON.encode(all), as: UTF8.self), number])
    }
}
