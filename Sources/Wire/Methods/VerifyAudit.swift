// `audit.verify`: whether the audit chain is whole.

/// Checks every row of the audit chain against the one before it.
public enum VerifyAudit: Method {
    public static let name = "audit.verify"
    public static let access = Access.admin
    public typealias Params = NoParams

    public struct Result: Sendable, Hashable, Codable {
        public var ok: Bool
        public var rows: Int64
        /// The number of the first row that does not fit.
        public var firstBroken: Int64?

        public init(ok: Bool, rows: Int64, firstBroken: Int64?) {
            self.ok = ok
            self.rows = rows
            self.firstBroken = firstBroken
        }

        // Written out for one field: the contract shows `"firstBroken":null`.
        public func encode(to encoder: any Encoder) throws {
            var container = encoder.container(keyedBy: CodingKeys.self)
            try container.encode(ok, forKey: .ok)
            try container.encode(rows, forKey: .rows)
            try container.encode(firstBroken, forKey: .firstBroken)
        }

        private enum CodingKeys: String, CodingKey { case ok, rows, firstBroken }
    }
}
