// Removing files that no row names: left by a run that was killed between the file and its row.
//
// Such a file may be the only trace of an image that was paid for. Whatever could belong to a job whose outcome nobody
// knows stays, until that job is resolved.

package import Wire

import GRDB

extension Store {
    /// Names looked up in one read transaction; one that read for long would keep the log from its checkpoint.
    private static let sweepCount = 256

    /// How far a file's time may lie behind the row of its job: the kernel's tick, and a clock that was set.
    private static let clockMilliseconds: Int64 = 60_000

    /// Removes artifact files that no row names and that are older than a time and than every job whose outcome is
    /// not known; files of this run stay whatever their time is.
    ///
    /// - Returns: How many were removed.
    @concurrent
    package func sweepArtifacts(olderThan time: Timestamp) async throws(StoreError) -> Int {
        artifacts.beginSweep()
        defer { artifacts.endSweep() }
        let limit = try await sweepLimit(time)
        var removed = 0
        for number in 0..<256 {
            let prefix = (number < 16 ? "0" : "") + String(number, radix: 16)
            var old: [String] = []
            for name in try FileSystem.names(in: "\(directory.artifacts)/\(prefix)")
            where Self.isDigest(name, prefix) && artifacts.isOlder(name, than: limit) {
                old.append(name)
            }
            for start in stride(from: 0, to: old.count, by: Self.sweepCount) {
                guard !Task.isCancelled else { return removed }
                let batch = Array(old[start..<min(old.count, start + Self.sweepCount)])
                for name in try await unnamed(batch) where artifacts.remove(name, ifOlderThan: limit) { removed += 1 }
            }
        }
        return removed
    }

    private static func isDigest(_ name: String, _ prefix: String) -> Bool {
        name.utf8.count == 64 && name.hasPrefix(prefix) && name.utf8.allSatisfy { "0123456789abcdef".utf8.contains($0) }
    }

    /// The given time, or an earlier one, before which no job began that may still own a file without a row.
    private func sweepLimit(_ time: Timestamp) async throws(StoreError) -> Timestamp {
        let oldest = try await read { database in
            try Int64.fetchOne(
                database,
                sql: """
                    SELECT min(began) FROM (
                      SELECT coalesce(started_ms, created_ms) AS began FROM hold INDEXED BY hold_open
                        JOIN job ON job.number = hold.job WHERE hold.state = 'held'
                      UNION ALL
                      SELECT coalesce(started_ms, created_ms) FROM job INDEXED BY job_open WHERE ended_ms IS NULL)
                    """)
        }
        let began = oldest.map { $0 - Self.clockMilliseconds } ?? .max
        return Timestamp(milliseconds: min(time.milliseconds, began))
    }

    /// Those of these names that neither an artifact nor an input has.
    func unnamed(_ names: [String]) async throws(StoreError) -> [String] {
        try await read { database in
            let statement = try database.cachedStatement(
                sql: """
                    SELECT EXISTS (SELECT 1 FROM artifact WHERE sha256 = ?1)
                      OR EXISTS (SELECT 1 FROM input WHERE sha256 = ?1)
                    """)
            return try names.filter { try Bool.fetchOne(statement, arguments: [$0]) == false }
        }
    }
}
