// `quota.get`: the limits that are known, what of them is used, and when they open again.

/// Reads quota and budgets.
public enum GetQuota: Method {
    public static let name = "quota.get"
    public static let access = Access.anyone

    public struct Params: MethodParams, Hashable {
        /// Every project when absent.
        public var project: String?

        public init(project: String? = nil) { self.project = project }

        public init(from reader: inout ParamReader) throws(WireError) {
            project = try reader.string("project", bytes: 1...Limits.nameBytes)
        }
    }

    public struct Result: Sendable, Hashable, Codable {
        public var projects: [Project]
        public var you: You

        public init(projects: [Project], you: You) {
            self.projects = projects
            self.you = you
        }
    }

    public struct Project: Sendable, Hashable, Codable {
        public var name: String
        public var models: [Model]
        public var spend: [Spend]

        public init(name: String, models: [Model], spend: [Spend]) {
            self.name = name
            self.models = models
            self.spend = spend
        }
    }

    public struct Model: Sendable, Hashable, Codable {
        public var model: String
        public var windows: [Window]

        public init(model: String, windows: [Window]) {
            self.model = model
            self.windows = windows
        }
    }

    /// One limit in its window of time.
    public struct Window: Sendable, Hashable, Codable {
        /// `requests_per_minute`, `input_tokens_per_minute`, `images_per_minute`, `requests_per_day`.
        public var kind: String
        public var limit: Int
        public var used: Int
        /// By what is sent and not yet answered.
        public var held: Int
        public var remaining: Int
        /// Null when nothing is used.
        public var resetsAt: Timestamp?
        public var source: Source
        /// When it will be used up if it goes on as until now; absent when it will last until `resetsAt`.
        public var endsAt: Timestamp?

        public init(
            kind: String, limit: Int, used: Int, held: Int, remaining: Int, resetsAt: Timestamp?, source: Source,
            endsAt: Timestamp? = nil
        ) {
            self.kind = kind
            self.limit = limit
            self.used = used
            self.held = held
            self.remaining = remaining
            self.resetsAt = resetsAt
            self.source = source
            self.endsAt = endsAt
        }

        private enum CodingKeys: String, CodingKey { case kind, limit, used, held, remaining, resetsAt, source, endsAt }

        public func encode(to encoder: any Encoder) throws {
            var container = encoder.container(keyedBy: CodingKeys.self)
            try container.encode(kind, forKey: .kind)
            try container.encode(limit, forKey: .limit)
            try container.encode(used, forKey: .used)
            try container.encode(held, forKey: .held)
            try container.encode(remaining, forKey: .remaining)
            try container.encode(resetsAt, forKey: .resetsAt)
            try container.encode(source, forKey: .source)
            try container.encodeIfPresent(endsAt, forKey: .endsAt)
        }
    }

    /// How a limit is known.
    public enum Source: String, Sendable, Hashable, Codable, CaseIterable {
        case configured
        /// From a refusal of upstream's.
        case learnt
    }

    /// A budget in its window of time; US dollars.
    public struct Spend: Sendable, Hashable, Codable {
        /// `per_10_minutes`, `per_day`, `per_month`.
        public var kind: String
        public var limitUSD: Double
        public var spentUSD: Double
        public var heldUSD: Double
        /// Null when nothing is used.
        public var resetsAt: Timestamp?
        /// When it will be used up if it goes on as until now; absent when it will last until `resetsAt`.
        public var endsAt: Timestamp?

        public init(
            kind: String, limitUSD: Double, spentUSD: Double, heldUSD: Double, resetsAt: Timestamp?,
            endsAt: Timestamp? = nil
        ) {
            self.kind = kind
            self.limitUSD = limitUSD
            self.spentUSD = spentUSD
            self.heldUSD = heldUSD
            self.resetsAt = resetsAt
            self.endsAt = endsAt
        }

        private enum CodingKeys: String, CodingKey { case kind, limitUSD, spentUSD, heldUSD, resetsAt, endsAt }

        public func encode(to encoder: any Encoder) throws {
            var container = encoder.container(keyedBy: CodingKeys.self)
            try container.encode(kind, forKey: .kind)
            try container.encode(limitUSD, forKey: .limitUSD)
            try container.encode(spentUSD, forKey: .spentUSD)
            try container.encode(heldUSD, forKey: .heldUSD)
            try container.encode(resetsAt, forKey: .resetsAt)
            try container.encodeIfPresent(endsAt, forKey: .endsAt)
        }
    }

    /// The caller's own budgets.
    public struct You: Sendable, Hashable, Codable {
        public var spend: [Spend]

        public init(spend: [Spend]) { self.spend = spend }
    }
}
