// `server.diagnose`: why an image call fails, asked in the order in which the answers explain each other (protocol
// section 6).

/// Looks for what stands between a caller and an image.
public enum Diagnose: Method {
    public static let name = "server.diagnose"
    public static let access = Access.policy

    public struct Params: MethodParams, Hashable {
        /// Also make one smallest image on each route, which costs money.
        public var spend: Bool?

        public init(spend: Bool? = nil) { self.spend = spend }

        public init(from reader: inout ParamReader) throws(WireError) { spend = try reader.bool("spend") }
    }

    public struct Result: Sendable, Hashable, Codable {
        /// Project by project, each in the order of the protocol.
        public var steps: [Step]
        /// The worst of the steps.
        public var verdict: Verdict

        public init(steps: [Step], verdict: Verdict) {
            self.steps = steps
            self.verdict = verdict
        }
    }

    /// One thing that was looked at.
    public struct Step: Sendable, Hashable, Codable {
        public var step: Name
        /// Absent when it is about the daemon as a whole.
        public var project: String?
        public var verdict: Verdict
        /// A fact.
        public var found: String
        /// What the fact means; absent when all is well.
        public var meaning: String?
        /// What to do about it; absent when there is nothing to do.
        public var next: String?

        public init(
            _ step: Name, project: String?, verdict: Verdict, found: String, meaning: String? = nil,
            next: String? = nil
        ) {
            self.step = step
            self.project = project
            self.verdict = verdict
            self.found = found
            self.meaning = meaning
            self.next = next
        }

        private enum CodingKeys: String, CodingKey { case step, project, verdict, found, meaning, next }

        // Written out: the contract lists all of them for every step, so absent ones are `null`.
        public func encode(to encoder: any Encoder) throws {
            var container = encoder.container(keyedBy: CodingKeys.self)
            try container.encode(step, forKey: .step)
            try container.encode(project, forKey: .project)
            try container.encode(verdict, forKey: .verdict)
            try container.encode(found, forKey: .found)
            try container.encode(meaning, forKey: .meaning)
            try container.encode(next, forKey: .next)
        }
    }

    /// What a step looks at; open, so that an older client reads a newer step.
    public struct Name: RawRepresentable, Sendable, Hashable, Codable {
        public let rawValue: String

        public init(rawValue: String) { self.rawValue = rawValue }

        public static let configuration = Name(rawValue: "configuration")
        public static let credential = Name(rawValue: "credential")
        public static let network = Name(rawValue: "network")
        public static let listing = Name(rawValue: "listing")
        public static let model = Name(rawValue: "model")
        public static let quota = Name(rawValue: "quota")
        public static let image = Name(rawValue: "image")
    }

    public enum Verdict: String, Sendable, Hashable, Codable, CaseIterable, Comparable {
        case skipped, ok, warning, fault

        public static func < (left: Verdict, right: Verdict) -> Bool {
            left.severity < right.severity
        }

        private var severity: Int {
            switch self {
            case .skipped: 0
            case .ok: 1
            case .warning: 2
            case .fault: 3
            }
        }
    }
}
