// An error as it crosses the socket. The message is a sentence for a person, without capital or full stop; the hint is
// something to type or to wait for. No key, no path below the daemon's state, no text of an unforeseen error.

/// The answer to a request that was not fulfilled (protocol section 5).
public struct WireError: Error, Sendable, Hashable {
    public var kind: ErrorKind
    public var message: String
    public var hint: String?
    public var isRetryable: Bool
    /// Absent until a job exists.
    public var charged: Charged?
    /// The parameter at fault, as a dotted path: `inputs.2.fd`.
    public var path: String?
    /// The job that this is the end of, or that goes on without the caller.
    public var job: JobID?
    /// When the gate that refused opens again.
    public var resetsAt: Timestamp?
    /// What upstream itself said, redacted.
    public var upstream: Upstream?
    /// The fields that upstream named in a rejection.
    public var fields: [String]?
    /// Google's finish or block reason when it made no image.
    public var finishReason: String?
    /// The text that came instead of an image.
    public var text: String?
    /// The configuration file and line at fault, and what is wrong there.
    public var file: String?
    public var line: Int?
    public var reason: String?

    /// What upstream said, as it said it, after redaction of keys.
    public struct Upstream: Sendable, Hashable, Codable {
        public var httpStatus: Int?
        public var status: String?
        public var reason: String?
        public var message: String?

        public init(httpStatus: Int? = nil, status: String? = nil, reason: String? = nil, message: String? = nil) {
            self.httpStatus = httpStatus
            self.status = status
            self.reason = reason
            self.message = message
        }

        private enum CodingKeys: String, CodingKey { case httpStatus, status, reason, message }

        // Written out: the contract shows all of them, so what upstream did not say is null.
        public func encode(to encoder: any Encoder) throws {
            var container = encoder.container(keyedBy: CodingKeys.self)
            try container.encode(httpStatus, forKey: .httpStatus)
            try container.encode(status, forKey: .status)
            try container.encode(reason, forKey: .reason)
            try container.encode(message, forKey: .message)
        }
    }

    public init(
        _ kind: ErrorKind, _ message: String, hint: String? = nil, retryable: Bool? = nil, charged: Charged? = nil,
        path: String? = nil, job: JobID? = nil
    ) {
        self.kind = kind
        self.message = message
        self.hint = hint
        self.isRetryable = retryable ?? kind.isRetryable
        self.charged = charged
        self.path = path
        self.job = job
    }
}

extension WireError: Codable {
    private enum CodingKeys: String, CodingKey { case code, message, data }

    private enum DataKeys: String, CodingKey {
        case kind, hint, retryable, charged, path, job, resetsAt, upstream, fields, finishReason, text, file, line
        case reason
    }

    public init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        message = try container.decode(String.self, forKey: .message)
        let data = try container.nestedContainer(keyedBy: DataKeys.self, forKey: .data)
        kind = try data.decode(ErrorKind.self, forKey: .kind)
        hint = try data.decodeIfPresent(String.self, forKey: .hint)
        isRetryable = try data.decodeIfPresent(Bool.self, forKey: .retryable) ?? false
        charged = try data.decodeIfPresent(Charged.self, forKey: .charged)
        path = try data.decodeIfPresent(String.self, forKey: .path)
        job = try data.decodeIfPresent(JobID.self, forKey: .job)
        resetsAt = try data.decodeIfPresent(Timestamp.self, forKey: .resetsAt)
        upstream = try data.decodeIfPresent(Upstream.self, forKey: .upstream)
        fields = try data.decodeIfPresent([String].self, forKey: .fields)
        finishReason = try data.decodeIfPresent(String.self, forKey: .finishReason)
        text = try data.decodeIfPresent(String.self, forKey: .text)
        file = try data.decodeIfPresent(String.self, forKey: .file)
        line = try data.decodeIfPresent(Int.self, forKey: .line)
        reason = try data.decodeIfPresent(String.self, forKey: .reason)
    }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(kind.code, forKey: .code)
        try container.encode(message, forKey: .message)
        var data = container.nestedContainer(keyedBy: DataKeys.self, forKey: .data)
        try data.encode(kind, forKey: .kind)
        try data.encodeIfPresent(hint, forKey: .hint)
        try data.encode(isRetryable, forKey: .retryable)
        try data.encodeIfPresent(charged, forKey: .charged)
        try data.encodeIfPresent(path, forKey: .path)
        try data.encodeIfPresent(job, forKey: .job)
        try data.encodeIfPresent(resetsAt, forKey: .resetsAt)
        try data.encodeIfPresent(upstream, forKey: .upstream)
        try data.encodeIfPresent(fields, forKey: .fields)
        try data.encodeIfPresent(finishReason, forKey: .finishReason)
        try data.encodeIfPresent(text, forKey: .text)
        try data.encodeIfPresent(file, forKey: .file)
        try data.encodeIfPresent(line, forKey: .line)
        try data.encodeIfPresent(reason, forKey: .reason)
    }
}
