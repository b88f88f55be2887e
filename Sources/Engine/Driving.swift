// A job whose turn has come: written as sent, exchanged once, and what came of it written down.

import Logging
import Synchronization
import Quota
import Store
import Wire

extension Engine {
    /// Most exchanges for one call, the first included.
    static let attempts = 3

    /// Takes a job that holds a slot through one exchange, and gives the slot back.
    func drive(_ ticket: Ticket<JobID>, isStarted: Bool) async {
        let id = ticket.job
        // Cancelled between its turn and here.
        guard let job = state.withLock({ $0.jobs[id] }) else { return freeSlot(of: ticket) }
        let order: CallOrder
        do {
            order = try await prepare(job)
        } catch {
            freeSlot(of: ticket)
            return await refuse(id, error)
        }
        if !isStarted {
            do {
                guard try await store.start(id, call: 0, at: clock.now()) else {
                    // Cancelled or past its deadline meanwhile; whoever did it ends it.
                    return freeSlot(of: ticket)
                }
            } catch {
                logger.error("a job could not be marked as sent", metadata: ["job": "\(id)", "error": "\(error)"])
                freeSlot(of: ticket)
                let crossed = WireError(error, charged: .no, job: id)
                return await pause(id, crossed, delay: .seconds(5), gate: nil)
            }
            state.withLock { state in
                state.jobs[id]?.attempt += 1
                state.jobs[id]?.started = clock.elapsed()
                announce(id, .sent, &state)
            }
        }
        let begun = clock.elapsed()
        let outcome = await generators[ticket.project]?.generate(
            order, sink: { [store] in try store.artifacts.makeTemporary() },
            progress: { [weak self] in self?.progressed(id, $0) })
        let upstream = clock.elapsed() - begun
        freeSlot(of: ticket, measured: upstream, outcome: outcome)
        await conclude(id, order, outcome, upstream: upstream)
    }

    /// The order for a job: from memory, or read back and planned anew after a restart.
    private func prepare(_ job: LiveJob) async throws(WireError) -> CallOrder {
        let params: GenerateImage.Params
        if let kept = job.params { params = kept } else { params = try await reread(job.id) }
        let plan: CallPlan
        if let kept = job.plan {
            plan = kept
        } else {
            guard let generator = generators[job.ticket.project] else {
                throw WireError(
                    .invalidConfiguration, "the project \(job.ticket.project) is no longer configured", charged: .no,
                    job: job.id)
            }
            plan = try generator.plan(params)
        }
        state.withLock { state in
            state.jobs[job.id]?.params = params
            state.jobs[job.id]?.plan = plan
        }
        return CallOrder(job: job.id, call: 0, params: params, plan: plan, timeout: plan.upstreamTimeout)
    }

    private func freeSlot(of ticket: Ticket<JobID>, measured: Duration? = nil, outcome: CallOutcome? = nil) {
        state.withLock { state in
            state.scheduler.release(project: ticket.project)
            if let measured, case .answered = outcome {
                state.scheduler.measured(
                    seconds: measured.fractionalMilliseconds / 1000, project: ticket.project, model: ticket.model)
            }
            pump(&state)
        }
    }

    private func progressed(_ id: JobID, _ progress: CallProgress) {
        state.withLock { state in
            switch progress {
            case .sent: break
            case .receiving(let bytes):
                state.jobs[id]?.bytes = bytes
                announce(id, .receiving, &state)
            }
        }
    }

    private func conclude(_ id: JobID, _ order: CallOrder, _ outcome: CallOutcome?, upstream: Duration) async {
        switch outcome {
        case .answered(let answer): await keep(answer, of: id, order, upstream: upstream)
        case .refused(let error, let retryAfter, let scope):
            await refused(id, error, retryAfter: retryAfter, scope: scope, upstream: upstream)
        case .failed(let error): await fail(id, order, error, upstream: upstream)
        case .outcomeUnknown(var error):
            error.charged = .unknown
            error.job = id
            await end(id, .lose, error, costMicros: 0, upstream: upstream)
        case nil: await fail(id, order, WireError(.internal, "the project is gone", charged: .no), upstream: upstream)
        }
    }

    /// Ends a job with an answer that is an error.
    func fail(_ id: JobID, _ order: CallOrder, _ error: WireError, upstream: Duration) async {
        var error = error
        error.job = id
        if error.charged == nil { error.charged = .unknown }
        await end(id, .fail, error, costMicros: order.plan.expectedMicros, upstream: upstream)
    }

    /// Ends a job that was not sent.
    func refuse(_ id: JobID, _ error: WireError) async {
        var error = error
        error.job = id
        error.charged = .no
        await end(id, .refuse, error, costMicros: 0, upstream: nil)
    }

    private func end(
        _ id: JobID, _ transition: Transition, _ error: WireError, costMicros: Int64, upstream: Duration?
    ) async {
        let call = FailedCall(
            job: id, call: 0, at: clock.now(), error: error, costMicros: costMicros,
            timing: upstream.map { timing(of: id, upstream: $0) })
        await settle(id, error) { [store] () async throws(StoreError) in try await store.end(transition, call) }
    }

    /// Writes the end of a job, and again while the store fails: a paid result must not hang on one failed write.
    ///
    /// - Parameters:
    ///   - id: The job.
    ///   - error: What it ends with; nil when it has its image.
    ///   - write: The transaction; nil from it means that somebody else ended the job.
    func settle(
        _ id: JobID, _ error: WireError?, _ write: @Sendable () async throws(StoreError) -> JobResult?
    ) async {
        for pause in [1, 5, 25, nil] as [Int64?] {
            do {
                let result = try await write()
                if let result { return close(id, result) }
                return await reconcile(id)
            } catch {
                logger.critical(
                    "the end of a job could not be written", metadata: ["job": "\(id)", "error": "\(error)"])
                guard let pause, !Task.isCancelled else {
                    return await abandon(id, WireError(error, charged: error == .full ? .yes : .unknown, job: id))
                }
                let until = clock.now().milliseconds + pause * 1000
                await clock.sleep(until: Timestamp(milliseconds: until))
            }
        }
    }

    /// Takes the row's word for a job that somebody else moved.
    func reconcile(_ id: JobID) async {
        do {
            if let record = try await store.job(id) { close(id, record.result) }
        } catch {
            logger.error("a job could not be read", metadata: ["job": "\(id)", "error": "\(error)"])
        }
    }

    /// Tells whoever waits for a job whose end could not be written; the row stays open and becomes `unknown` at the
    /// next start.
    private func abandon(_ id: JobID, _ error: WireError) async {
        // Finished outside of the lock: the end of a stream calls back into the engine.
        let job = state.withLock { $0.jobs.removeValue(forKey: id) }
        for watcher in job?.watchers.values ?? [:].values { watcher.finish() }
        for waiter in job?.waiters.values ?? [:].values { waiter.resume(returning: .interrupted(error)) }
    }

    /// Wakes whoever waits for a job that has ended.
    func close(_ id: JobID, _ result: JobResult) {
        guard result.state.isEnded else { return }
        let job = state.withLock { state -> LiveJob? in
            state.scheduler.withdraw(id)
            return state.jobs.removeValue(forKey: id)
        }
        for watcher in job?.watchers.values ?? [:].values { watcher.finish() }
        for waiter in job?.waiters.values ?? [:].values { waiter.resume(returning: .ended(result)) }
    }

    /// Where the time went until now.
    func timing(of id: JobID, upstream: Duration) -> Timing {
        let now = clock.elapsed()
        guard let job = state.withLock({ $0.jobs[id] }) else {
            return Timing(queuedMs: 0, upstreamMs: upstream.fractionalMilliseconds, overheadMs: 0)
        }
        let queued = max(.zero, (job.started ?? now) - job.queued)
        let rest = max(.zero, now - job.arrived - queued - upstream)
        return Timing(
            queuedMs: queued.fractionalMilliseconds, upstreamMs: upstream.fractionalMilliseconds,
            overheadMs: rest.fractionalMilliseconds)
    }
}
