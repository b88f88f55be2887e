// Waiting for a job's end with progress on standard error, as `generate` and `wait` do it.

import Client
import Wire

enum JobWait {
    /// Sees a job through to its end.
    ///
    /// - Parameters:
    ///   - method: What asks for the job or waits for it.
    ///   - params: What goes with it, with delivery `fd`.
    ///   - job: Its id, where that is known already.
    ///   - output: What `-o` said, to be repeated to a user who does not wait.
    ///   - shared: Where the daemon is and how to talk.
    /// - Returns: The job's result, with a file for each image.
    /// - Throws: `WireError`, `ClientError`, or `Interruption` when the user stopped waiting.
    static func finish<M: Method>(
        _ method: M.Type, _ params: M.Params, job: JobID? = nil, output: String?, shared: SharedOptions
    ) throws -> Received<JobResult> where M.Result == JobResult {
        let progress = Progress(quiet: shared.quiet, output: output)
        if let job { progress.know(job) }
        let connection = try shared.connect()
        Interruption.watch()
        defer { progress.clear() }
        return try connection.finish(
            method, params, job: job, delivery: .fd, heartbeat: progress.heartbeat, onEvent: progress.hear,
            onLoss: progress.lose)
    }
}
