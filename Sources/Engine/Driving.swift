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
            guard mayDepart(id) else {
                freeSlot(of: ticket)
                return await endUnsent(id, Self.deadlineError(charged: .no), wasStarted: false)
            }
            do {
                let isShared = !ticket.overflow.isEmpty
                guard
                    try await store.start(
                        id.job, call: id.call, at: clock.now(),
                        by: isShared ? (project: ticket.project, route: order.plan.route) : nil)
                else {
                    freeSlot(of: ticket)
                    return await reconcile(id)
                }
            } catch {
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
        guard depart(id) else {
            freeSlot(of: ticket)
            return await endUnsent(id, Self.deadlineError(charged: .no), wasStarted: true)
        }
        FaultPoint.reach(.requestBeforeSend)
        let begun = clock.elapsed()
        let sentAt = clock.now().milliseconds
        let outcome = await generators[ticket.project]?.generate(
            order, sink: { try sinks.next() },
            progress: { [weak self] in self?.progressed(id, $0) })
        let upstream = clock.elapsed() - begun
        FaultPoint.reach(.lastByte)
        let postponement = postpone(ticket, outcome, sentAt: sentAt)
        freeSlot(of: ticket, Self.ending(outcome, order.plan), measured: upstream)
        await conclude(id, order, outcome, postponement, upstream: upstream)
    }

    /// Whether a call may still go out: its job's deadline has not come and nobody has cancelled it.
    private func mayDepart(_ id: CallID) -> Bool { state.withLock { mayDepart(id, $0) } }

    private func mayDepart(_ id: CallID, _ state: State) -> Bool {
        guard let job = state.jobs[id.job], job.cancelAsked == nil else { return false }
        return !job.hasMissedDeadline && job.deadline > clock.now().milliseconds
    }

    /// The last look before the first byte; when this is true the call counts as sent.
    private func depart(_ id: CallID) -> Bool {
        state.withLock { state in
            guard mayDepart(id, state) else { return false }
            state[id]?.isSent = true
            return true
        }
    }

    /// Ends a call that did not go out, at no charge; `wasStarted` when its row says `sent` all the same.
    private func endUnsent(_ id: CallID, _ error: WireError, wasStarted: Bool) async {
        if let origin = state.withLock({ $0.jobs[id.job]?.cancelAsked }) { return await endCancelled(id, by: origin) }
        guard wasStarted else { return await refuse(id, error) }
        await endRefused(id, error, upstream: .zero)
    }

    /// Why there is no order for a job.
    private enum Unprepared: Error {
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

    private func openSinks(of id: CallID) throws(Unprepared) -> Sinks {
        do {
            return try Sinks(store.artifacts)
        } catch {
            logger.error("no file for an image could be opened", metadata: ["job": "\(id.job)", "error": "\(error)"])
            throw .wait(WireError(error, charged: .no, job: id.job), .seconds(5))
        }
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
        case .failed(let error):
            switch error.charged {
            case .no: return .answered(costMicros: 0)
            case .yes: return .answered(costMicros: plan.expectedMicros)
            default: return .answered(costMicros: plan.holdMicros)
            }
        }
    }

    /// Takes the hold of a call to the project that is to serve it in its own one's stead.
    ///
    /// - Returns: False when that project's budget has no room; then the call is in line again.
    private func borrow(_ ticket: Ticket<CallID>) -> Bool {
        guard ticket.project != ticket.home else { return true }
        return state.withLock { state in
            let now = moment(&state)
            if state.ledger.hasRoom(for: ticket.job, in: ticket.project, now: now) {
                state.ledger.move(ticket.job, from: ticket.home, to: ticket.project)
                return true
            }
            state.scheduler.finish(ticket, .unsent, now: now)
            guard var call = state[ticket.job], !call.isOver else { return false }
            call.ticket.overflow.removeAll { $0 == ticket.project }
            call.isHandedOver = false
            state[ticket.job] = call
            state.scheduler.seat(call.ticket)
            state.scheduler.enqueue(ticket.job, first: true)
            setAlarm(of: ticket.job.job, &state)
            pump(&state)
            return false
        }
    }

    private func freeSlot(of ticket: Ticket<CallID>, _ ending: Quota.Ending = .unsent, measured: Duration? = nil) {
        state.withLock { state in
            state.scheduler.finish(ticket, ending, now: moment(&state))
            if ticket.project != ticket.home, ending == .unsent || ending == .refused {
                state.ledger.move(ticket.job, from: ticket.project, to: ticket.home)
            }
            if let measured, case .answered = ending {
                state.scheduler.measured(
                    seconds: measured.fractionalMilliseconds / 1000, project: ticket.project, model: ticket.model)
            }
            pump(&state)
        }
    }

    private func progressed(_ id: CallID, _ progress: CallProgress) {
        state.withLock { state in
            switch progress {
            case .sent: FaultPoint.reach(.requestWritten)
            case .receiving(let bytes):
                state[id]?.bytes = bytes
                announce(id, .receiving, &state)
            }
        }
    }

    private func conclude(
        _ id: CallID, _ order: CallOrder, _ outcome: CallOutcome?, _ postponement: Postponement?,
        upstream: Duration
    ) async {
        switch outcome {
        case .answered(let answer): await keep(answer, of: id, order, upstream: upstream)
        case .refused(let error, _, _, _):
            guard let postponement else { return }
            await refused(id, error, postponement, upstream: upstream)
        case .failed(let error): await fail(id, order, error, upstream: upstream)
        case .outcomeUnknown(var error):
            error.charged = .unknown
            error.job = id.job
            // Before its row says so: whoever decides about it finds it in both.
            state.withLock { $0.ledger.markUnknown(id) }
            await end(id, .lose, error, costMicros: 0, .open, upstream: upstream)
        case nil: await fail(id, order, WireError(.internal, "the project is gone", charged: .no), upstream: upstream)
        }
    }

    /// Ends a call with an answer that is an error.
    func fail(_ id: CallID, _ order: CallOrder, _ error: WireError, upstream: Duration) async {
        var error = error
        error.job = id.job
        if error.charged == nil { error.charged = .unknown }
        let cost = order.plan.expectedMicros
        let settlement: Settlement =
            switch error.charged {
            case .no: .nothing
            case .yes: .cost(cost)
            default: .whole
            }
        await end(id, .fail, error, costMicros: cost, settlement, upstream: upstream)
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
        upstream: Duration?
    ) async {
        let call = FailedCall(
            job: id.job, call: id.call, at: clock.now(), error: error, costMicros: costMicros,
            timing: upstream.map { timing(of: id, upstream: $0) })
        await settle(id, error, settlement) { [store] () async throws(StoreError) in
            try await store.end(transition, call)
        }
    }
}
