// A job seen through to its end, over the loss of the connection and the restart of the daemon.

import Glibc
public import Wire

extension DarkroomConnection {
    /// Asks for a job, or waits for one, and sees it through: when the connection is lost, it connects again and waits
    /// for the job by its id.
    ///
    /// - Parameters:
    ///   - method: `GenerateImage` or `WaitForJob`.
    ///   - params: What goes with it.
    ///   - job: The job's id, where it is known already.
    ///   - delivery: As in `params`: how the bytes come when the job is taken up again.
    ///   - descriptors: Open files to send with the request's line.
    ///   - patience: How long to try to take a lost job up again; counted from its last sign of life.
    ///   - heartbeat: Called between events.
    ///   - onEvent: What happens to the job meanwhile; what it throws ends the wait, and the job goes on.
    ///   - onLoss: Called once for each loss, before it is made good.
    /// - Returns: The job's result, with the files that came beside it.
    /// - Throws: `WireError`, `ClientError`, and what the closures throw; `.lost` when the job is still out there.
    public func finish<M: Method>(
        _ method: M.Type, _ params: M.Params, job: JobID? = nil, delivery: Delivery = .fd, descriptors: [Int32] = [],
        patience: Duration = .seconds(60), heartbeat: Heartbeat? = nil,
        onEvent: (JobEvent) throws -> Void = { _ in }, onLoss: (JobID) -> Void = { _ in }
    ) throws -> Received<JobResult> where M.Result == JobResult {
        var job = job
        var giveUp = ContinuousClock.now + patience
        var isTold = false
        func hear(_ event: JobEvent) throws {
            job = event.job
            giveUp = .now + patience
            isTold = false
            try onEvent(event)
        }
        do {
            return try askUntilAdmitted(
                method, params, descriptors: descriptors, patience: patience, heartbeat: heartbeat, onEvent: hear)
        } catch let loss where Self.isLoss(loss) {
            job = (loss as? WireError)?.job ?? job
            giveUp = .now + patience
        }
        while let known = job, ContinuousClock.now < giveUp {
            if !isTold { onLoss(known) }
            isTold = true
            do {
                try reconnect(until: giveUp, heartbeat: heartbeat)
                return try call(
                    WaitForJob.self, WaitForJob.Params(job: known, delivery: delivery), heartbeat: heartbeat,
                    onEvent: hear)
            } catch let loss where Self.isLoss(loss) {
                try heartbeat?.action()
                if loss is WireError {
                    // It still drains, which may take minutes and has been told; its word is a sign of life.
                    isTold = true
                    giveUp = .now + patience
                    usleep(1_000_000)
                } else {
                    // A daemon in a circle of crashes accepts and closes at once.
                    usleep(100_000)
                }
            }
        }
        throw ClientError.lost(job: job)
    }

    /// Asks, and asks again while a daemon that drains admits nothing.
    ///
    /// Nothing was admitted, so asking again costs nothing; its refusal is a sign of life, and its drain has an end.
    private func askUntilAdmitted<M: Method>(
        _ method: M.Type, _ params: M.Params, descriptors: [Int32], patience: Duration, heartbeat: Heartbeat?,
        onEvent: (JobEvent) throws -> Void
    ) throws -> Received<JobResult> where M.Result == JobResult {
        while true {
            do {
                return try call(method, params, descriptors: descriptors, heartbeat: heartbeat, onEvent: onEvent)
            } catch let error as WireError where error.kind == .stopping && error.job == nil {
                try heartbeat?.action()
                usleep(1_000_000)
                try reconnect(until: .now + patience, heartbeat: heartbeat)
            }
        }
    }

    /// Whether this is the end of a connection and not of a job; a daemon that stops says so to those who wait, and
    /// goes on with their jobs after its restart.
    private static func isLoss(_ error: any Error) -> Bool {
        switch error {
        case ClientError.closed, ClientError.timedOut, ClientError.stale, ClientError.notRunning: true
        case let error as WireError: error.kind == .stopping && error.job != nil
        default: false
        }
    }
}
