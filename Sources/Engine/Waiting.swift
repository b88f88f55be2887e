// Following a job: its events, its end, and cancelling it.

import Logging
import Quota
import Synchronization
package import Wire

import Store

extension Engine {
    /// What happens to a job from now on: first where it stands, then each step, until it ends.
    ///
    /// At most four a second, at least one in ten seconds; a slow reader gets the newest. Of a job that has ended there
    /// is one, its end. Holds while the jobs of the run before are taken up.
    ///
    /// - Parameters:
    ///   - id: The job.
    ///   - principal: Who watches; of somebody else's job there are no events.
    /// - Returns: The events; the stream ends with the job.
    package func events(of id: JobID, for principal: Principal) async -> AsyncStream<JobEvent> {
        let (events, input) = AsyncStream.makeStream(of: JobEvent.self, bufferingPolicy: .bufferingNewest(4))
        if watch(id, for: principal, input) { return events }
        await takenUp()
        if watch(id, for: principal, input) { return events }
        // What cannot be read now is told by the answer.
        if let result = try? await result(of: id, for: principal), result.state.isEnded {
            input.yield(JobEvent(job: id, state: result.state))
        }
        input.finish()
        return events
    }

    /// Tells a watcher where a job stands and what comes; false when the principal has no such job in memory.
    private func watch(
        _ id: JobID, for principal: Principal, _ input: AsyncStream<JobEvent>.Continuation
    ) -> Bool {
        state.withLock { state in
            guard let job = state.jobs[id], principal.owns(job.owner) else { return false }
            let now = clock.now().milliseconds
            let token = state.nextToken
            state.nextToken += 1
            input.onTermination = { [weak self] _ in self?.unwatch(id, token) }
            if let event = job.event(state.scheduler, now: now) { input.yield(event) }
            state.jobs[id]?.watchers[token] = input
            // Those who watch already keep their rhythm.
            if job.watchers.isEmpty {
                state.jobs[id]?.lastEvent = now
                state.jobs[id]?.hasNews = false
            }
            setAlarm(of: id, &state)
            return true
        }
    }

    private func unwatch(_ id: JobID, _ token: Int) {
        // A continuation may be dropped here, and its end calls this function: it goes only after the lock has.
        let dropped = state.withLock { $0.jobs[id]?.watchers.removeValue(forKey: token) }
        _ = dropped
    }

    /// Waits until a job has ended, or until whoever waits is owed an answer.
    ///
    /// - Parameters:
    ///   - id: The job.
    ///   - principal: Who waits; somebody else's job is `not_found`.
    ///   - due: By when whoever waits is answered; nil for one who set no deadline.
    /// - Returns: The job. When `error` is set, that is the answer: also for a job that goes on (`state` not ended)
    ///   when it is due, it was cancelled after it was sent, its end cannot be written, or the daemon stops.
    /// - Throws: `not_found`; `cancelled` when the calling task was.
    package func wait(
        for id: JobID, from principal: Principal, until due: Timestamp? = nil
    ) async throws(WireError) -> JobResult {
        if state.withLock({ $0.jobs[id] == nil }) { await takenUp() }
        let token = makeToken()
        let wakeup: Wakeup = await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let immediate = state.withLock { state in
                    Task.isCancelled ? .abandoned : register(continuation, token, id, principal, due, &state)
                }
                if let immediate { continuation.resume(returning: immediate) }
            }
        } onCancel: {
            let waiter = state.withLock { state in
                state.jobs[id]?.dues[token] = nil
                return state.jobs[id]?.waiters.removeValue(forKey: token)
            }
            waiter?.resume(returning: .abandoned)
        }
        switch wakeup {
        case .ended(let result): return result
        case .abandoned:
            throw WireError(.cancelled, "nobody waits any more", charged: .unknown, job: id)
        case .absent:
            var result = try await result(of: id, for: principal)
            if !result.state.isEnded { result.error = absenceError(of: result) }
            return result
        case .interrupted(let error):
            var result = try await result(of: id, for: principal)
            // Between the interruption and this line it may have ended after all.
            if !result.state.isEnded { result.error = error }
            return result
        }
    }

    /// Lets a waiter wait, or says what it is to be woken with at once.
    private func register(
        _ waiter: CheckedContinuation<Wakeup, Never>, _ token: Int, _ id: JobID, _ principal: Principal,
        _ due: Timestamp?, _ state: inout State
    ) -> Wakeup? {
        guard let job = state.jobs[id], principal.owns(job.owner) else { return .absent }
        if let trouble = job.trouble { return .interrupted(trouble) }
        switch state.phase {
        case .stopped: return .interrupted(Self.stoppingError(job))
        case .stopping where job.hasIdleCall: return .interrupted(Self.stoppingError(job))
        case .new, .running, .stopping: break
        }
        state.jobs[id]?.waiters[token] = waiter
        if let due {
            state.jobs[id]?.dues[token] = due.milliseconds
            setAlarm(of: id, &state)
        }
        return nil
    }

    /// What is told of an open job that is not in memory.
    private func absenceError(of job: JobResult) -> WireError {
        switch state.withLock({ $0.phase }) {
        case .new, .running: return Self.ownerlessError(job.job, charged: job.charged)
        case .stopping, .stopped: return Self.stoppingError(job.job, charged: job.charged)
        }
    }

    /// Cancels a job, at once: its unsent calls end, sent ones go on and their images are kept.
    ///
    /// - Parameters:
    ///   - id: The job.
    ///   - principal: Who asks; somebody else's job is `not_found`.
    ///   - terms: The policy's for whoever asks: it may say that sent calls are aborted instead.
    /// - Returns: Where the job stands then.
    /// - Throws: Also what the store says; then nothing is cancelled.
    package func cancel(
        _ id: JobID, by principal: Principal, terms: Terms = Terms()
    ) async throws(WireError) -> CancelJob.Result {
        let standing = try await result(of: id, for: principal)
        if standing.state.isEnded { return Self.cancelled(standing) }
        // Before the row is asked: a refusal that comes in between must not put the job in line again.
        state.withLock { $0.jobs[id]?.cancelAsked = principal.origin }
        let cancelled: (calls: [Int], result: JobResult)?
        do {
            // What is settled before it is counted would be held for ever.
            try await reckon()
            cancelled = try await store.cancel(
                id, error: .jobCancelled(id), at: clock.now(), by: principal.origin)
        } catch {
            state.withLock { $0.jobs[id]?.cancelAsked = nil }
            logger.critical(
                "a cancelling could not be put on record", metadata: ["job": "\(id)", "error": "\(error)"])
            throw WireError(unrecorded: error, charged: standing.charged, job: id)
        }
        guard let cancelled else { throw .jobNotFound }
        state.withLock { state in
            let now = moment(&state)
            for call in cancelled.calls { state.settle(CallID(job: id, call: call), .nothing, now: now) }
        }
        if cancelled.result.state.isEnded {
            close(cancelled.result)
            return Self.cancelled(cancelled.result)
        }
        for call in cancelled.calls { close(CallID(job: id, call: call), cancelled.result, mayHaveCost: false) }
        let aborts = state.withLock { state in
            let isSent = state.jobs[id]?.mayHaveCost ?? true
            let became =
                terms.abortsOnCancel ? "and is aborted; upstream may bill it" : "its image is kept when it comes"
            let error = WireError(
                .cancelled, "the job was cancelled after it was sent; \(became)", hint: "darkroom show \(id)",
                charged: .unknown, job: id)
            interrupt(id, isSent ? error : .jobCancelled(id), &state)
            return terms.abortsOnCancel ? state.jobs[id]?.calls.compactMap(\.abort) ?? [] : []
        }
        for abort in aborts { abort.ring() }
        return Self.cancelled(try await result(of: id, for: principal))
    }

    private static func cancelled(_ job: JobResult) -> CancelJob.Result {
        CancelJob.Result(job: job.job, state: job.state, charged: job.charged)
    }
}
