// How long ended jobs are kept: by age, number and bytes, of one user and of all. A job goes with all that is its own:
// prompt, inputs, turn, images that no other job has. What it cost stays, in `usage`.

package import Wire

import GRDB

/// What is kept of jobs that have ended; nil is without a bound.
package struct Retention: Sendable, Equatable {
    package var maxAge: Duration?
    /// Most ended jobs, in total and of one user.
    package var maxJobs: Int?
    package var maxJobsPerUser: Int?
    /// Most bytes of images and inputs, in total and of one user; what several jobs have counts for each.
    package var maxBytes: Int64?
    package var maxBytesPerUser: Int64?

    package init(
        maxAge: Duration? = nil, maxJobs: Int? = nil, maxJobsPerUser: Int? = nil, maxBytes: Int64? = nil,
        maxBytesPerUser: Int64? = nil
    ) {
        self.maxAge = maxAge
        self.maxJobs = maxJobs
        self.maxJobsPerUser = maxJobsPerUser
        self.maxBytes = maxBytes
        self.maxBytesPerUser = maxBytesPerUser
    }
}

/// What a pass of the retention took away.
package struct Removed: Sendable, Equatable {
    package var jobs = 0
    package var files = 0

    package init(jobs: Int = 0, files: Int = 0) {
        self.jobs = jobs
        self.files = files
    }
}

extension Store {
    /// How long an ended job is kept whatever the settings say: a client that lost its connection may come back for it,
    /// and it can come back only while a daemon runs.
    package static let graceMilliseconds: Int64 = 3_600_000

    /// What ended as long ago as this has so much of a run to be fetched in, and goes then: a daemon that is started again
    /// every hour keeps its bounds too.
    private static let longAgoMilliseconds: Int64 = 86_400_000
    package static let leastGraceMilliseconds: Int64 = 600_000

    /// Jobs in one transaction: others wait for it.
    private static let removeCount = 100

    /// Removes what is kept no longer: never a job that goes on, whose outcome is open, or in whose conversation an open
    /// job goes on; the oldest first.
    ///
    /// - Parameters:
    ///   - retention: What is kept.
    ///   - start: When this run began; the grace of what ended before counts from then.
    ///   - now: The time that ages are counted to.
    /// - Returns: What was removed.
    /// - Throws: What SQLite says; what was removed until then is.
    package func removeExpired(
        _ retention: Retention, since start: Timestamp, at now: Timestamp
    ) async throws(StoreError) -> Removed {
        var removed = Removed()
        let run = now.milliseconds - start.milliseconds
        guard run >= Self.leastGraceMilliseconds else { return removed }
        let latest =
            now.milliseconds - (run >= Self.graceMilliseconds ? Self.graceMilliseconds : Self.longAgoMilliseconds)
        if let age = retention.maxAge {
            let (seconds, attoseconds) = age.components
            let limit = now.milliseconds - seconds * 1000 - attoseconds / 1_000_000_000_000_000
            try await remove(Excess(before: min(limit, latest)), &removed)
        }
        guard retention.boundsAmounts else { return removed }
        var amounts = try await amounts()
        for uid in amounts.keys.sorted() {
            guard let amount = amounts[uid] else { continue }
            let excess = Excess(
                before: latest, owner: uid, jobs: amount.over(jobs: retention.maxJobsPerUser),
                bytes: amount.over(bytes: retention.maxBytesPerUser))
            let rest = try await remove(excess, &removed)
            amounts[uid]?.jobs -= (excess.jobs ?? 0) - (rest.jobs ?? 0)
            amounts[uid]?.bytes -= (excess.bytes ?? 0) - (rest.bytes ?? 0)
        }
        let total = amounts.values.reduce(into: Amount()) { total, one in
            total.jobs += one.jobs
            total.bytes += one.bytes
        }
        try await remove(
            Excess(
                before: latest, jobs: total.over(jobs: retention.maxJobs), bytes: total.over(bytes: retention.maxBytes)),
            &removed)
        return removed
    }

    /// Removes jobs until an excess is gone or nothing more may go; returns what is left of the excess.
    @discardableResult
    private func remove(_ excess: Excess, _ removed: inout Removed) async throws(StoreError) -> Excess {
        var excess = excess
        while excess.isAny, !Task.isCancelled {
            let wanted = excess
            let (jobs, bytes, files) = try await commits.write { database in
                try wanted.removeBatch(of: Self.removeCount, in: database)
            }
            if jobs > 0 { FaultPoint.reach(.retentionAfterCommit) }
            removed.jobs += jobs
            removed.files += try await removeFiles(files)
            if jobs > 0 { FaultPoint.reach(.retentionAfterFiles) }
            excess.jobs = excess.jobs.map { $0 - Int64(jobs) }
            excess.bytes = excess.bytes.map { $0 - bytes }
            guard jobs == Self.removeCount else { return excess }
        }
        return excess
    }

    private func removeFiles(_ digests: [String]) async throws(StoreError) -> Int {
        artifacts.beginSweep()
        defer { artifacts.endSweep() }
        let unnamed = try await unnamed(digests)
        for name in unnamed { artifacts.remove(name) }
        return unnamed.count
    }

    private func amounts() async throws(StoreError) -> [UInt32: Amount] {
        try await read { database in
            var amounts: [UInt32: Amount] = [:]
            let counts = try Row.fetchCursor(
                database, sql: "SELECT uid, count(*) FROM job WHERE ended_ms IS NOT NULL GROUP BY uid")
            while let row = try counts.next() { amounts[row[0], default: Amount()].jobs = row[1] }
            let sums = try Row.fetchCursor(
                database,
                sql: """
                    SELECT uid, sum(bytes) FROM (SELECT uid, bytes FROM artifact UNION ALL
                      SELECT uid, bytes FROM input JOIN job ON job.number = input.job) GROUP BY uid
                    """)
            while let row = try sums.next() { amounts[row[0], default: Amount()].bytes = row[1] }
            return amounts
        }
    }
}

extension Retention {
    fileprivate var boundsAmounts: Bool {
        maxJobs != nil || maxJobsPerUser != nil || maxBytes != nil || maxBytesPerUser != nil
    }
}

/// What somebody has of ended jobs.
private struct Amount: Sendable {
    var jobs: Int64 = 0
    var bytes: Int64 = 0

    func over(jobs limit: Int?) -> Int64? { limit.map { max(0, jobs - Int64($0)) } }
    func over(bytes limit: Int64?) -> Int64? { limit.map { max(0, bytes - $0) } }
}

/// What is too much: all before a time, or so many jobs or bytes of it.
private struct Excess: Sendable {
    /// Milliseconds; only jobs that ended before may go.
    let before: Int64
    var owner: UInt32?
    var jobs: Int64?
    var bytes: Int64?
    private let isByAge: Bool

    init(before: Int64) {
        self.before = before
        isByAge = true
    }

    init(before: Int64, owner: UInt32? = nil, jobs: Int64?, bytes: Int64?) {
        self.before = before
        self.owner = owner
        self.jobs = jobs
        self.bytes = bytes
        isByAge = false
    }

    /// No job goes within the grace, so this is not later than limits ask.
    private var sentSince: Int64 { before + Store.graceMilliseconds - Store.sentKept }

    var isAny: Bool { isByAge || (jobs ?? 0) > 0 || (bytes ?? 0) > 0 }

    // A job was made before it ended, so only ids from before that time are looked at. The newest job stays: its number
    // would be given again, and its usage has it.
    private static let candidates = """
        WITH RECURSIVE
          tip(id) AS (SELECT continues FROM job INDEXED BY job_open WHERE ended_ms IS NULL AND continues IS NOT NULL),
          needed(id) AS (SELECT id FROM tip UNION
            SELECT continues FROM job JOIN needed ON job.id = needed.id WHERE continues IS NOT NULL)
        SELECT number, (SELECT coalesce(sum(bytes), 0) FROM artifact WHERE artifact.job = job.number)
            + (SELECT coalesce(sum(bytes), 0) FROM input WHERE input.job = job.number) FROM job
        WHERE id < ?1 AND ended_ms < ?2
          AND NOT EXISTS (SELECT 1 FROM hold WHERE hold.job = job.number AND hold.state = 'held')
          AND id NOT IN (SELECT id FROM needed) AND number < (SELECT max(number) FROM job)
        """

    func removeBatch(of count: Int, in database: Database) throws -> (jobs: Int, bytes: Int64, files: [String]) {
        let filter = owner == nil ? "AND ?3 IS NULL" : "AND uid = ?3"
        let rows = try Row.fetchAll(
            try database.cachedStatement(sql: "\(Self.candidates) \(filter) ORDER BY id LIMIT \(count)"),
            arguments: [JobID.earliest(at: Timestamp(milliseconds: before)).rawValue, before, owner])
        var files: [String] = []
        var left = self
        var removed = 0
        for row in rows where left.isAny {
            let number: Int64 = row[0]
            files += try String.fetchAll(
                try database.cachedStatement(
                    sql: "SELECT sha256 FROM artifact WHERE job = ?1 UNION SELECT sha256 FROM input WHERE job = ?1"),
                arguments: [number])
            try Store.remember(sentOf: number, since: sentSince, in: database)
            try database.cachedStatement(sql: "DELETE FROM job WHERE number = ?").execute(arguments: [number])
            left.jobs = left.jobs.map { $0 - 1 }
            left.bytes = left.bytes.map { $0 - (row[1] as Int64) }
            removed += 1
        }
        try database.cachedStatement(sql: "DELETE FROM sent_before WHERE sent_ms < ?").execute(arguments: [sentSince])
        if removed > 0 { FaultPoint.reach(.retentionBeforeCommit) }
        return (removed, (bytes ?? 0) - (left.bytes ?? 0), files)
    }
}
