// One call of a live job: what a slot, an exchange and a place in line belong to.

import Quota
import Wire

/// Names one call of a job, from 0.
struct CallID: Hashable, Sendable {
    let job: JobID
    let call: Int
}

/// Where a call or a job stands, as anybody is told it.
struct Standing: Sendable {
    var state: JobState
    /// Of one that is `waiting`.
    var obstacle: Obstacle?

    var until: Timestamp? { obstacle?.until.map(Timestamp.init(milliseconds:)) }
}

struct LiveCall: Sendable {
    var ticket: Ticket<CallID>
    var state: JobState
    var attempt: Int
    /// Refusals that count against `Engine.attempts`; a minute's quota that is waited for is none.
    var refusals = 0
    var bytes = 0
    /// Why and until when it waits, apart from the scheduler's gates.
    var pause: Gate?
    /// That a task works on it; otherwise it is the scheduler's, or it pauses.
    var isHandedOver = false
    /// That the task only writes down that it ends unsent.
    var isEnding = false
    /// That an exchange has begun which upstream may charge for, or has charged for.
    var isSent = false
    /// Rung to abort its exchange.
    var abort: Bell?
    /// That this run no longer works on it, although its end could not be written.
    var isAbandoned = false
    /// Of `EngineClock.elapsed`: when it was first in the queue.
    var queued: Duration
    var started: Duration?

    var id: CallID { ticket.job }
    /// That nothing more happens to it in this run.
    var isOver: Bool { state.isEnded || isAbandoned }
    var isIdle: Bool { !isOver && !isHandedOver }

    /// What holds it back although it is ready: its own pause, a shut gate or a limit that is used up.
    func obstacle(_ scheduler: Scheduler<CallID>, now: Int64) -> Obstacle? {
        guard let pause else { return scheduler.standstill(of: ticket, now: now) }
        return pause.until > now ? .gate(pause) : nil
    }

    /// An unsent call is `waiting` behind what holds it back, and `queued` otherwise.
    func standing(_ scheduler: Scheduler<CallID>, now: Int64) -> Standing {
        guard state == .queued || state == .waiting else { return Standing(state: state) }
        let obstacle = obstacle(scheduler, now: now)
        return Standing(state: obstacle == nil ? .queued : .waiting, obstacle: obstacle)
    }
}

extension Engine.State {
    /// One call of a live job; setting one that is not there does nothing.
    subscript(id: CallID) -> LiveCall? {
        get { jobs[id.job]?.calls[id.call] }
        set { if let newValue { jobs[id.job]?.calls[id.call] = newValue } }
    }
}
