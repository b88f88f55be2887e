// A job that has not ended, as the engine holds it in memory.

import Quota
import Store
import Wire

/// What a waiter is woken with.
enum Wakeup: Sendable {
    case ended(JobResult)
    /// The job goes on, but whoever waits is answered with this.
    case interrupted(WireError)
    /// The engine has no such job in memory: the store answers.
    case absent
    /// The waiting task was cancelled.
    case abandoned
}

struct LiveJob: Sendable {
    /// At most four events a second.
    static let eventSpacing: Int64 = 250
    /// An event at the latest after this time: a second less than the protocol's ten, for the way to the client.
    static let eventSilence: Int64 = 9_000
    /// A request larger than this is read again from the store when its turn comes, so that a long queue stays small.
    static let keptPromptBytes = 1_024

    let id: JobID
    let owner: UInt32
    let ticket: Ticket<JobID>
    let deadline: Int64
    var params: GenerateImage.Params?
    var plan: CallPlan?

    var state: JobState
    var attempt: Int
    /// Refusals that count against `Engine.attempts`; a minute's quota that is waited for is none.
    var refusals = 0
    var bytes = 0
    /// Why and until when it waits, apart from the scheduler's gates.
    var pause: Gate?
    /// That a task works on it; otherwise it is the scheduler's, or it pauses.
    var isHandedOver = false
    /// That an exchange has begun which upstream may charge for.
    var isSent = false
    var hasMissedDeadline = false
    /// Who asked for its cancelling after its row said `sent`: it is never sent again.
    var cancelAsked: Origin?
    /// Why its end cannot be written now; whoever waits is answered with this.
    var trouble: WireError?

    /// Of `EngineClock.elapsed`: when the request came, and when it was first in the queue.
    let arrived: Duration
    var queued: Duration
    var started: Duration?

    var waiters: [Int: CheckedContinuation<Wakeup, Never>] = [:]
    /// Callers of `image.generate` who have yet to wait, and the waiters that are such callers: the deadline is theirs.
    var callersDue = 0
    var callers: Set<Int> = []
    var watchers: [Int: AsyncStream<JobEvent>.Continuation] = [:]
    var lastEvent: Int64 = .min
    var hasNews = false
    /// The alarm that counts.
    var alarm: Int64?

    /// When it has to be looked at next.
    var nextAlarm: Int64? {
        var times: [Int64] = []
        if !hasMissedDeadline { times.append(deadline) }
        if let pause, !isHandedOver { times.append(pause.until) }
        if !watchers.isEmpty { times.append(lastEvent + (hasNews ? Self.eventSpacing : Self.eventSilence)) }
        return times.min()
    }

    /// What holds it back although it is ready: its own pause, or a gate.
    private func obstacle(_ scheduler: Scheduler<JobID>, now: Int64) -> Gate? {
        let gate = pause ?? scheduler.shutGate(project: ticket.project, model: ticket.model, now: now)
        return gate.flatMap { $0.until > now ? $0 : nil }
    }

    /// Its state as anybody is told it: an unsent job is `waiting` behind what holds it back, and `queued` otherwise.
    func standing(_ scheduler: Scheduler<JobID>, now: Int64) -> JobState {
        guard state == .queued || state == .waiting else { return state }
        return obstacle(scheduler, now: now) == nil ? .queued : .waiting
    }

    /// Where it stands, as its waiters are told.
    func event(_ scheduler: Scheduler<JobID>, now: Int64) -> JobEvent {
        var event = JobEvent(job: id, state: standing(scheduler, now: now))
        switch event.state {
        case .waiting:
            let gate = obstacle(scheduler, now: now)
            event.reason = gate.map { ErrorKind(rawValue: $0.reason) }
            event.until = gate.map { Timestamp(milliseconds: $0.until) }
        case .queued:
            let usual = plan.map { $0.usuallySeconds.reduce(0, +) / Double(max(1, $0.usuallySeconds.count)) } ?? 15
            let forecast = scheduler.forecast(id, usualSeconds: usual, now: now)
            event.position = forecast?.position
            event.startsInSeconds = forecast?.startsInSeconds
        case .sent:
            event.attempt = attempt
            event.usuallySeconds = plan?.usuallySeconds
        case .receiving: event.bytes = bytes
        case .done, .failed, .cancelled, .unknown: break
        }
        return event
    }
}
