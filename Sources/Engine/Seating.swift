// Slots and seats of a job that is about to be durable, and its way into line when it is.

import Synchronization
import Quota
import Wire

extension Engine {
    /// Takes slots or seats; from here on nobody who learns the job's id misses it in memory.
    ///
    /// - Returns: How many calls, from the first, have a slot.
    func seat(_ job: LiveJob, now: Int64) throws(WireError) -> Int {
        let outcome: Result<Int, WireError> = state.withLock { state in
            guard state.phase == .new || state.phase == .running else {
                return .failure(WireError(.stopping, "the daemon is stopping", hint: "ask again in a few seconds"))
            }
            if let ticket = job.calls.first?.ticket,
                let error = Self.gateError(ticket, deadline: job.deadline, now: now, in: state)
            {
                return .failure(error)
            }
            var job = job
            var started = 0
            for number in job.calls.indices {
                let mayStart = state.phase == .running && started == number
                switch state.scheduler.admit(job.calls[number].ticket, mayStart: mayStart, now: now) {
                case .start:
                    job.calls[number].state = .sent
                    job.calls[number].attempt = 1
                    started += 1
                case .queue: break
                case .refused(let full):
                    unseat(job.calls[..<number], started: started, &state)
                    let whose = full == .principal ? "your queue is full" : "the queue is full"
                    return .failure(WireError(.queueFull, whose, hint: "ask again when jobs have ended"))
                }
            }
            if started < job.calls.count { job.slim() }
            state.jobs[job.id] = job
            return .success(started)
        }
        return try outcome.get()
    }

    /// The error of a gate that does not open before the deadline.
    static func gateError(_ ticket: Ticket<CallID>, deadline: Int64, now: Int64, in state: State) -> WireError? {
        let gate = state.scheduler.shutGate(project: ticket.project, model: ticket.model, now: now)
        guard let gate, gate.until >= deadline else { return nil }
        let keys = [
            GateKey(project: ticket.project, model: ticket.model), GateKey(project: ticket.project, model: nil),
        ]
        let said = keys.compactMap { state.gateErrors[$0] }.first { $0.kind.rawValue == gate.reason }
        var error = said ?? WireError(ErrorKind(rawValue: gate.reason), "upstream does not take this model now")
        error.resetsAt = Timestamp(milliseconds: gate.until)
        error.charged = nil
        error.job = nil
        return error
    }

    func giveBack(_ job: LiveJob, started: Int) {
        state.withLock { state in
            state.jobs[job.id] = nil
            unseat(job.calls[...], started: started, &state)
            pump(&state)
        }
    }

    private func unseat(_ calls: ArraySlice<LiveCall>, started: Int, _ state: inout State) {
        for call in calls {
            if call.id.call < started {
                state.scheduler.release(project: call.ticket.project)
            } else {
                state.scheduler.withdraw(call.id)
            }
        }
    }

    /// Lets a durable job begin its way.
    ///
    /// - Returns: The calls that have a slot while the engine no longer drives any.
    func enter(_ id: JobID, started: Int) -> [Int] {
        state.withLock { state in
            // Gone when somebody who found it in a list has cancelled it; its seats went with it.
            guard let job = state.jobs[id] else { return [] }
            let moment = clock.elapsed()
            let now = clock.now().milliseconds
            defer { setAlarm(of: id, &state) }
            var left: [Int] = []
            for call in job.calls where !call.isOver {
                state[call.id]?.queued = moment
                if call.id.call < started {
                    state[call.id]?.started = moment
                    if submit(.drive(call.ticket, isStarted: true), &state) { continue }
                    state[call.id]?.isHandedOver = false
                    state[call.id]?.state = .queued
                    state.scheduler.release(project: call.ticket.project)
                    left.append(call.id.call)
                    continue
                }
                state[call.id]?.isHandedOver = false
                if let error = Self.gateError(call.ticket, deadline: job.deadline, now: now, in: state) {
                    handOver(call.id, error, &state)
                } else {
                    state.scheduler.enqueue(call.id)
                }
            }
            pump(&state)
            return left
        }
    }
}
