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
        /// The project that was to serve it.
        let project: String
        /// What of it the next run has to know.
        var kept: (gate: KeptGate?, limits: [KeptLimit]) = (nil, [])
    }

    /// Notes a refusal and shuts the gate for whom it concerns; nil for any other outcome.
    ///
    /// Called before the slot is given back: the next job must not run into the same refusal.
    func postpone(_ ticket: Ticket<CallID>, _ outcome: CallOutcome?, sentAt: Int64) -> Postponement? {
        guard case .refused(let error, let retryAfter, let scope, let limits) = outcome else { return nil }
        return state.withLock { state in
            let id = ticket.job
            state[id]?.isSent = false
            guard let job = state.jobs[id.job], let call = state[id] else { return nil }
            let now = moment(&state)
            // Aborted before anything left: it was not refused, and the next run sends it.
            if error.kind == .cancelled {
                return Postponement(until: now, gate: nil, mayRetry: true, project: ticket.project)
            }
            guard let kind = Self.kind(of: error, retryAfter, scope) else {
                state[id]?.refusals += 1
                // A second, then two, with half of it by chance either way.
                let backoff = Duration.milliseconds(
                    Int64(Double(1000 << min(call.attempt - 1, 4)) * (0.5 + settings.jitter())))
                let until = now + (retryAfter ?? backoff).milliseconds
                let mayRetry =
                    error.isRetryable && call.refusals + 1 < Self.attempts(after: error) && until < job.deadline
                return Postponement(until: until, gate: nil, mayRetry: mayRetry, project: ticket.project)
            }
            let refusal = Refusal(
                kind, reason: error.kind.rawValue,
                retryAfter: retryAfter.map { $0.milliseconds + ($0.hasRest ? 1 : 0) }, limits: limits)
            let verdict = state.scheduler.refused(
                ticket, refusal, sentAt: sentAt, now: now, jitter: settings.jitter())
            if let key = verdict.key { note(error, at: key, verdict.until, now: now, &state) }
            // A minute's quota is waited for as long as the deadline allows; it says nothing against the request.
            let isWaitedFor: Bool
            switch kind {
            case .minute: isWaitedFor = error.kind != .quotaDay || ticket.class == .bulk
            case .bare: isWaitedFor = true
            case .day: isWaitedFor = ticket.class == .bulk
            case .noQuota, .creditDepleted, .monthlyCap: isWaitedFor = false
            case .unavailable:
                state[id]?.refusals += 1
                isWaitedFor = call.refusals + 1 < Self.attempts
            }
            let isInTime = isWaitedFor && verdict.until < job.deadline
            let isWornOut = kind == .unavailable && !isWaitedFor
            return Postponement(
                until: verdict.until, gate: verdict.key,
                mayRetry: isInTime
                    || !isWornOut && mayBorrow(call, verdict, deadline: job.deadline, now: now, in: &state),
                project: ticket.project,
                kept: (state.keptGate(verdict.key), verdict.learnt.map(KeptLimit.init)))
        }
    }

    /// Whether another project may serve a call that its refusal has shut one to.
    private func mayBorrow(
        _ call: LiveCall, _ verdict: Verdict, deadline: Int64, now: Int64, in state: inout State
    ) -> Bool {
        guard verdict.key != nil, !call.ticket.overflow.isEmpty else { return false }
        return Self.obstacleError(call.ticket, deadline: deadline, now: now, in: &state) == nil
    }

    /// Most exchanges for a call that was refused so.
    ///
    /// Where upstream itself ran out of time a third attempt would take as long and come to the same.
    private static func attempts(after error: WireError) -> Int {
        error.kind == .upstreamTimeout && error.upstream != nil ? 2 : attempts
    }

    /// Writes down what a refusal said, so that the next run does not have to be told again.
    private func keep(_ kept: (gate: KeptGate?, limits: [KeptLimit])) async {
        guard kept.gate != nil || !kept.limits.isEmpty else { return }
        do {
            try await store.keep(kept.gate, kept.limits, at: clock.now())
        } catch {
            logger.warning(
                "what upstream said of a limit could not be kept, going on", metadata: ["error": "\(error)"])
        }
    }

    /// What a refusal means for the others; nil when it concerns its call alone.
    private static func kind(of error: WireError, _ retryAfter: Duration?, _ scope: RefusalScope) -> Refusal.Kind? {
        guard scope != .call else { return nil }
        switch error.kind {
        case .quotaMinute: return retryAfter == nil ? .bare : .minute
        // A wait that upstream names is believed, also if it is longer than a minute's quota takes.
        case .quotaDay: return retryAfter == nil ? .day : .minute
        case .noQuota: return .noQuota
        case .spendCap: return scope == .projectThisMonth ? .monthlyCap : .creditDepleted
        default: return .unavailable
        }
    }

    /// Remembers what shut a gate, and ends what waits behind it in vain.
    private func note(_ error: WireError, at key: GateKey, _ until: Int64, now: Int64, _ state: inout State) {
        state.gateErrors[key] = error
        if state.lookedBehind.updateValue(until, forKey: key) != until {
            endHopeless(behind: key, now: now, &state)
        }
        if until != Gate.untilOpened { arm(for: until, &state) }
    }

    /// Takes a refused call back into the queue, or ends it.
    func refused(_ id: CallID, _ error: WireError, _ postponement: Postponement, upstream: Duration) async {
        // First: a call that is back in the queue would be sent at the next start.
        await keep(postponement.kept)
        if let origin = state.withLock({ $0.jobs[id.job]?.cancelAsked }) { return await endCancelled(id, by: origin) }
        let until = postponement.until
        guard postponement.mayRetry else {
            var last = error
            if last.isRetryable || postponement.gate != nil, last.resetsAt == nil {
                last.tellOpening(until, project: postponement.project)
            }
            return await endRefused(id, last, upstream: upstream)
        }
        let delay = Duration.milliseconds(max(0, until - clock.now().milliseconds))
        await requeue(id, error, delay: delay, gate: postponement.gate, upstream: upstream)
    }

    /// Takes a call whose row says `sent`, and of which upstream has nothing, back into the queue.
    func requeue(_ id: CallID, _ error: WireError, delay: Duration, gate: GateKey?, upstream: Duration) async {
        do {
            guard try await store.requeue(id.job, call: id.call, at: clock.now(), reason: error.kind) else {
                return await reconcile(id)
            }
        } catch {
            logger.error("a job could not go back to the queue", metadata: ["job": "\(id.job)", "error": "\(error)"])
            return await endRefused(id, WireError(error, charged: .no, job: id.job), upstream: upstream)
        }
        await pause(id, error, delay: delay, gate: gate)
    }

    /// Ends a call that its row has as sent and that cost nothing.
    func endRefused(_ id: CallID, _ error: WireError, upstream: Duration) async {
        var error = error
        error.job = id.job
        error.charged = .no
        let call = FailedCall(
            job: id.job, call: id.call, at: clock.now(), error: error, costMicros: 0,
            timing: timing(of: id, upstream: upstream))
        await settle(id, error, .nothing) { [store] () async throws(StoreError) in try await store.end(.fail, call) }
    }

    /// Ends a call that somebody cancelled after its row may have said `sent`, and that cost nothing.
    func endCancelled(_ id: CallID, by origin: Origin) async {
        let error = WireError.jobCancelled(id.job)
        let call = FailedCall(
            job: id.job, call: id.call, at: clock.now(), error: error, costMicros: 0, timing: nil)
        await settle(id, error, .nothing) { [store] () async throws(StoreError) in
            try await store.end(.recall, call, by: origin)
        }
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
            announce(id, .waiting, &state)
            if gate != nil { queueAgain(call, deadline: job.deadline, &state) }
            setAlarm(of: id.job, &state)
            pump(&state)
            if let job = state.jobs[id.job], state.phase == .stopping || state.phase == .stopped {
                interrupt(id.job, Self.stoppingError(job), &state)
            }
            return nil
        }
        guard let ending else { return }
        if let origin = ending.cancelAsked { return await endCancelled(id, by: origin) }
        await refuse(id, Self.deadlineError(charged: .no))
    }

    /// Puts a call at the head of its line, or ends it: meanwhile another refusal may have said that it waits in vain.
    func queueAgain(_ call: LiveCall, deadline: Int64, _ state: inout State) {
        let now = moment(&state)
        if let error = Self.obstacleError(call.ticket, deadline: deadline, now: now, in: &state) {
            handOver(call.id, error, &state)
        } else {
            state.scheduler.enqueue(call.id, first: true)
        }
    }

    /// Takes an unsent call out of the queue to end it.
    func handOver(_ id: CallID, _ error: WireError, _ state: inout State) {
        guard submit(.refuse(id, error), &state) else {
            if let job = state.jobs[id.job] { interrupt(id.job, Self.stoppingError(job), &state) }
            return
        }
        state[id]?.isHandedOver = true
        state[id]?.isEnding = true
        state.scheduler.withdraw(id)
    }

    static func deadlineError(charged: Charged) -> WireError {
        WireError(
            .deadline,
            charged == .no ? "it was not its turn before the deadline" : "upstream had not answered at the deadline",
            hint: charged == .no ? "ask again with a longer deadline" : "the image is kept when it comes: job.wait",
            // Whoever asks again while the first may still come pays twice.
            retryable: charged == .no, charged: charged)
    }
}

extension Engine.State {
    /// A gate as it is kept for the next run.
    fileprivate func keptGate(_ key: GateKey?) -> KeptGate? {
        guard let key, let gate = scheduler.gate(key), let error = gateErrors[key] else { return nil }
        return KeptGate(
            project: key.project, model: key.model, until: gate.until, patience: gate.patience,
            isOfCalendar: gate.isOfCalendar, error: error)
    }
}

extension KeptLimit {
    fileprivate init(_ learnt: LearntLimit) {
        self.init(
            project: learnt.project, model: learnt.model, kind: learnt.kind.rawValue, value: learnt.limit,
            until: learnt.until)
    }
}

extension Duration {
    /// That it is more than its whole milliseconds.
    fileprivate var hasRest: Bool { components.attoseconds % 1_000_000_000_000_000 > 0 }
}
