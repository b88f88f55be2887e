// `server.metrics`: the daemon's counters for a scraper.

/// Reads the metrics.
public enum ReadMetrics: Method {
    public static let name = "server.metrics"
    public static let access = Access.anyone
    public typealias Params = NoParams

    public struct Result: Sendable, Hashable, Codable {
        /// OpenMetrics, whole.
        public var text: String

        public init(text: String) { self.text = text }
    }
}
