// `project.resume`: the end of a pause.

/// Lets a paused project go on.
public enum ResumeProject: Method {
    public static let name = "project.resume"
    public static let access = Access.admin
    public typealias Params = PauseProject.Params
    public typealias Result = PauseProject.Result
}
