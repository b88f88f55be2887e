// `job.get`: one job as it stands, without bytes.

/// Reads one job.
public enum GetJob: Method {
    public static let name = "job.get"
    public static let access = Access.owner
    public typealias Result = JobResult

    public struct Params: MethodParams, Hashable {
        public var job: JobID

        public init(job: JobID) { self.job = job }

        public init(from reader: inout ParamReader) throws(WireError) { job = try reader.job() }
    }
}

extension ParamReader {
    /// The required parameter `job`.
    mutating func job() throws(WireError) -> JobID {
        JobID(rawValue: try require(try string("job", bytes: 1...Limits.nameBytes), "job"))
    }
}
