// A job that has not ended, as the engine holds it in memory.

import Quota
import Wire

/// What a waiter is woken with.
enum Wakeup: Sendable {
    case ended(JobResult)
    /// The job goes on, but whoever waits is answered with this.
    case interrupted(WireError)
    /// The waiting task was cancelled.
    case abandoned
}

struct LiveJob: Sendable {
    /// At most four events a second.
    static let eventSpacing: Int64 = 250
    /// At least one event in this time.
    static let eventSilence: Int64 = 10_000
    /// A request larger than this is read again from the store when its turn comes, so that a long queue stays small.
    static let keptPromptBytes = 16_384

    let id: JobID
    let owner: UInt32
    let ticket: Ticket<JobID>
    let deadline: Int64
    var params: GenerateImage.Params?
    var plan: CallPlan?

    var state: JobState
    var attempt: Int
    var bytes = 0
    /// Why and until when it waits, apart from the scheduler's gates.
    var pause: Gate?
    /// That a task works on it; otherwise it is the scheduler's, or it pauses.
    var isHandedOver = false
    var hasMissedDeadline = false

    /// Of `EngineClock.elapsed`: when the request came, and when it was first in the queue.
    let arrived: Duration
    var queued: Duration
    var started: Duration?

    var waiters: [Int: CheckedContinuation<Wakeup, Never>] = [:]
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

    /// Where it stands, as its waiters are told.
    func event(_ scheduler: Scheduler<JobID>, now: Int64) -> JobEvent {
        var event = JobEvent(job: id, state: state)
        switch state {
        case .queued, .waiting:
            let gate = pause ?? scheduler.shutGate(project: ticket.project, model: ticket.model, now: now)
            if let gate, gate.until > now {
                event.state = .waiting
                event.reason = ErrorKind(rawValue: gate.reason)
                event.until = Timestamp(milliseconds: gate.until)
                return event
            }
            event.state = .queued
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
