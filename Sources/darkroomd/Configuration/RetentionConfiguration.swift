// The `[retention]` table: how long ended jobs are kept, and what room is kept for those that are paid for.

import Engine
import Store

/// What is kept.
struct RetentionConfiguration: Sendable {
    /// Room for results on a full disk; nil depends on the size of the file system.
    var reserveBytes: Int64?
    var retention = Retention(maxAge: .seconds(30 * 86_400), maxJobs: 1_000_000, maxBytes: 20_000_000_000)

    init() {}

    init(_ reader: inout SettingReader) throws(ConfigurationError) {
        let bytes = 0...Int(Int64.max)
        // max_age_days: an ended job, its prompt and its images are kept so long; 30.
        if let value = try reader.number("max_age_days", in: 0.05...36_500) {
            retention.maxAge = .seconds(value * 86_400)
        }
        // max_jobs: most ended jobs, in total; 1000000.
        if let value = try reader.integer("max_jobs", in: 1...100_000_000) { retention.maxJobs = value }
        // max_jobs_per_user: most ended jobs of one user; unbounded.
        if let value = try reader.integer("max_jobs_per_user", in: 1...100_000_000) { retention.maxJobsPerUser = value }
        // max_bytes: most bytes of images and inputs of ended jobs, in total; 20000000000.
        if let value = try reader.integer("max_bytes", in: bytes) { retention.maxBytes = Int64(value) }
        // max_bytes_per_user: most bytes of images and inputs of one user's ended jobs; unbounded.
        if let value = try reader.integer("max_bytes_per_user", in: bytes) { retention.maxBytesPerUser = Int64(value) }
        // reserve_bytes: room that is kept for paid results, and nothing is admitted while less than as much again is
        // free; 67108864, or a sixteenth of a smaller file system than 1 GiB; 0 is none.
        if let value = try reader.integer("reserve_bytes", in: bytes) { reserveBytes = Int64(value) }
        try reader.finish()
    }
}
