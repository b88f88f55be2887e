// `job.retry`: asks again for what an ended job asked for.

/// Makes a new job from an ended one's record and answers as `image.generate` does.
public enum RetryJob: Method {
    public static let name = "job.retry"
    public static let access = Access.owner
    public typealias Result = JobResult

    public struct Params: MethodParams, Hashable {
        public var job: JobID
        public var delivery: Delivery?
        public var wait: Bool?

        public init(job: JobID, delivery: Delivery? = nil, wait: Bool? = nil) {
            self.job = job
            self.delivery = delivery
            self.wait = wait
        }

        public init(from reader: inout ParamReader) throws(WireError) {
            job = try reader.job()
            delivery = try reader.token("delivery", Delivery.self)
            wait = try reader.bool("wait")
        }
    }
}
