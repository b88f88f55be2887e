// `project.pause`: nothing more is sent for a project until it is resumed.

/// Pauses a project: its jobs wait, and what is sent may finish.
public enum PauseProject: Method {
    public static let name = "project.pause"
    public static let access = Access.admin

    public struct Params: MethodParams, Hashable {
        public var project: String

        public init(project: String) { self.project = project }

        public init(from reader: inout ParamReader) throws(WireError) {
            project = try reader.require(try reader.string("project", bytes: 1...Limits.nameBytes), "project")
        }
    }

    public struct Result: Sendable, Hashable, Codable {
        public var project: String
        public var paused: Bool

        public init(project: String, paused: Bool) {
            self.project = project
            self.paused = paused
        }
    }
}
