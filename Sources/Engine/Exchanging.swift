// One exchange, which a cancelling may abort.

import Logging
import Quota
import Store
import Synchronization
import Wire

extension Engine {
    /// Makes an exchange, and aborts it when the bell rings; nil when there is no such project.
    func exchange(
        _ order: CallOrder, with project: String, _ sinks: Sinks, abort: Bell
    ) async -> CallOutcome? {
        guard let generator = generators[project] else { return nil }
        let id = CallID(job: order.job, call: order.call)
        return await withTaskGroup(of: CallOutcome?.self) { group in
            group.addTask {
                await generator.generate(
                    order, sink: { sinks.next() }, progress: { [weak self] in self?.progressed(id, $0) })
            }
            group.addTask {
                await abort.wait()
                return nil
            }
            // Whichever ends first ends the other; an exchange that is aborted has an outcome too.
            var outcome: CallOutcome?
            while let ended = await group.next() {
                outcome = ended ?? outcome
                group.cancelAll()
            }
            return outcome
        }
    }

    func openSinks(of id: CallID) throws(Unprepared) -> Sinks {
        do {
            return try Sinks(store.artifacts)
        } catch {
            logger.error("no file for an image could be opened", metadata: ["job": "\(id.job)", "error": "\(error)"])
            throw .wait(WireError(error, charged: .no, job: id.job), .seconds(5))
        }
    }

    private func progressed(_ id: CallID, _ progress: CallProgress) {
        state.withLock { state in
            switch progress {
            case .sent:
                FaultPoint.reach(.requestWritten)
                state.scheduler.left(id, now: moment(&state))
            case .receiving(let bytes):
                state[id]?.bytes = bytes
                announce(id, .receiving, &state)
            }
        }
    }
}
