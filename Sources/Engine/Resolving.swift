// What a call of unknown outcome cost: an admin decides, or the configured time does.

import Logging
import Synchronization
package import Wire

import Store

extension Engine {
    /// Settles what a job of unknown outcome cost, and ends its hold; an admin has looked at upstream's own record.
    ///
    /// - Parameters:
    ///   - id: The job.
    ///   - charged: That upstream charged: then all that was held counts as spent.
    ///   - principal: Who decides; policy has let it pass.
    /// - Returns: The job, still `unknown`, with what it cost.
    /// - Throws: `conflict` when nothing of the job is open.
    package func resolve(
        _ id: JobID, charged: Bool, by principal: Principal
    ) async throws(WireError) -> JobResult {
        let resolved: Resolved
        do {
            // What is settled before it is counted would be held for ever.
            try await reckon()
            resolved = try await store.resolve(id, charged: charged, at: clock.now(), by: principal.origin)
        } catch {
            logger.critical(
                "the settling of a hold could not be put on record", metadata: ["job": "\(id)", "error": "\(error)"])
            throw WireError(unrecorded: error, charged: .unknown, job: id)
        }
        switch resolved {
        case .settled(let result, let calls):
            settle(calls, of: id, charged: charged)
            return asOfNow(result)
        case .absent: throw .jobNotFound
        case .nothingOpen:
            throw WireError(
                .conflict, "nothing of this job is held with its outcome unknown", hint: "darkroom show \(id)",
                charged: try await result(of: id, for: principal).charged, job: id)
        }
    }

    private func settle(_ calls: [Int], of id: JobID, charged: Bool) {
        state.withLock { state in
            let now = moment(&state)
            for call in calls { state.settle(CallID(job: id, call: call), charged ? .whole : .nothing, now: now) }
        }
    }

    /// Settles as charged what has been unknown for as long as the settings say, until the task is cancelled.
    func settleUnknown() async {
        while !Task.isCancelled {
            // Read each time: it may have been configured anew.
            let patience = settings.unknownHold.milliseconds
            let now = clock.now()
            // An hour at most: what becomes unknown meanwhile is due when the patience for it is over.
            var next = now.milliseconds + min(max(patience, 1000), 3_600_000)
            do {
                try await reckon()
                let limit = Timestamp(milliseconds: now.milliseconds - patience)
                let (settled, since) = try await store.resolveUnknown(since: limit, at: now)
                for (id, calls) in settled {
                    settle(calls, of: id, charged: true)
                    logger.notice(
                        "the hold of a job of unknown outcome was settled by time", metadata: ["job": "\(id)"])
                }
                if let since { next = min(next, since.milliseconds + patience) }
            } catch {
                logger.error("holds could not be settled by time, trying again", metadata: ["error": "\(error)"])
            }
            await clock.sleep(until: Timestamp(milliseconds: next))
        }
    }
}
