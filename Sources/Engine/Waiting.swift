// Following a job: its events, its end, and cancelling it.

import Quota
import Synchronization
package import Wire

import Store

extension Engine {
    /// What happens to a job from now on: first where it stands, then each step, until it ends.
    ///
    /// At most four a second, at least one in ten seconds; a slow reader gets the newest. Empty for a job that
    /// has ended.
    package func events(of id: JobID) -> AsyncStream<JobEvent> {
        let (events, input) = AsyncStream.makeStream(of: JobEvent.self, bufferingPolicy: .bufferingNewest(4))
        state.withLock { state in
            guard let job = state.jobs[id] else { return input.finish() }
            let now = clock.now().milliseconds
            let token = state.nextToken
            state.nextToken += 1
            input.onTermination = { [weak self] _ in self?.unwatch(id, token) }
            input.yield(job.event(state.scheduler, now: now))
            state.jobs[id]?.watchers[token] = input
            state.jobs[id]?.lastEvent = now
            setAlarm(of: id, &state)
        }
        return events
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
    /// - Returns: The job. When `error` is set, that is the answer: also for a job that goes on (`state` not ended)
    ///   when its deadline came, it was cancelled after it was sent, or the daemon stops.
    /// - Throws: `not_found`; `cancelled` when the calling task was.
    package func wait(for id: JobID, from principal: Principal) async throws(WireError) -> JobResult {
        let token = state.withLock { state in
            defer { state.nextToken += 1 }
            return state.nextToken
        }
        let wakeup: Wakeup = await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                // The store answers for a job that is not, or not for this principal, in memory.
                let immediate: Wakeup? = state.withLock { state in
                    if Task.isCancelled { return .abandoned }
                    guard let job = state.jobs[id], principal.owns(job.owner) else { return .interrupted(.jobNotFound) }
                    if state.phase == .stopping || state.phase == .stopped, !job.isHandedOver {
                        return .interrupted(Self.stoppingError(id))
                    }
                    state.jobs[id]?.waiters[token] = continuation
                    return nil
                }
                if let immediate { continuation.resume(returning: immediate) }
            }
        } onCancel: {
            let waiter = state.withLock { $0.jobs[id]?.waiters.removeValue(forKey: token) }
            waiter?.resume(returning: .abandoned)
        }
        switch wakeup {
        case .ended(let result): return result
        case .abandoned:
            throw WireError(.cancelled, "nobody waits any more", job: id)
        case .interrupted(let error) where error.kind == .notFound:
            return try await result(of: id, for: principal)
        case .interrupted(let error):
            var result = try await result(of: id, for: principal)
            // Between the interruption and this line it may have ended after all.
            if !result.state.isEnded { result.error = error }
            return result
        }
    }

    /// Cancels a job, at once: an unsent one ends, a sent one goes on and its image is kept.
    package func cancel(_ id: JobID, by principal: Principal) async throws(WireError) -> CancelJob.Result {
        let standing = try await result(of: id, for: principal)
        if standing.state.isEnded { return Self.cancelled(standing) }
        let error = WireError(.cancelled, "the job was cancelled", charged: .no, job: id)
        do {
            let call = FailedCall(job: id, call: 0, at: clock.now(), error: error, costMicros: 0, timing: nil)
            if let result = try await store.end(.cancel, call) {
                close(id, result)
                return CancelJob.Result(job: id, state: result.state, charged: .no)
            }
            try await store.record(
                AuditEntry(
                    .cancelAsked, at: clock.now().milliseconds, origin: principal.origin, job: id,
                    project: standing.project, model: standing.model.sent))
        } catch {
            throw WireError(error, job: id)
        }
        state.withLock { state in
            let error = WireError(
                .cancelled, "the job was cancelled after it was sent; its image is kept when it comes",
                hint: "darkroom show \(id)", charged: .unknown, job: id)
            interrupt(id, error, &state)
        }
        return Self.cancelled(try await result(of: id, for: principal))
    }

    private static func cancelled(_ job: JobResult) -> CancelJob.Result {
        let charged: Charged =
            switch job.state {
            case .queued, .waiting, .cancelled: .no
            case .sent, .receiving, .unknown: .unknown
            case .done: .yes
            case .failed: job.error?.charged ?? .unknown
            }
        return CancelJob.Result(job: job.job, state: job.state, charged: charged)
    }
}
