// `job.event`: what happens to a job while somebody waits for it (protocol section 4).

/// One step of a job.
public struct JobEvent: Sendable, Hashable, Codable {
    /// The method of the notification.
    public static let method = "job.event"

    public var job: JobID
    /// The request that waits; absent inside the daemon, which fills it in for each waiter.
    public var request: RequestID?
    public var state: JobState
    /// Place in the queue, from 1; with `queued` and `waiting`, if it is in line.
    public var position: Int?
    /// Expected time to the start; with `queued` and `waiting`, if it can be told.
    public var startsInSeconds: Double?
    /// Which attempt this is, from 1; with `sent`.
    public var attempt: Int?
    /// The usual time from here to the image, low and high; with `sent`.
    public var usuallySeconds: [Double]?
    /// Image bytes so far; with `receiving`.
    public var bytes: Int?
    /// The kind of gate that is shut or of limit that is used up; with `waiting`.
    public var reason: ErrorKind?
    /// When that opens, if it opens by itself; with `waiting`.
    public var until: Timestamp?

    public init(
        job: JobID, request: RequestID? = nil, state: JobState, position: Int? = nil, startsInSeconds: Double? = nil,
        attempt: Int? = nil, usuallySeconds: [Double]? = nil, bytes: Int? = nil, reason: ErrorKind? = nil,
        until: Timestamp? = nil
    ) {
        self.job = job
        self.request = request
        self.state = state
        self.position = position
        self.startsInSeconds = startsInSeconds
        self.attempt = attempt
        self.usuallySeconds = usuallySeconds
        self.bytes = bytes
        self.reason = reason
        self.until = until
    }

    private enum CodingKeys: String, CodingKey {
        case job, request, state, position, startsInSeconds, attempt, usuallySeconds, bytes, reason, until
    }

    // Written out: what goes with a state is there as null when it is not known.
    public func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(job, forKey: .job)
        try container.encodeIfPresent(request, forKey: .request)
        try container.encode(state, forKey: .state)
        switch state {
        case .queued:
            try container.encode(position, forKey: .position)
            try container.encode(startsInSeconds, forKey: .startsInSeconds)
        case .waiting:
            try container.encode(reason, forKey: .reason)
            try container.encode(until, forKey: .until)
            try container.encodeIfPresent(position, forKey: .position)
            try container.encodeIfPresent(startsInSeconds, forKey: .startsInSeconds)
        case .sent:
            try container.encode(attempt, forKey: .attempt)
            try container.encode(usuallySeconds, forKey: .usuallySeconds)
        case .receiving: try container.encode(bytes, forKey: .bytes)
        case .done, .failed, .cancelled, .unknown: break
        }
    }

    private struct Notification: Encodable {
        let jsonrpc = "2.0"
        let method = JobEvent.method
        let params: JobEvent
    }

    /// The notification's line for one waiter, without the LF.
    public func line(for request: RequestID) -> [UInt8] {
        var event = self
        event.request = request
        return WireJSON.encode(Notification(params: event))
    }
}
