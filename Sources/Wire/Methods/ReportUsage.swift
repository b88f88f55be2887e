// `usage.report`: what was made and what it cost.

/// Adds up usage: the caller's own, for an admin everybody's.
public enum ReportUsage: Method {
    public static let name = "usage.report"
    public static let access = Access.owner

    /// What the rows are for.
    public enum Grouping: String, Sendable, Hashable, Codable, CaseIterable { case user, model, project, day }

    public struct Params: MethodParams, Hashable {
        /// From the first usage on when absent.
        public var since: Timestamp?
        /// Exclusive; until now when absent.
        public var until: Timestamp?
        /// One row of everything when absent.
        public var by: Grouping?

        public init(since: Timestamp? = nil, until: Timestamp? = nil, by: Grouping? = nil) {
            self.since = since
            self.until = until
            self.by = by
        }

        public init(from reader: inout ParamReader) throws(WireError) {
            since = try reader.time("since")
            until = try reader.time("until")
            by = try reader.token("by", Grouping.self)
        }
    }

    public struct Result: Sendable, Hashable, Codable {
        public var rows: [Row]
        public var totalUSD: Double

        public init(rows: [Row], totalUSD: Double) {
            self.rows = rows
            self.totalUSD = totalUSD
        }
    }

    /// One sum; of the first four members the one that was grouped by is set.
    public struct Row: Sendable, Hashable, Codable {
        /// A user's name, or the uid of one whose name this host does not know.
        public var user: String?
        public var model: String?
        public var project: String?
        /// `2026-11-22`, a day of America/Los_Angeles, as Google counts them.
        public var day: String?
        public var jobs: Int
        public var images: Int
        public var usd: Double

        public init(
            user: String? = nil, model: String? = nil, project: String? = nil, day: String? = nil, jobs: Int,
            images: Int, usd: Double
        ) {
            self.user = user
            self.model = model
            self.project = project
            self.day = day
            self.jobs = jobs
            self.images = images
            self.usd = usd
        }
    }
}

extension ParamReader {
    /// A point in time as RFC 3339.
    mutating func time(_ name: String) throws(WireError) -> Timestamp? {
        guard let text = try string(name, bytes: 1...Limits.nameBytes) else { return nil }
        guard let time = try? WireJSON.decode(Timestamp.self, from: WireJSON.encode(text)) else {
            throw invalid(name, "has to be a time like 2026-11-22T12:00:00Z")
        }
        return time
    }
}
