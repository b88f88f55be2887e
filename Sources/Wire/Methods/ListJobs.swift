// `job.list`: the caller's jobs, newest first, a page at a time.

/// Lists jobs.
public enum ListJobs: Method {
    public static let name = "job.list"
    public static let access = Access.owner

    /// Most jobs of one page, whatever is asked for: an answer of some hundred kilobytes.
    public static let limit = 200

    public struct Params: MethodParams, Hashable {
        /// 50 when absent.
        public var limit: Int?
        /// What the page before gave.
        public var cursor: String?
        public var state: JobState?
        public var label: String?

        public init(limit: Int? = nil, cursor: String? = nil, state: JobState? = nil, label: String? = nil) {
            self.limit = limit
            self.cursor = cursor
            self.state = state
            self.label = label
        }

        public init(from reader: inout ParamReader) throws(WireError) {
            limit = try reader.integer("limit", in: 1...1_000_000).map { min(Int($0), ListJobs.limit) }
            cursor = try reader.string("cursor", bytes: 1...Limits.nameBytes)
            if let cursor, !JobID(rawValue: cursor).isWellFormed {
                throw reader.invalid("cursor", "is none that a page before gave")
            }
            state = try reader.token("state", JobState.self)
            label = try reader.string("label", bytes: 0...Limits.labelBytes)
        }
    }

    public struct Result: Sendable, Hashable, Codable {
        public var jobs: [JobResult]
        /// Absent on the last page.
        public var cursor: String?

        public init(jobs: [JobResult], cursor: String?) {
            self.jobs = jobs
            self.cursor = cursor
        }
    }
}
