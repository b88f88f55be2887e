// A job whose turn has come: written as sent, exchanged once, and what came of it written down.

import Logging
import Synchronization
import Quota
import Store
import Wire

extension Engine {
    /// Most exchanges for one call, the first included.
    static let attempts = 3

    /// Takes a call that holds a slot through one exchange, and gives the slot back.
    func drive(_ ticket: Ticket<CallID>, isStarted: Bool) async {
        let id = ticket.job
        // Cancelled between its turn and here.
        guard let job = state.withLock({ $0[id]?.isOver == false ? $0.jobs[id.job] : nil }) else {
            return freeSlot(of: ticket)
        }
        guard borrow(ticket) else { return }
        guard isStarted || store.hasRoom else { return await waitForRoom(ticket) }
        let order: CallOrder
        let sinks: Sinks
        do throws(Unprepared) {
            order = try await prepare(job, call: id.call, project: ticket.project)
            sinks = try openSinks(of: id)
        } catch {
            freeSlot(of: ticket)
            switch error {
            case .wait(let reason, let delay) where !isStarted:
                return await pause(id, reason, delay: delay, gate: nil)
            case .wait(let reason, _), .never(let reason):
                return await endUnsent(id, reason, wasStarted: isStarted)
            }
        }
        if !isStarted {
            switch state.withLock({ departure(of: id, $0) }) {
            case .open: break
            case .over:
                freeSlot(of: ticket)
                return await endUnsent(id, Self.deadlineError(charged: .no), wasStarted: false)
            case .stopping:
                freeSlot(of: ticket)
                return await pause(id, Self.stoppingError(id.job, charged: .no), delay: .zero, gate: nil)
            case .shut: break
            }
            do {
                guard
                    try await store.start(
                        id.job, call: id.call, at: clock.now(),
                        by: (project: ticket.project, route: order.plan.route))
                else {
                    freeSlot(of: ticket)
                    return await reconcile(id)
                }
            } catch {
                if error == .full { return await waitForRoom(ticket) }
                logger.error("a job could not be marked as sent", metadata: ["job": "\(id.job)", "error": "\(error)"])
                freeSlot(of: ticket)
                let crossed = WireError(error, charged: .no, job: id.job)
                return await pause(id, crossed, delay: .seconds(5), gate: nil)
            }
            state.withLock { state in
                state[id]?.attempt += 1
                state[id]?.started = clock.elapsed()
                announce(id, .sent, &state)
            }
        }
        let abort = Bell()
        switch depart(ticket, abort) {
        case .open: break
        case .over:
            freeSlot(of: ticket)
            return await endUnsent(id, Self.deadlineError(charged: .no), wasStarted: true)
        case .stopping:
            freeSlot(of: ticket)
            return await requeue(
                id, Self.stoppingError(id.job, charged: .no), delay: .zero, gate: nil, upstream: .zero)
        case .shut(let error, let postponement):
            freeSlot(of: ticket)
            return await refused(id, error, postponement, upstream: .zero)
        }
        FaultPoint.reach(.requestBeforeSend)
        let begun = clock.elapsed()
        let sentAt = clock.now().milliseconds
        let outcome = await exchange(order, with: ticket.project, sinks, abort: abort)
        let upstream = clock.elapsed() - begun
        FaultPoint.reach(.lastByte)
        let postponement = postpone(ticket, outcome, sentAt: sentAt)
        if case .failed(let error, _)? = outcome { endBacklog(of: ticket.project, error) }
        freeSlot(of: ticket, Self.ending(outcome, order.plan), measured: upstream)
        await conclude(id, order, outcome, sinks, postponement, upstream: upstream)
    }

    /// Whether a call may go out.
    private enum Departure {
        case open
        /// Its job's deadline has come, or somebody has cancelled it.
        case over
        /// It stays for the next run.
        case stopping
        /// What it would run into has been shut since its turn came.
        case shut(WireError, Postponement)
    }

    private func departure(of id: CallID, _ state: State) -> Departure {
        guard let job = state.jobs[id.job], job.cancelAsked == nil, !job.hasMissedDeadline,
            job.deadline > clock.now().milliseconds
        else { return .over }
        return state.phase == .stopping || state.phase == .stopped ? .stopping : .open
    }

    /// The last look before the first byte; when this is open the call counts as sent, and the bell aborts it.
    private func depart(_ ticket: Ticket<CallID>, _ abort: Bell) -> Departure {
        state.withLock { state in
            let departure = departure(of: ticket.job, state)
            guard case .open = departure else { return departure }
            let now = moment(&state)
            if state.scheduler.isShut(to: ticket, now: now),
                let gate = state.scheduler.shutGate(project: ticket.project, model: ticket.model, now: now)
            {
                let key = GateKey(project: state.scheduler.quota(of: ticket.project), model: ticket.model)
                return .shut(
                    Self.error(of: gate, ticket, in: state),
                    Postponement(until: now, gate: key, mayRetry: true, project: ticket.project))
            }
            state[ticket.job]?.isSent = true
            state[ticket.job]?.abort = abort
            return .open
        }
    }

    /// Ends a call that did not go out, at no charge; `wasStarted` when its row says `sent` all the same.
    private func endUnsent(_ id: CallID, _ error: WireError, wasStarted: Bool) async {
        if let origin = state.withLock({ $0.jobs[id.job]?.cancelAsked }) { return await endCancelled(id, by: origin) }
        guard wasStarted else { return await refuse(id, error) }
        await endRefused(id, error, upstream: .zero)
    }

    /// Why there is no order for a job.
    enum Unprepared: Error {
        /// It may come: the store did not answer, or the key is missing since a restart.
        case wait(WireError, Duration)
        case never(WireError)
    }

    /// The order for a call: from memory, or read back and planned anew after a restart.
    private func prepare(_ job: LiveJob, call: Int, project: String) async throws(Unprepared) -> CallOrder {
        let params: GenerateImage.Params
        let material: Material
        do throws(StoreError) {
            if let kept = job.params { params = kept } else { params = try await reread(job.id) }
            if let kept = job.material { material = kept } else { material = try await rematerial(job.id, params) }
        } catch {
            logger.error("a request could not be read back", metadata: ["job": "\(job.id)", "error": "\(error)"])
            let crossed = WireError(error, charged: .no, job: job.id)
            if case .corrupt = error { throw .never(crossed) }
            throw .wait(crossed, .seconds(5))
        }
        let plan: CallPlan
        do throws(WireError) {
            if let kept = job.plan, kept.project == project {
                plan = kept
            } else {
                plan = try replan(job.id, project: project, params, material)
            }
        } catch {
            if error.kind == .keyMissing { throw .wait(error, .seconds(30)) }
            throw .never(error)
        }
        state.withLock { state in
            state.jobs[job.id]?.params = params
            if project == job.calls[call].ticket.home { state.jobs[job.id]?.plan = plan }
            if material.history.isEmpty { state.jobs[job.id]?.material = material }
        }
        return CallOrder(
            job: job.id, call: call, params: params, plan: plan, material: material,
            open: { [store] sha256 in
                guard let file = try store.artifacts.open(sha256) else {
                    throw StoreError.corrupt("the file of an input is gone")
                }
                return file
            }, timeout: plan.upstreamTimeout)
    }

    private func replan(
        _ id: JobID, project: String, _ params: GenerateImage.Params, _ material: Material
    ) throws(WireError) -> CallPlan {
        guard let generator = generators[project] else {
            throw WireError(
                .invalidConfiguration, "the project \(project) is no longer configured", charged: .no, job: id)
        }
        var params = params
        params.project = project
        try generator.checkKey()
        return try generator.plan(params, material)
    }

    /// What an outcome is for the windows: an error that is an answer was counted by upstream too.
    private static func ending(_ outcome: CallOutcome?, _ plan: CallPlan) -> Quota.Ending {
        switch outcome {
        case .answered(let answer): return .answered(costMicros: answer.costMicros ?? plan.expectedMicros)
        case .refused(_, _, .call, _), nil: return .unsent
        case .refused: return .refused
        case .outcomeUnknown: return .unknown
        case .failed(let error, let counted):
            switch error.charged {
            case .no: return .answered(costMicros: 0)
            case .yes: return .answered(costMicros: counted?.costMicros ?? plan.expectedMicros)
            default: return .answered(costMicros: plan.holdMicros)
            }
        }
    }

    private func conclude(
        _ id: CallID, _ order: CallOrder, _ outcome: CallOutcome?, _ sinks: Sinks, _ postponement: Postponement?,
        upstream: Duration
    ) async {
        switch outcome {
        case .answered(let answer): await keep(answer, of: id, order, upstream: upstream)
        case .refused(let error, _, _, _):
            guard let postponement else { return }
            await refused(id, error, postponement, upstream: upstream)
        case .failed(let error, let counted): await fail(id, order, error, counted, upstream: upstream)
        case .outcomeUnknown(var error):
            error.charged = .unknown
            error.job = id.job
            // Before its row says so: whoever decides about it finds it in both.
            state.withLock { $0.ledger.markUnknown(id) }
            let whole = await keepWhole(sinks.given, of: id.job)
            if !whole.isEmpty { error.hint = "an image of it had come whole and is kept: darkroom show \(id.job)" }
            await end(id, .lose, error, costMicros: 0, .open, whole, upstream: upstream)
        case nil: await fail(id, order, WireError(.internal, "the project is gone", charged: .no), upstream: upstream)
        }
    }

    /// Ends a call with an answer that is an error.
    func fail(
        _ id: CallID, _ order: CallOrder, _ error: WireError, _ counted: Counted? = nil, upstream: Duration
    ) async {
        var error = error
        error.job = id.job
        if error.charged == nil { error.charged = .unknown }
        let cost = counted?.costMicros ?? order.plan.expectedMicros
        let settlement: Settlement =
            switch error.charged {
            case .no: .nothing
            case .yes: .cost(cost)
            default: .whole
            }
        await end(id, .fail, error, costMicros: cost, settlement, usage: counted?.usage, upstream: upstream)
    }

    /// Ends a call that was not sent.
    func refuse(_ id: CallID, _ error: WireError) async {
        var error = error
        error.job = id.job
        error.charged = .no
        await end(id, .refuse, error, costMicros: 0, .nothing, upstream: nil)
    }

    private func end(
        _ id: CallID, _ transition: Transition, _ error: WireError, costMicros: Int64, _ settlement: Settlement,
        usage: Usage? = nil, _ whole: [KeptArtifact] = [], upstream: Duration?
    ) async {
        var call = FailedCall(
            job: id.job, call: id.call, at: clock.now(), error: error, costMicros: costMicros, usage: usage,
            timing: upstream.map { timing(of: id, upstream: $0) })
        call.artifacts = whole
        let ended = call
        await settle(id, error, settlement) { [store] () async throws(StoreError) in
            try await store.end(transition, ended)
        }
    }
}
