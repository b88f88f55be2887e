// How a job's end is written: again and again while the store fails, since what was paid for must not hang on one write.

import Logging
import Synchronization
import Quota
import Store
import Wire

extension Engine {
    /// Seconds between attempts to write an end; the last of them for ever.
    private static let pauses: [Int64] = [1, 5, 25]

    /// Does what the store must not refuse, and again while it does.
    ///
    /// After half a minute whoever waits for the job is answered; the attempts go on.
    ///
    /// - Parameters:
    ///   - id: The job, which stays live meanwhile.
    ///   - charged: What whoever waits is told of the money.
    ///   - act: What to do.
    /// - Returns: What `act` returned.
    /// - Throws: Its last error, when the run ends; what no further try can mend, at once.
    func insist<Value: Sendable>(
        _ id: JobID, charged: Charged, _ act: @Sendable () async throws(StoreError) -> Value
    ) async throws(StoreError) -> Value {
        var failures = 0
        while true {
            do throws(StoreError) {
                let value = try await act()
                if failures > 0 { state.withLock { $0.jobs[id]?.trouble = nil } }
                return value
            } catch {
                logger.critical(
                    "what became of a job could not be written", metadata: ["job": "\(id)", "error": "\(error)"])
                if Task.isCancelled { throw error }
                if case .corrupt = error { throw error }
                failures += 1
                if failures == Self.pauses.count + 1 {
                    let crossed = WireError(error, charged: charged, job: id)
                    state.withLock { state in
                        state.jobs[id]?.trouble = crossed
                        interrupt(id, crossed, &state)
                    }
                }
                let pause = Self.pauses[min(failures, Self.pauses.count) - 1]
                await clock.sleep(until: Timestamp(milliseconds: clock.now().milliseconds + pause * 1000))
            }
        }
    }

    /// Writes the end of a call.
    ///
    /// - Parameters:
    ///   - id: The call.
    ///   - ending: What it ends with; nil when it has its image.
    ///   - settlement: What becomes of its hold, as the transaction has it.
    ///   - write: The transaction; nil from it means that somebody else ended the call.
    func settle(
        _ id: CallID, _ ending: WireError?, _ settlement: Settlement,
        _ write: @Sendable () async throws(StoreError) -> JobResult?
    ) async {
        let charged = ending?.charged ?? .yes
        let result: JobResult?
        do throws(StoreError) {
            result = try await insist(id.job, charged: charged, write)
        } catch {
            return abandon(id, WireError(error, charged: charged, job: id.job))
        }
        guard let result else { return await reconcile(id) }
        state.withLock { state in
            let now = moment(&state)
            state.settle(id, settlement, now: now)
        }
        close(id, result, mayHaveCost: charged != .no)
    }

    /// Takes the row's word for a call that somebody else moved.
    func reconcile(_ id: CallID) async {
        do throws(StoreError) {
            let found = try await insist(id.job, charged: .unknown) {
                [store] () async throws(StoreError) -> (JobState?, JobResult?) in
                (try await store.state(of: id.job, call: id.call), try await store.job(id.job)?.result)
            }
            guard let state = found.0, state.isEnded, let result = found.1 else {
                logger.error("a call is not as its row has it", metadata: ["job": "\(id.job)", "call": "\(id.call)"])
                return abandon(id, Self.ownerlessError(id.job, charged: .unknown))
            }
            // Only a cancelling takes a call out of a task's hands.
            if state == .cancelled {
                self.state.withLock { state in
                    let now = moment(&state)
                    state.settle(id, .nothing, now: now)
                }
            }
            close(id, result, mayHaveCost: state != .cancelled)
        } catch {
            abandon(id, WireError(error, charged: .unknown, job: id.job))
        }
    }

    /// What is told of an open job that this run does not work on.
    static func ownerlessError(_ id: JobID, charged: Charged) -> WireError {
        WireError(
            .internal, "nothing works on this job until the daemon has been started again",
            hint: "see `journalctl -u darkroom`", charged: charged, job: id)
    }

    /// Lets go of a call whose end could not be written; its row stays open, and `sent` in it becomes `unknown` at the
    /// next start.
    func abandon(_ id: CallID, _ error: WireError) {
        let job = state.withLock { state -> LiveJob? in
            state.scheduler.withdraw(id)
            state.ledger.markUnknown(id)
            state[id]?.isAbandoned = true
            state.jobs[id.job]?.trouble = error
            interrupt(id.job, error, &state)
            return takeIfOver(id.job, &state)
        }
        leave(job, .interrupted(error))
    }

    /// Takes note that a call has ended, and wakes whoever waits for its job when that has ended with it.
    ///
    /// - Parameters:
    ///   - id: The call.
    ///   - result: The job as its row has it since.
    ///   - mayHaveCost: That upstream may have charged for the call.
    func close(_ id: CallID, _ result: JobResult, mayHaveCost: Bool) {
        guard !result.state.isEnded else { return close(result) }
        let (job, trouble) = state.withLock { state in
            state.scheduler.withdraw(id)
            state[id]?.isSent = mayHaveCost
            announce(id, .failed, &state)
            let trouble = state.jobs[id.job]?.trouble
            return (takeIfOver(id.job, &state), trouble)
        }
        leave(job, .interrupted(trouble ?? Self.ownerlessError(id.job, charged: .unknown)))
    }

    /// Wakes whoever waits for a job that has ended.
    func close(_ result: JobResult) {
        let job = state.withLock { state -> LiveJob? in
            guard let job = state.jobs.removeValue(forKey: result.job) else { return nil }
            for call in job.calls { state.scheduler.withdraw(call.id) }
            return job
        }
        leave(job, .ended(result))
    }

    /// Takes a job out of memory when this run works on none of its calls any more.
    private func takeIfOver(_ id: JobID, _ state: inout State) -> LiveJob? {
        guard state.jobs[id]?.isOver == true else { return nil }
        return state.jobs.removeValue(forKey: id)
    }

    /// Ends the streams of a job that is no longer in memory; outside of the lock, since they call back.
    private func leave(_ job: LiveJob?, _ wakeup: Wakeup) {
        guard let job else { return }
        for watcher in job.watchers.values { watcher.finish() }
        for waiter in job.waiters.values { waiter.resume(returning: wakeup) }
    }

    /// Where the time went until now.
    func timing(of id: CallID, upstream: Duration) -> Timing {
        let now = clock.elapsed()
        let (found, call) = state.withLock { ($0.jobs[id.job], $0[id]) }
        guard let job = found, let call else {
            return Timing(queuedMs: 0, upstreamMs: upstream.fractionalMilliseconds, overheadMs: 0)
        }
        let queued = max(.zero, (call.started ?? now) - call.queued)
        let rest = max(.zero, now - job.arrived - queued - upstream)
        return Timing(
            queuedMs: queued.fractionalMilliseconds, upstreamMs: upstream.fractionalMilliseconds,
            overheadMs: rest.fractionalMilliseconds)
    }
}
