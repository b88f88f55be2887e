// A full disk: nothing is sent while there is no room for what would come, and everybody who waits is told so.

import Logging
import Quota
import Store
import Synchronization
import Wire

extension Engine {
    /// Milliseconds between two looks at a disk that was found full.
    private static let roomPause: Int64 = 5_000

    /// Milliseconds in which it is said once: a disk may have room and have none again and again.
    private static let silence: Int64 = 60_000

    /// Puts a call that has a slot back at the head of its line; it and all others wait while there is no room.
    func waitForRoom(_ ticket: Ticket<CallID>) async {
        let isNews = state.withLock { state in
            let now = moment(&state)
            let isFirst = shutForRoom(&state, now: now)
            guard isFirst, state.fullSaidAt.map({ now - $0 >= Self.silence }) ?? true else { return false }
            state.fullSaidAt = now
            return true
        }
        if isNews { logger.error("nothing more is sent: the disk has no room for what would come") }
        freeSlot(of: ticket)
        let full = WireError(StoreError.full, charged: .no, job: ticket.job.job)
        await pause(ticket.job, full, delay: .zero, gate: GateKey(project: ticket.home, model: nil))
    }

    /// Looks at a full disk again when it is time to; with room on it what waits goes on.
    func lookForRoom() {
        let isDue = state.withLock { state in
            let now = moment(&state)
            return state.scheduler.gateEverywhere.map { $0.until <= now } ?? false
        }
        guard isDue else { return }
        let hasRoom = store.hasRoom
        state.withLock { state in
            if hasRoom {
                state.scheduler.openEverywhere()
            } else {
                _ = shutForRoom(&state, now: moment(&state))
            }
        }
        if hasRoom { logger.info("the disk has room again: what waits is sent") }
    }

    /// Holds back whatever has not started until the next look; true when nothing was held back before.
    private func shutForRoom(_ state: inout State, now: Int64) -> Bool {
        let until = now + Self.roomPause
        let isNews = state.scheduler.shutEverywhere(Gate(until: until, reason: ErrorKind.storageFull.rawValue))
        arm(for: until, &state)
        guard isNews else { return false }
        let watched = state.jobs.values.filter { !$0.watchers.isEmpty && $0.hasIdleCall }
        for job in watched {
            for call in job.calls where call.isIdle { announce(call.id, call.state, &state) }
        }
        return true
    }
}
