// What the daemon does beside its jobs: it removes what the settings keep no longer, and files that no row names.

import Logging
import Store
import Wire

extension Engine {
    /// Milliseconds between two looks at what is kept.
    private static let rounds: Int64 = 600_000

    /// Removes ended jobs that are over a bound of the retention, now and every ten minutes, until the task is cancelled.
    func keepHouse(since start: Timestamp) async {
        while !Task.isCancelled {
            do {
                let removed = try await store.removeExpired(
                    settings.retention, since: start, at: clock.now())
                if removed.jobs > 0 {
                    logger.info(
                        "jobs past their retention were removed",
                        metadata: ["jobs": "\(removed.jobs)", "files": "\(removed.files)"])
                }
            } catch {
                logger.warning(
                    "jobs past their retention could not be removed, trying again later",
                    metadata: ["error": "\(error)"])
            }
            await clock.sleep(until: Timestamp(milliseconds: clock.now().milliseconds + Self.rounds))
        }
    }

    /// Removes what a run before left on the disk without a row.
    func sweep(before time: Timestamp) async {
        do {
            let removed = try await store.sweepArtifacts(olderThan: time)
            if removed > 0 { logger.notice("files without a row were removed", metadata: ["count": "\(removed)"]) }
        } catch {
            logger.warning("files without a row could not be looked for, ignoring", metadata: ["error": "\(error)"])
        }
    }
}
