// A call that another project serves in its own one's stead: its hold goes there with it, and comes back with it.

import Quota
import Synchronization
import Wire

extension Engine {
    /// Takes the hold of a call to the project that is to serve it in its own one's stead.
    ///
    /// - Returns: False when that project's budget has no room, or its key is known to be none; then the call is in line
    ///   again, or ends where its deadline has come meanwhile.
    func borrow(_ ticket: Ticket<CallID>) -> Bool {
        guard ticket.project != ticket.home else { return true }
        return state.withLock { state in
            let now = moment(&state)
            if (try? generators[ticket.project]?.checkKey()) != nil,
                state.ledger.hasRoom(for: ticket.job, in: ticket.project, now: now)
            {
                state.ledger.move(ticket.job, from: ticket.home, to: ticket.project)
                return true
            }
            state.scheduler.finish(ticket, .unsent, now: now)
            guard let job = state.jobs[ticket.job.job], var call = state[ticket.job], !call.isOver else { return false }
            guard !job.hasMissedDeadline else {
                handOver(call.id, Self.deadlineError(charged: .no), &state)
                pump(&state)
                return false
            }
            call.ticket.overflow.removeAll { $0 == ticket.project }
            call.isHandedOver = false
            state[ticket.job] = call
            state.scheduler.seat(call.ticket)
            queueAgain(call, deadline: job.deadline, &state)
            setAlarm(of: ticket.job.job, &state)
            pump(&state)
            return false
        }
    }

    func freeSlot(of ticket: Ticket<CallID>, _ ending: Quota.Ending = .unsent, measured: Duration? = nil) {
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
}
