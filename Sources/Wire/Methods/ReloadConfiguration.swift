// `server.reload`: the configuration is read again; a bad one changes nothing.

/// Reads the configuration again; the old one stays when the new one is wrong, which is `invalid_configuration`.
public enum ReloadConfiguration: Method {
    public static let name = "server.reload"
    public static let access = Access.admin
    public typealias Params = NoParams

    public struct Result: Sendable, Hashable, Codable {
        public var reloaded: Bool
        /// What does not act, or only with the daemon's next start; absent when everything does.
        public var warnings: [Warning]?

        public init(reloaded: Bool, warnings: [Warning]? = nil) {
            self.reloaded = reloaded
            self.warnings = warnings
        }
    }
}
