// `server.status`: whether images can be had now, and what is under way.

/// Reads the daemon's state.
public enum GetStatus: Method {
    public static let name = "server.status"
    public static let access = Access.anyone
    public typealias Params = NoParams

    public struct Result: Sendable, Hashable, Codable {
        public var ready: Bool
        public var startedAt: Timestamp
        public var projects: [Project]
        public var inFlight: Int
        public var queued: Int
        /// Jobs whose outcome nobody knows, their cost still held.
        public var unknown: Int
        public var diskFreeBytes: Int64
        /// False when the record cannot be written; absent as long as it can.
        public var recording: Bool?
        /// Rows that the record lacks and does not tell of yet; absent when there are none.
        public var unrecorded: Int?

        public init(
            ready: Bool, startedAt: Timestamp, projects: [Project], inFlight: Int, queued: Int, unknown: Int,
            diskFreeBytes: Int64
        ) {
            self.ready = ready
            self.startedAt = startedAt
            self.projects = projects
            self.inFlight = inFlight
            self.queued = queued
            self.unknown = unknown
            self.diskFreeBytes = diskFreeBytes
        }
    }

    public struct Project: Sendable, Hashable, Codable {
        public var name: String
        public var route: String
        public var key: KeyState
        public var paused: Bool
        public var inFlight: Int
        public var queued: Int

        public init(name: String, route: String, key: KeyState, paused: Bool, inFlight: Int, queued: Int) {
            self.name = name
            self.route = route
            self.key = key
            self.paused = paused
            self.inFlight = inFlight
            self.queued = queued
        }
    }

    /// What is known of a project's key.
    public struct KeyState: RawRepresentable, Sendable, Hashable, Codable {
        public let rawValue: String
        public init(rawValue: String) { self.rawValue = rawValue }

        /// Upstream has accepted it.
        public static let ok = KeyState(rawValue: "ok")
        /// There is none.
        public static let missing = KeyState(rawValue: "missing")
        /// Upstream has refused it.
        public static let rejected = KeyState(rawValue: "rejected")
        /// It is there and upstream has not been asked yet.
        public static let unread = KeyState(rawValue: "unread")
    }
}
