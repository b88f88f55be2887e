// `audit.head`: the end of the audit chain, to be noted somewhere else.

/// Reads the newest row's number and hash.
public enum ReadAuditHead: Method {
    public static let name = "audit.head"
    public static let access = Access.admin
    public typealias Params = NoParams

    public struct Result: Sendable, Hashable, Codable {
        public var sequence: Int64
        /// 64 hexadecimal digits in lower case.
        public var hash: String

        public init(sequence: Int64, hash: String) {
            self.sequence = sequence
            self.hash = hash
        }
    }
}
