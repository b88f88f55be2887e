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
    /// - Throws: Its last error, when the run ends.
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

    /// Writes the end of a job.
    ///
    /// - Parameters:
    ///   - id: The job.
    ///   - ending: What it ends with; nil when it has its image.
    ///   - write: The transaction; nil from it means that somebody else ended the job.
    func settle(
        _ id: JobID, _ ending: WireError?, _ write: @Sendable () async throws(StoreError) -> JobResult?
    ) async {
        let charged = ending?.charged ?? .yes
        let result: JobResult?
        do throws(StoreError) {
            result = try await insist(id, charged: charged, write)
        } catch {
            return abandon(id, WireError(error, charged: charged, job: id))
        }
        guard let result else { return await reconcile(id) }
        close(id, result)
    }

    /// Takes the row's word for a job that somebody else moved.
    func reconcile(_ id: JobID) async {
        do throws(StoreError) {
            let record = try await insist(id, charged: .unknown) { [store] () async throws(StoreError) in
                try await store.job(id)
            }
            guard let record, record.result.state.isEnded else {
                logger.error("a job is not as its row has it", metadata: ["job": "\(id)"])
                return abandon(id, Self.ownerlessError(id, charged: .unknown))
            }
            close(id, record.result)
        } catch {
            abandon(id, WireError(error, charged: .unknown, job: id))
        }
    }

    /// What is told of an open job that this run does not work on.
    static func ownerlessError(_ id: JobID, charged: Charged) -> WireError {
        WireError(
            .internal, "nothing works on this job until the daemon has been started again",
            hint: "see `journalctl -u darkroom`", charged: charged, job: id)
    }

    /// Lets go of a job whose end could not be written; its row stays open, and `sent` in it becomes `unknown` at the
    /// next start.
    private func abandon(_ id: JobID, _ error: WireError) {
        // Finished outside of the lock: the end of a stream calls back into the engine.
        let job = state.withLock { state -> LiveJob? in
            state.scheduler.withdraw(id)
            return state.jobs.removeValue(forKey: id)
        }
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
