// `job.cancel`: stops what has not been sent, and says the truth about what has.

/// Cancels a job, at once.
public enum CancelJob: Method {
    public static let name = "job.cancel"
    public static let access = Access.owner

    public struct Params: MethodParams, Hashable {
        public var job: JobID

        public init(job: JobID) { self.job = job }

        public init(from reader: inout ParamReader) throws(WireError) { job = try reader.job() }
    }

    public struct Result: Sendable, Hashable, Codable {
        public var job: JobID
        public var state: JobState
        public var charged: Charged

        public init(job: JobID, state: JobState, charged: Charged) {
            self.job = job
            self.state = state
            self.charged = charged
        }
    }
}
