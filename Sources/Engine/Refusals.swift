// What follows a refusal that cost nothing: another attempt in time, with the gate shut for whom it concerns, or the
// end.

import Store
import Logging
import Synchronization
import Quota
import Wire

extension Engine {
    /// What a refusal means for the call and for those behind it.
    struct Postponement: Sendable {
        /// When it may be tried again, in milliseconds since 1970.
        let until: Int64
        /// The gate that was shut.
        let gate: GateKey?
        let mayRetry: Bool
    }

    /// Notes a refusal and shuts the gate for whom it concerns; nil for any other outcome.
    ///
    /// Called before the slot is given back: the next job must not run into the same refusal.
    func postpone(_ id: CallID, _ outcome: CallOutcome?) -> Postponement? {
        guard case .refused(let error, let retryAfter, let scope) = outcome else { return nil }
        // A minute's quota is waited for as long as the deadline allows; it says nothing against the request.
        let isGated = error.kind == .quotaMinute && scope != .call
        let (standing, found) = state.withLock { state in
            state[id]?.isSent = false
            if !isGated { state[id]?.refusals += 1 }
            return (state.jobs[id.job], state[id])
        }
        guard let job = standing, let call = found else { return nil }
        let now = clock.now().milliseconds
        // A second, then two, with half of it by chance either way, so that daemons that were refused together part.
        let backoff = Duration.milliseconds(Int64(1000 << min(call.attempt - 1, 4)) * .random(in: 50...150) / 100)
        let delay = retryAfter ?? backoff
        let until = error.resetsAt?.milliseconds ?? now + delay.milliseconds
        let key = Self.gateKey(scope, call.ticket)
        if let key, error.isRetryable { shut(key, Gate(until: until, reason: error.kind.rawValue), error) }
        let mayRetry = error.isRetryable && (isGated || call.refusals < Self.attempts) && until < job.deadline
        return Postponement(until: until, gate: key, mayRetry: mayRetry)
    }

    /// Takes a refused call back into the queue, or ends it.
    func refused(_ id: CallID, _ error: WireError, _ postponement: Postponement, upstream: Duration) async {
        if let origin = state.withLock({ $0.jobs[id.job]?.cancelAsked }) { return await endCancelled(id, by: origin) }
        let until = postponement.until
        guard postponement.mayRetry else {
            var last = error
            if last.isRetryable, last.resetsAt == nil { last.resetsAt = Timestamp(milliseconds: until) }
            return await endRefused(id, last, upstream: upstream)
        }
        do {
            guard try await store.requeue(id.job, call: id.call, at: clock.now()) else {
                return await reconcile(id)
            }
        } catch {
            logger.error("a job could not go back to the queue", metadata: ["job": "\(id.job)", "error": "\(error)"])
            return await endRefused(id, WireError(error, charged: .no, job: id.job), upstream: upstream)
        }
        let delay = Duration.milliseconds(max(0, until - clock.now().milliseconds))
        await pause(id, error, delay: delay, gate: postponement.gate)
    }

    /// Ends a call that its row has as sent and that cost nothing.
    func endRefused(_ id: CallID, _ error: WireError, upstream: Duration) async {
        var error = error
        error.job = id.job
        error.charged = .no
        let call = FailedCall(
            job: id.job, call: id.call, at: clock.now(), error: error, costMicros: 0,
            timing: timing(of: id, upstream: upstream))
        await settle(id, error) { [store] () async throws(StoreError) in try await store.end(.fail, call) }
    }

    /// Ends a call that somebody cancelled after its row may have said `sent`, and that cost nothing.
    func endCancelled(_ id: CallID, by origin: Origin) async {
        let error = Self.cancelledError(id.job)
        let call = FailedCall(
            job: id.job, call: id.call, at: clock.now(), error: error, costMicros: 0, timing: nil)
        await settle(id, error) { [store] () async throws(StoreError) in
            try await store.end(.recall, call, by: origin)
        }
    }

    static func cancelledError(_ id: JobID) -> WireError {
        WireError(.cancelled, "the job was cancelled", charged: .no, job: id)
    }

    /// Lets a call wait: behind its gate, at the head of its line, or for itself alone.
    func pause(_ id: CallID, _ error: WireError, delay: Duration, gate: GateKey?) async {
        let ending = state.withLock { state -> LiveJob? in
            guard let job = state.jobs[id.job], var call = state[id] else { return nil }
            call.isSent = false
            state.jobs[id.job]?.slim()
            // It stays with this task, which ends it.
            guard job.cancelAsked == nil, !job.hasMissedDeadline else {
                state[id] = call
                return job
            }
            call.isHandedOver = false
            call.pause =
                gate == nil
                ? Gate(until: clock.now().milliseconds + delay.milliseconds, reason: error.kind.rawValue) : nil
            state[id] = call
            state.scheduler.seat(call.ticket)
            if gate != nil { state.scheduler.enqueue(id, first: true) }
            announce(id, .waiting, &state)
            setAlarm(of: id.job, &state)
            pump(&state)
            if state.phase == .stopping || state.phase == .stopped {
                interrupt(id.job, Self.stoppingError(id.job), &state)
            }
            return nil
        }
        guard let ending else { return }
        if let origin = ending.cancelAsked { return await endCancelled(id, by: origin) }
        await refuse(id, Self.deadlineError(charged: .no))
    }

    private static func gateKey(_ scope: RefusalScope, _ ticket: Ticket<CallID>) -> GateKey? {
        switch scope {
        case .call: nil
        case .model: GateKey(project: ticket.project, model: ticket.model)
        case .project: GateKey(project: ticket.project, model: nil)
        }
    }

    /// Shuts a gate, and ends every unsent call behind it whose deadline comes first.
    private func shut(_ key: GateKey, _ gate: Gate, _ error: WireError) {
        state.withLock { state in
            state.scheduler.shut(key, gate)
            state.gateErrors[key] = error
            let now = clock.now().milliseconds
            for id in state.scheduler.jobs(behind: key) {
                guard let job = state.jobs[id.job], let call = state[id], call.isIdle else { continue }
                guard let error = Self.gateError(call.ticket, deadline: job.deadline, now: now, in: state) else {
                    announce(id, call.state, &state)
                    continue
                }
                handOver(id, error, &state)
            }
            arm(for: gate.until, &state)
        }
    }

    /// Takes an unsent call out of the queue to end it.
    func handOver(_ id: CallID, _ error: WireError, _ state: inout State) {
        guard submit(.refuse(id, error), &state) else {
            return interrupt(id.job, Self.stoppingError(id.job), &state)
        }
        state[id]?.isHandedOver = true
        state.scheduler.withdraw(id)
    }

    static func deadlineError(charged: Charged) -> WireError {
        WireError(
            .deadline,
            charged == .no ? "it was not its turn before the deadline" : "upstream had not answered at the deadline",
            hint: charged == .no ? "ask again with a longer deadline" : "the image is kept when it comes: job.wait",
            charged: charged)
    }
}
