// `server.hello`: who is there, and who does it say I am. Nobody need call it.

/// Introduces both sides.
public enum Hello: Method {
    public static let name = "server.hello"
    public static let access = Access.anyone

    /// The protocol version of this module.
    public static let protocolVersion = 1

    public struct Params: MethodParams, Hashable {
        /// What the client calls itself: a string or an object; only ever logged.
        public var client: JSONValue?

        public init(client: JSONValue? = nil) { self.client = client }

        public init(from reader: inout ParamReader) throws(WireError) {
            client = reader.value("client")
            switch client {
            case nil, .string, .object: break
            case .some: throw reader.invalid("client", "has to be a string or an object")
            }
        }
    }

    public struct Result: Sendable, Hashable, Codable {
        public var `protocol`: Int
        public var server: Server
        public var you: You
        public var maxLineBytes: Int
        public var maxInputs: Int
        public var features: [String]

        public init(
            `protocol`: Int, server: Server, you: You, maxLineBytes: Int, maxInputs: Int, features: [String]
        ) {
            self.`protocol` = `protocol`
            self.server = server
            self.you = you
            self.maxLineBytes = maxLineBytes
            self.maxInputs = maxInputs
            self.features = features
        }
    }

    public struct Server: Sendable, Hashable, Codable {
        public var name: String
        public var version: String

        public init(name: String, version: String) {
            self.name = name
            self.version = version
        }
    }

    /// The caller as the kernel tells it; user and unit are attribution, null when they cannot be had.
    public struct You: Sendable, Hashable, Codable {
        public var uid: UInt32
        public var gid: UInt32
        public var user: String?
        public var unit: String?
        public var roles: [String]

        public init(uid: UInt32, gid: UInt32, user: String?, unit: String?, roles: [String]) {
            self.uid = uid
            self.gid = gid
            self.user = user
            self.unit = unit
            self.roles = roles
        }

        private enum CodingKeys: String, CodingKey { case uid, gid, user, unit, roles }

        public func encode(to encoder: any Encoder) throws {
            var container = encoder.container(keyedBy: CodingKeys.self)
            try container.encode(uid, forKey: .uid)
            try container.encode(gid, forKey: .gid)
            try container.encode(user, forKey: .user)
            try container.encode(unit, forKey: .unit)
            try container.encode(roles, forKey: .roles)
        }
    }
}
