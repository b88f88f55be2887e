// `job.wait`: takes up a job again, as if `image.generate` had just been sent.

/// Waits for a job's end and answers as `image.generate` does.
public enum WaitForJob: Method {
    public static let name = "job.wait"
    public static let access = Access.owner
    public typealias Result = JobResult

    public struct Params: MethodParams, Hashable {
        public var job: JobID
        public var delivery: Delivery?

        public init(job: JobID, delivery: Delivery? = nil) {
            self.job = job
            self.delivery = delivery
        }

        public init(from reader: inout ParamReader) throws(WireError) {
            job = try reader.job()
            delivery = try reader.token("delivery", Delivery.self)
        }
    }
}
