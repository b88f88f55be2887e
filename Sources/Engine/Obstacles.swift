// Why a job is not sent now, in the protocol's words: what it waits for, and what it is refused for at once.

import Quota
import Wire

extension Engine {
    /// The error of a job that should not wait for what is in its way: it opens too late, or not by waiting.
    ///
    /// Per-minute and per-10-minutes limits and a pause are waited for; a used-up day by bulk jobs alone.
    static func obstacleError(
        _ ticket: Ticket<CallID>, deadline: Int64, now: Int64, in state: inout State
    ) -> WireError? {
        var first: WireError?
        for project in [ticket.home] + ticket.overflow {
            var ticket = ticket
            ticket.project = project
            guard let error = obstacleErrorOfOne(ticket, deadline: deadline, now: now, in: &state) else { return nil }
            first = first ?? error
        }
        return first
    }

    private static func obstacleErrorOfOne(
        _ ticket: Ticket<CallID>, deadline: Int64, now: Int64, in state: inout State
    ) -> WireError? {
        let isBulk = ticket.class == .bulk
        switch state.scheduler.obstacle(to: ticket, now: now) {
        case nil: return nil
        case .gate(let gate):
            if gate.until == Gate.untilOpened, state.scheduler.isPaused(project: ticket.project) { return nil }
            let isOver = gate.reason == ErrorKind.quotaDay.rawValue && !isBulk
            return isOver || gate.until >= deadline ? gateError(gate, ticket, in: state) : nil
        case .window(let window):
            switch window.opening {
            case .now, .uponEnding: return nil
            case .never: break
            case .at(let time):
                let isOver = window.kind == .requestsPerDay && !isBulk
                guard isOver || time >= deadline else { return nil }
            }
            return limitError(window.kind, window.opening, ticket, now: now)
        }
    }

    private static func gateError(_ gate: Gate, _ ticket: Ticket<CallID>, in state: State) -> WireError {
        let keys = [
            GateKey(project: ticket.project, model: ticket.model), GateKey(project: ticket.project, model: nil),
        ]
        let said = keys.compactMap { state.gateErrors[$0] }.first { $0.kind.rawValue == gate.reason }
        var error = said ?? WireError(ErrorKind(rawValue: gate.reason), "upstream does not take this model now")
        error.tellOpening(gate.until, project: ticket.project)
        error.charged = nil
        error.job = nil
        return error
    }

    /// The error of a limit that is configured or was learnt.
    static func limitError(
        _ kind: WindowKind, _ opening: Opening, _ ticket: Ticket<CallID>, now: Int64
    ) -> WireError {
        let whose = kind.isSpend ? "project \(ticket.project)" : "\(ticket.model) in project \(ticket.project)"
        guard case .at(let time) = opening else {
            return WireError(
                kind.isSpend ? .overBudget : .noQuota,
                "the whole limit \(kind.rawValue) of \(whose) is less than this request takes",
                hint: "ask for less, or an admin has to raise the limit")
        }
        var error =
            kind == .requestsPerDay
            ? WireError(.quotaDay, "the daily quota of \(whose) is used up", retryable: true)
            : WireError(
                .quotaMinute, "the limit \(kind.rawValue) of \(whose) opens later than the deadline", retryable: true)
        error.tellOpening(time, project: ticket.project)
        return error
    }

    /// Ends every unsent call that waits for what opens too late for it.
    func endHopeless(behind key: GateKey, now: Int64, _ state: inout State) {
        for id in state.scheduler.jobs(behind: key) {
            guard let job = state.jobs[id.job], let call = state[id], call.isIdle else { continue }
            guard let error = Self.obstacleError(call.ticket, deadline: job.deadline, now: now, in: &state) else {
                announce(id, call.state, &state)
                continue
            }
            handOver(id, error, &state)
        }
    }
}

extension WireError {
    /// Says when what is shut opens again, or who has to open it.
    mutating func tellOpening(_ until: Int64, project: String) {
        guard until != Gate.untilOpened else {
            hint = (hint.map { $0 + "; " } ?? "") + "then: darkroom admin resume \(project)"
            return
        }
        let time = Timestamp(milliseconds: until)
        resetsAt = time
        if hint == nil { hint = "it opens again at \(time)" }
    }
}
