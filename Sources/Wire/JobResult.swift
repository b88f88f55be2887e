// A whole job, as `image.generate`, `job.wait` and `job.get` answer it (protocol section 3).

/// A job as `image.generate`, `job.wait` and `job.get` answer it.
public struct JobResult: Sendable, Hashable, Codable {
    public var job: JobID
    public var state: JobState
    public var route: String
    public var project: String
    public var label: String?
    public var model: JobModel
    public var images: [ImageEntry]
    public var extraImages: [ImageEntry]
    /// An error for each call that failed.
    public var failed: [WireError]
    public var text: String?
    /// What grounding found; absent when none was asked for or nothing was looked up.
    public var grounding: GroundingResult?
    /// The job whose conversation this one goes on with.
    public var continues: JobID?
    public var warnings: [Warning]
    public var requested: Requested
    public var usage: Usage?
    public var cost: Cost?
    public var reused: Bool
    public var attempts: Int
    public var timing: Timing?
    public var createdAt: Timestamp?
    public var startedAt: Timestamp?
    public var endedAt: Timestamp?
    public var error: WireError?
    /// Why it does not go on; with `waiting`.
    public var reason: ErrorKind?
    /// When that ends, if it ends by itself; with `waiting`.
    public var until: Timestamp?

    public init(
        job: JobID, state: JobState, route: String, project: String, label: String?, model: JobModel,
        images: [ImageEntry] = [], extraImages: [ImageEntry] = [], failed: [WireError] = [], text: String? = nil,
        grounding: GroundingResult? = nil, continues: JobID? = nil, warnings: [Warning] = [], requested: Requested,
        usage: Usage? = nil, cost: Cost? = nil, reused: Bool = false,
        attempts: Int = 0, timing: Timing? = nil, createdAt: Timestamp? = nil, startedAt: Timestamp? = nil,
        endedAt: Timestamp? = nil, error: WireError? = nil, reason: ErrorKind? = nil, until: Timestamp? = nil
    ) {
        self.job = job
        self.state = state
        self.route = route
        self.project = project
        self.label = label
        self.model = model
        self.images = images
        self.extraImages = extraImages
        self.failed = failed
        self.text = text
        self.grounding = grounding
        self.continues = continues
        self.warnings = warnings
        self.requested = requested
        self.usage = usage
        self.cost = cost
        self.reused = reused
        self.attempts = attempts
        self.timing = timing
        self.createdAt = createdAt
        self.startedAt = startedAt
        self.endedAt = endedAt
        self.error = error
        self.reason = reason
        self.until = until
    }

    /// Whether it can have cost money, as far as its state, its error and its cost tell.
    public var charged: Charged {
        if let charged = error?.charged, charged != .no { return charged }
        if state == .sent || state == .receiving { return .unknown }
        // Of several calls the job's error is that of one, and the cost is that of all.
        guard let cost, cost.usd > 0 else { return .no }
        return cost.basis == .hold && state != .done ? .unknown : .yes
    }

    private enum CodingKeys: String, CodingKey {
        case job, state, route, project, label, model, images, extraImages, failed, text, grounding
        case continues, warnings, requested, usage, cost
        case reused, attempts, timing, createdAt, startedAt, endedAt, error, reason, until
    }

    // Written out: what the contract shows of a result is there as null when there is none, since clients index it; a
    // synthesised encoder would leave it out. What it does not show is there only when there is something to say.
    public func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(job, forKey: .job)
        try container.encode(state, forKey: .state)
        try container.encode(route, forKey: .route)
        try container.encode(project, forKey: .project)
        try container.encode(label, forKey: .label)
        try container.encode(model, forKey: .model)
        try container.encode(images, forKey: .images)
        try container.encode(extraImages, forKey: .extraImages)
        try container.encode(failed, forKey: .failed)
        try container.encode(text, forKey: .text)
        try container.encodeIfPresent(grounding, forKey: .grounding)
        try container.encodeIfPresent(continues, forKey: .continues)
        try container.encode(warnings, forKey: .warnings)
        try container.encode(requested, forKey: .requested)
        try container.encode(usage, forKey: .usage)
        try container.encode(cost, forKey: .cost)
        try container.encode(reused, forKey: .reused)
        try container.encode(attempts, forKey: .attempts)
        try container.encode(timing, forKey: .timing)
        try container.encode(createdAt, forKey: .createdAt)
        try container.encode(startedAt, forKey: .startedAt)
        try container.encode(endedAt, forKey: .endedAt)
        try container.encodeIfPresent(error, forKey: .error)
        try container.encodeIfPresent(reason, forKey: .reason)
        try container.encodeIfPresent(until, forKey: .until)
    }
}

/// What the model looked up, as Google's terms ask to show it beside the image.
public struct GroundingResult: Sendable, Hashable, Codable {
    public struct Source: Sendable, Hashable, Codable {
        public var title: String?
        public var uri: String

        public init(title: String?, uri: String) {
            self.title = title
            self.uri = uri
        }
    }

    public var sources: [Source]
    public var queries: [String]
    /// HTML of Google's search suggestions, verbatim.
    public var renderedChip: String?

    public init(sources: [Source] = [], queries: [String] = [], renderedChip: String? = nil) {
        self.sources = sources
        self.queries = queries
        self.renderedChip = renderedChip
    }

    /// What both found, each source and each query once.
    public mutating func merge(_ other: GroundingResult) {
        for source in other.sources where !sources.contains(source) { sources.append(source) }
        for query in other.queries where !queries.contains(query) { queries.append(query) }
        renderedChip = renderedChip ?? other.renderedChip
    }
}
