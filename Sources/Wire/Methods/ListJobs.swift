// `job.list`: the caller's jobs, newest first, a page at a time.

/// Lists jobs.
public enum ListJobs: Method {
    public static let name = "job.list"
    public static let access = Access.owner

    /// Most jobs of one page: an answer of about half a megabyte.
    public static let limit = 500

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
            limit = try reader.integer("limit", in: 1...Int64(ListJobs.limit)).map { Int($0) }
            cursor = try reader.string("cursor", bytes: 1...Limits.nameBytes)
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
