// Why a job is not sent now, in the protocol's words: what it waits for, and what it is refused for at once.

import Quota
import Synchronization
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
        case .gate(let gate): return gateError(gate, ticket, deadline: deadline, in: state)
        case .window(let window):
            // There is room; it is shared out.
            guard !window.isPaced else { return nil }
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

    /// The error of a job that should not wait for a gate.
    static func gateError(
        _ gate: Gate, _ ticket: Ticket<CallID>, deadline: Int64, in state: State
    ) -> WireError? {
        // A pause ends when an admin acts, a full disk's gate is looked at again and again.
        guard !state.scheduler.isPaused(project: ticket.project), gate.reason != ErrorKind.storageFull.rawValue
        else { return nil }
        // A day that one job tries is about to open.
        let isOver = gate.reason == ErrorKind.quotaDay.rawValue && ticket.class == .interactive && !gate.isTried
        return isOver || gate.until >= deadline ? error(of: gate, ticket, in: state) : nil
    }

    /// What whoever meets a shut gate is told.
    static func error(of gate: Gate, _ ticket: Ticket<CallID>, in state: State) -> WireError {
        let quota = state.scheduler.quota(of: ticket.project)
        let keys = [GateKey(project: quota, model: ticket.model), GateKey(project: quota, model: nil)]
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
                kind.errorKind, "the limit \(kind.rawValue) of \(whose) opens later than the deadline",
                retryable: true)
        error.tellOpening(time, project: ticket.project)
        return error
    }

    /// Ends the jobs that are more than a whole limit; false when there are none.
    func endForEver(now: Int64, _ state: inout State) -> Bool {
        let hopeless = state.scheduler.takeHopeless()
        for (ticket, kind) in hopeless {
            handOver(ticket.job, Self.limitError(kind, .never, ticket, now: now), &state)
        }
        return !hopeless.isEmpty
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

extension Engine {
    /// Ends every unsent call that would go out with a key that upstream has just refused: each would be answered so.
    ///
    /// Whoever asks from now on is tried: the key may have been mended meanwhile, and a refusal costs nothing. Called
    /// before the slot is given back.
    func endBacklog(of project: String, _ error: WireError) {
        guard error.isOfCredential else { return }
        state.withLock { state in
            for id in state.scheduler.jobs(behind: GateKey(project: state.scheduler.quota(of: project), model: nil)) {
                guard let call = state[id], call.isIdle, call.ticket.home == project, call.ticket.overflow.isEmpty
                else {
                    continue
                }
                handOver(id, error, &state)
            }
        }
    }
}

extension WireError {
    /// That every request with the same credential comes to the same: it has to be replaced, or its project mended.
    fileprivate var isOfCredential: Bool {
        switch kind {
        case .keyRejected, .keyLeaked, .serviceDisabled: true
        case .wrongHost: [401, 403].contains(upstream?.httpStatus)
        // Of the restrictions those of the key itself; what an account may not do can be one model.
        case .keyRestricted:
            finishReason == "PUP_LIMITED_DISABLED" || upstream?.reason?.hasPrefix("API_KEY_") == true
        default: false
        }
    }

    /// Says when what is shut opens again, and who may open it before.
    mutating func tellOpening(_ until: Int64, project: String) {
        if until == Gate.untilOpened || kind == .spendCap {
            hint = (hint.map { $0 + "; " } ?? "") + "then: darkroom admin resume \(project)"
        }
        guard until != Gate.untilOpened else { return }
        let time = Timestamp(milliseconds: until)
        resetsAt = time
        if hint == nil { hint = "it opens again at \(time)" }
    }

    /// The end of a job whose deadline came while its project was paused.
    static func paused(_ project: String) -> WireError {
        WireError(
            .paused, "project \(project) is paused, and still was at the deadline",
            hint: "ask again later, or have an admin act: darkroom admin resume \(project)", retryable: true,
            charged: .no)
    }
}

extension WindowKind {
    /// What a job that waits for a window of this kind, or is refused for it, is told.
    var errorKind: ErrorKind {
        switch self {
        case .requestsPerMinute, .inputTokensPerMinute, .imagesPerMinute: .quotaMinute
        case .requestsPerDay: .quotaDay
        case .spendPer10Minutes, .spendPerDay, .spendPerMonth: .overBudget
        }
    }
}

extension Obstacle {
    /// Why a job waits, in the protocol's words.
    var reason: ErrorKind {
        switch self {
        case .gate(let gate): ErrorKind(rawValue: gate.reason)
        case .window(let window): window.kind.errorKind
        }
    }
}
