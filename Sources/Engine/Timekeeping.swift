// Deadlines, pauses, gates and the rhythm of events: one task that sleeps until the next of them.

import HeapModule
import Synchronization
import Quota
import Wire

extension Engine {
    /// Looks at jobs when their time comes, until the task is cancelled.
    func keepTime() async {
        while !Task.isCancelled {
            lookForRoom()
            let next = state.withLock { state -> Timestamp? in
                look(&state)
                let now = moment(&state)
                let gate = state.scheduler.nextOpening(now: now)
                // Also when its time has just come: `lookForRoom` is what opens it.
                let room = state.scheduler.gateEverywhere?.until
                state.armed = [state.alarms.min?.time, gate, room].compactMap { $0 }.min()
                return state.armed.map(Timestamp.init(milliseconds:))
            }
            await timekeeper.wait(until: next, on: clock)
        }
    }

    /// Does what is due.
    private func look(_ state: inout State) {
        let now = moment(&state)
        while let entry = state.alarms.min, entry.time <= now {
            _ = state.alarms.popMin()
            guard let job = state.jobs[entry.job], job.alarm == entry.time else { continue }
            state.jobs[entry.job]?.alarm = nil
            attend(job, now: now, &state)
            setAlarm(of: entry.job, &state)
        }
        let shut = state.gateErrors.filter { state.scheduler.isShut($0.key, now: now) }
        state.gateErrors = shut
        state.lookedBehind = state.lookedBehind.filter { shut[$0.key] != nil }
        pump(&state)
    }

    private func attend(_ job: LiveJob, now: Int64, _ state: inout State) {
        if job.deadline <= now, !job.hasMissedDeadline {
            state.jobs[job.id]?.hasMissedDeadline = true
            for call in job.calls where call.isIdle {
                let isPaused = call.obstacle(state.scheduler, now: now)?.reason == .paused
                handOver(
                    call.id, isPaused ? .paused(call.ticket.home) : Self.deadlineError(charged: .no), &state)
            }
        }
        answerLate(job, now: now, &state)
        for call in job.calls {
            guard let pause = call.pause, pause.until <= now, state[call.id]?.isIdle == true else { continue }
            state[call.id]?.pause = nil
            if let call = state[call.id] { queueAgain(call, deadline: job.deadline, &state) }
        }
        let spacing = job.hasNews ? LiveJob.eventSpacing : LiveJob.eventSilence
        if !job.watchers.isEmpty, job.lastEvent + spacing <= now { tell(job.id, now: now, &state) }
    }

    /// Answers those whose own deadline it is, and lets others who wait for the job go on.
    private func answerLate(_ job: LiveJob, now: Int64, _ state: inout State) {
        let error = Self.lateError(of: job)
        // At its own deadline a job ends of which nothing is under way upstream, and its end is the answer.
        let endsByItself = job.deadline <= now && (!job.hasBusyCall || !job.mayHaveCost)
        for (token, due) in job.dues where due <= now {
            state.jobs[job.id]?.dues[token] = nil
            guard !endsByItself else { continue }
            state.jobs[job.id]?.waiters.removeValue(forKey: token)?.resume(returning: .interrupted(error))
        }
    }

    /// What a caller is told at its deadline while the job goes on.
    private static func lateError(of job: LiveJob) -> WireError {
        var error = deadlineError(charged: job.mayHaveCost ? .unknown : .no)
        error.job = job.id
        return error
    }

    /// Answers whoever waits for a job that goes on.
    func interrupt(_ id: JobID, _ error: WireError, _ state: inout State) {
        for waiter in state.jobs[id]?.waiters.values ?? [:].values { waiter.resume(returning: .interrupted(error)) }
        state.jobs[id]?.waiters = [:]
        state.jobs[id]?.dues = [:]
    }

    /// Notes where a call stands now, and tells its job's watchers at once or when enough time has gone by.
    func announce(_ call: CallID, _ now: JobState, _ state: inout State) {
        let id = call.job
        state[call]?.state = now
        guard let job = state.jobs[id], !job.watchers.isEmpty else { return }
        let time = clock.now().milliseconds
        if job.lastEvent + LiveJob.eventSpacing <= time {
            tell(id, now: time, &state)
        } else if !job.hasNews {
            state.jobs[id]?.hasNews = true
            setAlarm(of: id, &state)
        }
    }

    private func tell(_ id: JobID, now: Int64, _ state: inout State) {
        guard let job = state.jobs[id], let event = job.event(state.scheduler, now: now) else { return }
        for watcher in job.watchers.values { watcher.yield(event) }
        state.jobs[id]?.lastEvent = now
        state.jobs[id]?.hasNews = false
    }

    /// Sets a job's alarm; the one before it no longer counts.
    func setAlarm(of id: JobID, _ state: inout State) {
        guard let job = state.jobs[id], let time = job.nextAlarm else { return }
        guard job.alarm != time else { return }
        state.jobs[id]?.alarm = time
        state.alarms.insert(Alarm(time: time, job: id))
        if state.alarms.count > 64 + 4 * state.jobs.count {
            let jobs = state.jobs
            state.alarms.removeAll { jobs[$0.job]?.alarm != $0.time }
        }
        arm(for: time, &state)
    }

    /// Wakes the timekeeper when it sleeps longer than to this time.
    func arm(for time: Int64, _ state: inout State) {
        guard time < state.armed ?? .max else { return }
        state.armed = time
        timekeeper.ring()
    }
}
