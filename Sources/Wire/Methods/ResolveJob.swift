// `job.resolve`: an admin says what became of a job of which nobody knows.

/// Settles the hold of an `unknown` job.
public enum ResolveJob: Method {
    public static let name = "job.resolve"
    public static let access = Access.admin
    public typealias Result = JobResult

    public struct Params: MethodParams, Hashable {
        public var job: JobID
        /// That Google charged for it: the hold becomes its cost; else the hold is given back.
        public var charged: Bool

        public init(job: JobID, charged: Bool) {
            self.job = job
            self.charged = charged
        }

        public init(from reader: inout ParamReader) throws(WireError) {
            job = try reader.job()
            charged = try reader.require(try reader.bool("charged"), "charged")
        }
    }
}
