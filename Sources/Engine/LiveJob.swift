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
    /// At most four events in any second.
    ///
    /// Three of this rhythm, with room for a late wake-up, and the one that a watcher is told first.
    static let eventSpacing: Int64 = 350
    /// An event at the latest after this time: a second less than the protocol's ten, for the way to the client.
    static let eventSilence: Int64 = 9_000
    /// A request larger than this is read again from the store when its turn comes, so that a long queue stays small.
    static let keptPromptBytes = 1_024

    let id: JobID
    let owner: UInt32
    var label: String?
    /// Whoever asked first is answered by then; unsent, it ends.
    private(set) var deadline: Int64
    /// Absent when they are read again as a call's turn comes.
    var params: GenerateImage.Params?
    var material: Material?
    var plan: CallPlan?
    /// By number.
    var calls: [LiveCall]

    var hasMissedDeadline = false
    /// Who asked for its cancelling after a call's row said `sent`: none of it is ever sent again.
    var cancelAsked: Origin?
    /// Why an end cannot be written now; whoever waits is answered with this.
    var trouble: WireError?

    /// Of `EngineClock.elapsed`: when the request came.
    let arrived: Duration

    var waiters: [Int: CheckedContinuation<Wakeup, Never>] = [:]
    /// By when a waiter is answered, whatever the job does; who set no deadline is not here.
    var dues: [Int: Int64] = [:]
    var watchers: [Int: AsyncStream<JobEvent>.Continuation] = [:]
    var lastEvent: Int64 = .min
    var hasNews = false
    /// The alarm that counts.
    var alarm: Int64?

    /// That an exchange has begun which upstream may charge for, or has been charged for.
    var mayHaveCost: Bool { calls.contains { $0.isSent } }
    /// That a call waits for its turn and no task works on it, so that the job does not end by itself.
    var hasIdleCall: Bool { calls.contains { $0.isIdle } }
    /// That a task works on a call which does not end at once.
    var hasBusyCall: Bool { calls.contains { !$0.isOver && $0.isHandedOver && !$0.isEnding } }
    var isOver: Bool { calls.allSatisfy(\.isOver) }

    /// When it has to be looked at next.
    var nextAlarm: Int64? {
        var times: [Int64] = []
        if !hasMissedDeadline { times.append(deadline) }
        times += dues.values
        for call in calls where call.isIdle { if let pause = call.pause { times.append(pause.until) } }
        if !watchers.isEmpty { times.append(lastEvent + (hasNews ? Self.eventSpacing : Self.eventSilence)) }
        return times.min()
    }

    /// Moves what it remembers by elapsed time: the clock was set.
    mutating func shift(by step: Int64) {
        deadline += step
        dues = dues.mapValues { $0 + step }
        if lastEvent > .min { lastEvent += step }
        for call in calls.indices { calls[call].pause?.until += step }
        alarm = nil
    }

    /// Lets go of what can be read again.
    mutating func slim() {
        if let prompt = params?.prompt, prompt.utf8.count > Self.keptPromptBytes { params = nil }
        // Signatures of past turns may be megabytes.
        if material?.history.isEmpty == false { material = nil }
    }

    /// The call that is farthest on its way, by which the job is told.
    private func foremost(_ scheduler: Scheduler<CallID>, now: Int64) -> (call: LiveCall, standing: Standing)? {
        let standings = calls.filter { !$0.isOver }.map { ($0, $0.standing(scheduler, now: now)) }
        let state = Transition.state(ofCalls: standings.map(\.1.state))
        return standings.first { $0.1.state == state }
    }

    /// An unsent job is `waiting` behind what holds it back, and `queued` otherwise.
    func standing(_ scheduler: Scheduler<CallID>, now: Int64) -> Standing? { foremost(scheduler, now: now)?.standing }

    /// Where it stands, as its waiters are told; nil when it has ended but for its row.
    func event(_ scheduler: Scheduler<CallID>, now: Int64) -> JobEvent? {
        guard let (call, standing) = foremost(scheduler, now: now) else { return nil }
        var event = JobEvent(job: id, state: standing.state)
        switch standing.state {
        case .queued, .waiting:
            event.reason = standing.obstacle?.reason
            event.until = standing.until
            // One that waits for itself alone is not in line.
            guard call.pause == nil else { break }
            let usual = plan.map { $0.usuallySeconds.reduce(0, +) / Double(max(1, $0.usuallySeconds.count)) } ?? 15
            let forecast = scheduler.forecast(call.id, usualSeconds: usual, now: now)
            event.position = forecast?.position
            event.startsInSeconds = forecast?.startsInSeconds
        case .sent:
            event.attempt = call.attempt
            event.usuallySeconds = plan?.usuallySeconds
        case .receiving: event.bytes = calls.reduce(0) { $0 + $1.bytes }
        case .done, .failed, .cancelled, .unknown: break
        }
        return event
    }
}
