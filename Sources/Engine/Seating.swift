// Slots and seats of a job that is about to be durable, and its way into line when it is.

import Synchronization
import Quota
import Wire

extension Engine {
    /// Takes slots or seats; from here on nobody who learns the job's id misses it in memory.
    ///
    /// - Returns: How many calls, from the first, have a slot.
    func seat(_ job: LiveJob, _ request: Request) throws(WireError) -> Int {
        let outcome: Result<Int, WireError> = state.withLock { state in
            guard state.phase == .new || state.phase == .running else {
                return .failure(WireError(.stopping, "the daemon is stopping", hint: "ask again in a few seconds"))
            }
            guard let ticket = job.calls.first?.ticket else { return .success(0) }
            let now = moment(&state)
            if let error = Self.obstacleError(ticket, deadline: job.deadline, now: now, in: &state) {
                return .failure(error)
            }
            do throws(Overdraft) {
                try state.hold(job.calls.map(\.id), request.plan.holdMicros, ticket, request.terms, now: now)
            } catch {
                return .failure(Self.overBudget(error, now: now))
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
                    for call in job.calls { state.ledger.release(call.id, now: now) }
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

    func giveBack(_ job: LiveJob, started: Int) {
        state.withLock { state in
            state.jobs[job.id] = nil
            unseat(job.calls[...], started: started, &state)
            let now = moment(&state)
            for call in job.calls { state.ledger.release(call.id, now: now) }
            pump(&state)
        }
    }

    private func unseat(_ calls: ArraySlice<LiveCall>, started: Int, _ state: inout State) {
        for call in calls {
            if call.id.call < started {
                state.scheduler.finish(call.ticket, .unsent, now: moment(&state))
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
            let elapsed = clock.elapsed()
            let now = moment(&state)
            defer { setAlarm(of: id, &state) }
            var left: [Int] = []
            for call in job.calls where !call.isOver {
                state[call.id]?.queued = elapsed
                if call.id.call < started {
                    state[call.id]?.started = elapsed
                    if submit(.drive(call.ticket, isStarted: true), &state) { continue }
                    state[call.id]?.isHandedOver = false
                    state[call.id]?.state = .queued
                    state.scheduler.finish(call.ticket, .unsent, now: now)
                    left.append(call.id.call)
                    continue
                }
                state[call.id]?.isHandedOver = false
                if let error = Self.obstacleError(call.ticket, deadline: job.deadline, now: now, in: &state) {
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
