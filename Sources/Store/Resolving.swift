// Deciding what a call of unknown outcome cost: by an admin who has looked at upstream's own record, or by the time that
// the configuration sets. What became of the image stays unknown; only the money is settled.

package import Wire

import FoundationEssentials
import GRDB

/// What became of a wish to settle.
package enum Resolved: Sendable, Equatable {
    /// `calls` are those whose holds were settled.
    case settled(JobResult, calls: [Int])
    case absent
    /// No call of the job is of unknown outcome with its hold still open.
    case nothingOpen
}

extension Store {
    /// Most jobs that one transaction settles by time.
    private static let settleCount = 100

    /// Settles the open holds of a job's calls of unknown outcome: all that was held, or nothing.
    package func resolve(
        _ id: JobID, charged: Bool, at time: Timestamp, by actor: Origin
    ) async throws(StoreError) -> Resolved {
        let resolved: Resolved = try await commits.write { database in
            guard let job = try JobKey.fetch(id, in: database) else { return .absent }
            let calls = try job.resolve(charged: charged, at: time, by: actor, in: database)
            guard !calls.isEmpty else { return .nothingOpen }
            guard let record = try JobRecord.fetch(id, in: database) else { return .absent }
            FaultPoint.reach(.resolveBeforeCommit)
            return .settled(record.result, calls: calls)
        }
        FaultPoint.reach(.resolveAfterCommit)
        return resolved
    }

    /// Settles as charged what has been unknown since before a time.
    ///
    /// - Returns: The settled calls by job, and when the next one that is unknown now became so.
    package func resolveUnknown(
        since limit: Timestamp, at time: Timestamp
    ) async throws(StoreError) -> (settled: [(job: JobID, calls: [Int])], next: Timestamp?) {
        let open = try await openUnknown()
        let due = Set(open.filter { $0.since <= limit }.map(\.job))
        var settled: [(job: JobID, calls: [Int])] = []
        for batch in stride(from: 0, to: due.count, by: Self.settleCount).map({
            Array(due.dropFirst($0).prefix(Self.settleCount))
        }) {
            settled += try await commits.write { database in
                let settled: [(job: JobID, calls: [Int])] = try batch.compactMap { id in
                    guard let job = try JobKey.fetch(id, in: database) else { return nil }
                    return (id, try job.resolve(charged: true, at: time, by: nil, in: database))
                }
                FaultPoint.reach(.timeoutBeforeCommit)
                return settled
            }
            FaultPoint.reach(.timeoutAfterCommit)
        }
        settled.sort { $0.job.rawValue < $1.job.rawValue }
        return (settled, open.filter { $0.since > limit }.map(\.since).min())
    }

    private func openUnknown() async throws(StoreError) -> [(job: JobID, since: Timestamp)] {
        try await read { database in
            try Row.fetchAll(
                database,
                sql: """
                    SELECT job.id, call.ended_ms FROM call INDEXED BY call_unknown
                      CROSS JOIN hold ON hold.job = call.job AND hold.call = call.number
                      JOIN job ON job.number = call.job
                    WHERE call.state = 'unknown' AND hold.state = 'held'
                    """
            ).map { (JobID(rawValue: $0[0]), Timestamp(milliseconds: $0[1])) }
        }
    }
}

extension JobKey {
    /// Settles every open hold of a call of unknown outcome; the numbers of those calls.
    fileprivate func resolve(
        charged: Bool, at time: Timestamp, by actor: Origin?, in database: Database
    ) throws -> [Int] {
        let rows = try Row.fetchAll(
            try database.cachedStatement(
                sql: """
                    SELECT hold.call, held_micros, call.error FROM hold
                      JOIN call ON call.job = hold.job AND call.number = hold.call
                    WHERE hold.job = ? AND hold.state = 'held' AND call.state = 'unknown' ORDER BY hold.call
                    """), arguments: [number])
        for row in rows {
            let call: Int = row[0]
            let held: Int64 = row[1]
            try close(holdOf: call, costMicros: charged ? held : 0, at: time, in: database)
            if charged { try use(call, held, at: time, in: database) }
            var error = try row.json(WireError.self, 2)
            error?.charged = charged ? .yes : .no
            if let error {
                try database.cachedStatement(sql: "UPDATE call SET error = ? WHERE job = ? AND number = ?").execute(
                    arguments: [String(decoding: WireJSON.encode(error), as: UTF8.self), number, call])
            }
            // The whole hold was reckoned when the outcome was lost.
            try database.cachedStatement(sql: "UPDATE job SET cost_micros = cost_micros - ? WHERE number = ?")
                .execute(arguments: [charged ? 0 : held, number])
            let by = actor == nil ? ",\"by\":\"time\"" : ""
            try audit(
                .resolved, at: time, by: actor,
                details:
                    "{\"call\":\(call),\"charged\":\"\(charged ? "yes" : "no")\",\"costMicros\":\(charged ? held : 0)\(by)}",
                in: database)
        }
        if !rows.isEmpty { try followErrors(in: database) }
        return rows.map { $0[0] }
    }
}
