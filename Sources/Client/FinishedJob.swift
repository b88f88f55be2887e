// A job seen through to its end, over the loss of the connection and the restart of the daemon.
//
// There is one mechanism: whatever ends the connection, connect again with growing pauses, and then wait for the job by
// its id, or, as long as it has none, ask again under its idempotency key, under which nothing is done twice.

import Glibc
public import Wire

extension DarkroomConnection {
    /// Makes images, and sees their job through to its end.
    ///
    /// - Parameters:
    ///   - request: What to make; without an idempotency key it gets one, so that it can be asked for again when the
    ///     daemon goes away before it has named the job.
    ///   - descriptors: Open files that `inputs` names by index.
    ///   - patience: How long to try to reach a lost daemon again; counted from its last sign of life.
    ///   - heartbeat: Called between events.
    ///   - onEvent: What happens to the job meanwhile; what it throws ends the wait, and the job goes on.
    ///   - onLoss: Called once for each loss, before it is made good; without a job when none was named.
    /// - Returns: The job's result, with the files that came beside it.
    /// - Throws: `WireError`, `ClientError`, and what the closures throw; `.lost` when the job is still out there,
    ///   `.unanswered` when nobody knows whether there is one.
    public func generate(
        _ request: GenerateImage.Params, descriptors: [Int32] = [], patience: Duration = .seconds(60),
        heartbeat: Heartbeat? = nil, onEvent: (JobEvent) throws -> Void = { _ in }, onLoss: (JobID?) -> Void = { _ in }
    ) throws -> Received<JobResult> {
        let request = Self.keyed(request)
        return try persist(
            key: request.idempotencyKey, patience: patience, heartbeat: heartbeat, onLoss: onLoss
        ) { job, hear in
            try job.map { try takeUp($0, request.delivery, heartbeat, hear, onEvent) }
                ?? call(
                    GenerateImage.self, request, descriptors: descriptors, heartbeat: heartbeat,
                    onEvent: {
                        hear($0)
                        try onEvent($0)
                    })
        }
    }

    /// Has a job for images admitted and does not wait for it.
    ///
    /// - Parameters:
    ///   - request: What to make; its `wait` and `delivery` are not looked at.
    ///   - descriptors: Open files that `inputs` names by index.
    ///   - patience: How long to try to reach a lost daemon again; counted from its last sign of life.
    ///   - heartbeat: Called between two attempts.
    ///   - onLoss: Called once for each loss, before it is made good.
    /// - Returns: The job's id and state.
    /// - Throws: As `generate`.
    public func admit(
        _ request: GenerateImage.Params, descriptors: [Int32] = [], patience: Duration = .seconds(60),
        heartbeat: Heartbeat? = nil, onLoss: (JobID?) -> Void = { _ in }
    ) throws -> Received<GenerateImage.Accepted> {
        var request = Self.keyed(request)
        request.wait = false
        request.delivery = Delivery.none
        return try persist(
            key: request.idempotencyKey, patience: patience, heartbeat: heartbeat, onLoss: onLoss
        ) { _, _ in
            try call(AdmitImage.self, request, descriptors: descriptors, heartbeat: heartbeat)
        }
    }

    /// Waits for a job's end.
    ///
    /// - Parameters:
    ///   - job: Its id.
    ///   - delivery: How the bytes come.
    ///   - patience: How long to try to reach a lost daemon again; counted from its last sign of life.
    ///   - heartbeat: Called between events.
    ///   - onEvent: What happens to the job meanwhile; what it throws ends the wait, and the job goes on.
    ///   - onLoss: Called once for each loss, before it is made good.
    /// - Returns: The job's result, with the files that came beside it.
    /// - Throws: As `generate`.
    public func wait(
        for job: JobID, delivery: Delivery = .fd, patience: Duration = .seconds(60), heartbeat: Heartbeat? = nil,
        onEvent: (JobEvent) throws -> Void = { _ in }, onLoss: (JobID?) -> Void = { _ in }
    ) throws -> Received<JobResult> {
        try persist(job, key: nil, patience: patience, heartbeat: heartbeat, onLoss: onLoss) { _, hear in
            try takeUp(job, delivery, heartbeat, hear, onEvent)
        }
    }

    /// Asks for a job by another method than `generate`, and sees it through to its end.
    ///
    /// Such a method has no idempotency key: when the daemon goes away before it has named the job, it is not asked for
    /// again.
    ///
    /// - Parameters:
    ///   - method: `RetryJob`.
    ///   - params: What goes with it.
    ///   - delivery: As in `params`: how the bytes come when the job is taken up again.
    ///   - patience: How long to try to reach a lost daemon again; counted from its last sign of life.
    ///   - heartbeat: Called between events.
    ///   - onEvent: What happens to the job meanwhile; what it throws ends the wait, and the job goes on.
    ///   - onLoss: Called once for each loss, before it is made good.
    /// - Returns: The job's result, with the files that came beside it.
    /// - Throws: As `generate`.
    public func finish<M: Method>(
        _ method: M.Type, _ params: M.Params, delivery: Delivery = .fd, patience: Duration = .seconds(60),
        heartbeat: Heartbeat? = nil, onEvent: (JobEvent) throws -> Void = { _ in }, onLoss: (JobID?) -> Void = { _ in }
    ) throws -> Received<JobResult> where M.Result == JobResult {
        try persist(key: nil, patience: patience, heartbeat: heartbeat, onLoss: onLoss) { job, hear in
            try job.map { try takeUp($0, delivery, heartbeat, hear, onEvent) }
                ?? call(
                    method, params, heartbeat: heartbeat,
                    onEvent: {
                        hear($0)
                        try onEvent($0)
                    })
        }
    }

    private func takeUp(
        _ job: JobID, _ delivery: Delivery?, _ heartbeat: Heartbeat?, _ hear: (JobEvent) -> Void,
        _ onEvent: (JobEvent) throws -> Void
    ) throws -> Received<JobResult> {
        try call(
            WaitForJob.self, WaitForJob.Params(job: job, delivery: delivery), heartbeat: heartbeat,
            onEvent: {
                hear($0)
                try onEvent($0)
            })
    }

    /// Asks until there is an answer.
    ///
    /// - Parameters:
    ///   - known: The job's id, where it is known already.
    ///   - key: Under which `ask` may be called again while no job is known.
    ///   - patience: From the last sign of life on.
    ///   - heartbeat: Called between two attempts.
    ///   - onLoss: Called once for each loss.
    ///   - ask: Asks once, given the job that is known by now and something to tell events to.
    /// - Returns: The answer.
    /// - Throws: What is no loss, as it came; `.lost` or `.unanswered` when the patience is at its end.
    private func persist<Result>(
        _ known: JobID? = nil, key: String?, patience: Duration, heartbeat: Heartbeat?, onLoss: (JobID?) -> Void,
        ask: (JobID?, (JobEvent) -> Void) throws -> Received<Result>
    ) throws -> Received<Result> {
        var job = known
        var giveUp = ContinuousClock.now + patience
        var backoff = Backoff()
        var isTold = false
        var isConnected = true
        // Whether a question is out of which nobody knows what became.
        var isOpen = false
        while true {
            do {
                if !isConnected { try reconnect() }
                isConnected = true
                isOpen = true
                return try ask(job) { event in
                    job = event.job
                    backoff.reset()
                    isTold = false
                }
            } catch let loss where Self.isLoss(loss) {
                let refusal = loss as? WireError
                if let refusal {
                    job = refusal.job ?? job
                    isOpen = false
                }
                // A daemon that drains has said so, and its drain has an end; events are signs of life too.
                if refusal != nil || isConnected && !isTold { giveUp = .now + patience }
                isConnected = false
                guard ContinuousClock.now < giveUp, job != nil || key != nil || !isOpen else {
                    guard job == nil else { throw ClientError.lost(job: job) }
                    throw isOpen ? key.map(ClientError.unanswered) ?? .lost(job: nil) : loss
                }
                if !isTold { onLoss(job) }
                isTold = true
                try backoff.pause(heartbeat, until: giveUp)
            }
        }
    }

    /// Whether this is the end of a connection and not of a job.
    ///
    /// A daemon that stops says so to those who wait, and goes on with their jobs after its restart; it says so too
    /// when it has admitted nothing.
    private static func isLoss(_ error: any Error) -> Bool {
        switch error {
        case ClientError.closed, ClientError.timedOut, ClientError.stale, ClientError.notRunning: true
        case let error as WireError: error.kind == .stopping
        default: false
        }
    }

    private static func keyed(_ request: GenerateImage.Params) -> GenerateImage.Params {
        guard request.idempotencyKey == nil else { return request }
        var request = request
        let words = (0..<2).map { _ in String(UInt64.random(in: 0...UInt64.max), radix: 36) }
        request.idempotencyKey = "auto-" + words.joined(separator: "-")
        return request
    }
}

/// `image.generate` with `wait` false, which is answered by the job's id and state alone.
private enum AdmitImage: Method {
    static let name = GenerateImage.name
    static let access = GenerateImage.access
    typealias Params = GenerateImage.Params
    typealias Result = GenerateImage.Accepted
}
