// `audit.verify`: whether the audit chain is whole.

/// Checks every row of the audit chain against the one before it.
public enum VerifyAudit: Method {
    public static let name = "audit.verify"
    public static let access = Access.admin

    public struct Params: MethodParams, Hashable {
        /// A row as `audit.head` gave it once, NUMBER:HASH, which has to be there still.
        public var anchor: String?

        public init(anchor: String? = nil) { self.anchor = anchor }

        public init(from reader: inout ParamReader) throws(WireError) {
            anchor = try reader.string("anchor", bytes: 1...Limits.nameBytes)
        }
    }

    public struct Result: Sendable, Hashable, Codable {
        public var ok: Bool
        public var rows: Int64
        /// The number of the first row that does not fit.
        public var firstBroken: Int64?
        /// Whether the anchor's row is there; absent when there was no anchor.
        public var anchored: Bool?

        public init(ok: Bool, rows: Int64, firstBroken: Int64?, anchored: Bool? = nil) {
            self.ok = ok
            self.rows = rows
            self.firstBroken = firstBroken
            self.anchored = anchored
        }

        // Written out for one field: the contract shows `"firstBroken":null`.
        public func encode(to encoder: any Encoder) throws {
            var container = encoder.container(keyedBy: CodingKeys.self)
            try container.encode(ok, forKey: .ok)
            try container.encode(rows, forKey: .rows)
            try container.encode(firstBroken, forKey: .firstBroken)
            try container.encodeIfPresent(anchored, forKey: .anchored)
        }

        private enum CodingKeys: String, CodingKey { case ok, rows, firstBroken, anchored }
    }
}
