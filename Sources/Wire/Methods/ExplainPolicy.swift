// `policy.explain`: what the rules say to a user's request, and which of them says it.

/// Explains the policy to an admin.
public enum ExplainPolicy: Method {
    public static let name = "policy.explain"
    public static let access = Access.admin

    public struct Params: MethodParams, Hashable {
        /// A name or a uid.
        public var user: String
        /// What that user would ask for.
        public var request: GenerateImage.Params

        public init(user: String, request: GenerateImage.Params) {
            self.user = user
            self.request = request
        }

        public init(from reader: inout ParamReader) throws(WireError) {
            user = try reader.require(try reader.string("user", bytes: 1...Limits.nameBytes), "user")
            request = try GenerateImage.Params(from: &reader)
        }

        private enum CodingKeys: String, CodingKey { case user }

        // The request's members stand beside `user`, not under a name of their own.
        public func encode(to encoder: any Encoder) throws {
            try request.encode(to: encoder)
            var container = encoder.container(keyedBy: CodingKeys.self)
            try container.encode(user, forKey: .user)
        }
    }

    public struct Result: Sendable, Hashable, Codable {
        public var allowed: Bool
        /// `file:line` of the rule that decides; null when there are no rules or none matches.
        public var rule: String?
        public var reason: String

        public init(allowed: Bool, rule: String?, reason: String) {
            self.allowed = allowed
            self.rule = rule
            self.reason = reason
        }

        private enum CodingKeys: String, CodingKey { case allowed, rule, reason }

        public func encode(to encoder: any Encoder) throws {
            var container = encoder.container(keyedBy: CodingKeys.self)
            try container.encode(allowed, forKey: .allowed)
            try container.encode(rule, forKey: .rule)
            try container.encode(reason, forKey: .reason)
        }
    }
}
