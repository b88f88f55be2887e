// What follows a refusal that cost nothing: another attempt in time, with the gate shut for whom it concerns, or the
// end.

import Store
import Logging
import Synchronization
import Quota
import Wire

extension Engine {
    func refused(
        _ id: JobID, _ error: WireError, retryAfter: Duration?, scope: RefusalScope, upstream: Duration
    ) async {
        guard let job = state.withLock({ $0.jobs[id] }) else { return }
        let now = clock.now().milliseconds
        // A second, then two, with half of it by chance either way, so that daemons that were refused together part.
        let backoff = Duration.milliseconds(Int64(1000 << min(job.attempt - 1, 4)) * .random(in: 50...150) / 100)
        let delay = retryAfter ?? backoff
        let until = error.resetsAt?.milliseconds ?? now + delay.milliseconds
        let key = Self.gateKey(scope, job.ticket)
        if let key, error.isRetryable { shut(key, Gate(until: until, reason: error.kind.rawValue), error) }
        guard error.isRetryable, job.attempt < Self.attempts, until < job.deadline else {
            var last = error
            last.job = id
            last.charged = .no
            if last.isRetryable, last.resetsAt == nil { last.resetsAt = Timestamp(milliseconds: until) }
            return await endRefused(id, last, upstream: upstream)
        }
        do {
            guard try await store.requeue(id, call: 0, at: clock.now()) else {
                return await reconcile(id)
            }
        } catch {
            logger.error("a job could not go back to the queue", metadata: ["job": "\(id)", "error": "\(error)"])
            return await endRefused(id, WireError(error, charged: .no, job: id), upstream: upstream)
        }
        await pause(id, error, delay: .milliseconds(until - now), gate: key)
    }

    private func endRefused(_ id: JobID, _ error: WireError, upstream: Duration) async {
        let call = FailedCall(
            job: id, call: 0, at: clock.now(), error: error, costMicros: 0,
            timing: timing(of: id, upstream: upstream))
        await settle(id, error) { [store] () async throws(StoreError) in try await store.end(.fail, call) }
    }

    /// Lets a job wait: behind its gate, at the head of its line, or for itself alone.
    func pause(_ id: JobID, _ error: WireError, delay: Duration, gate: GateKey?) async {
        let isLate = state.withLock { state -> Bool in
            guard var job = state.jobs[id] else { return false }
            job.isHandedOver = false
            job.pause =
                gate == nil
                ? Gate(until: clock.now().milliseconds + delay.milliseconds, reason: error.kind.rawValue) : nil
            state.jobs[id] = job
            state.scheduler.seat(job.ticket)
            if gate != nil { state.scheduler.enqueue(id, first: true) }
            announce(id, .waiting, &state)
            setAlarm(of: id, &state)
            pump(&state)
            return job.hasMissedDeadline
        }
        if isLate { await refuse(id, Self.deadlineError(charged: .no)) }
    }

    private static func gateKey(_ scope: RefusalScope, _ ticket: Ticket<JobID>) -> GateKey? {
        switch scope {
        case .call: nil
        case .model: GateKey(project: ticket.project, model: ticket.model)
        case .project: GateKey(project: ticket.project, model: nil)
        }
    }

    /// Shuts a gate, and ends every unsent job behind it whose deadline comes first.
    private func shut(_ key: GateKey, _ gate: Gate, _ error: WireError) {
        state.withLock { state in
            state.scheduler.shut(key, gate)
            state.gateErrors[key] = error
            let now = clock.now().milliseconds
            for id in state.scheduler.jobs(behind: key) {
                guard let job = state.jobs[id], !job.isHandedOver else { continue }
                guard let error = Self.gateError(job.ticket, deadline: job.deadline, now: now, in: state) else {
                    announce(id, job.state, &state)
                    continue
                }
                handOver(id, error, &state)
            }
            arm(for: gate.until, &state)
        }
    }

    /// Takes an unsent job out of the queue to end it.
    func handOver(_ id: JobID, _ error: WireError, _ state: inout State) {
        state.jobs[id]?.isHandedOver = true
        state.scheduler.withdraw(id)
        submit(.refuse(id, error), &state)
    }

    static func deadlineError(charged: Charged) -> WireError {
        WireError(
            .deadline,
            charged == .no ? "it was not its turn before the deadline" : "upstream had not answered at the deadline",
            hint: charged == .no ? "ask again with a longer deadline" : "the image is kept when it comes: job.wait",
            charged: charged)
    }
}
