// Gates: what holds jobs back although a slot is free, until a known time.
//
// A gate that a refusal has shut does not let everybody through when its time has come: one goes first, and the others
// when that one was not refused.

/// What a gate stands before: a whole project, or one model of it.
package struct GateKey: Sendable, Hashable {
    package var project: String
    /// Nil: every model of the project.
    package var model: String?

    package init(project: String, model: String?) {
        self.project = project
        self.model = model
    }
}

/// A gate that is shut until a time.
package struct Gate: Sendable, Equatable {
    /// The `until` of a gate that opens only when somebody opens it.
    package static let untilOpened = Int64.max
    /// The reason of a project that an admin has paused.
    package static let paused = "paused"

    /// Milliseconds since 1970.
    package var until: Int64
    /// Why, in the words of the one that shut it.
    package var reason: String
    /// That one request goes first when the time has come.
    package var isProbed: Bool
    /// How long after its start a probe that was not refused counts as let in; nil: it must have ended well.
    package var patience: Int64?
    /// That `until` is a time of the calendar, which a clock that was set does not move.
    package var isOfCalendar: Bool
    /// That its time has come and one request is trying it.
    package internal(set) var isTried = false

    /// That it stands before a model without room, not before a limit.
    var isBreaker: Bool { isProbed && patience == nil }

    package init(
        until: Int64, reason: String, isProbed: Bool = false, patience: Int64? = nil, isOfCalendar: Bool = false
    ) {
        self.until = until
        self.reason = reason
        self.isProbed = isProbed
        self.patience = patience
        self.isOfCalendar = isOfCalendar
    }
}

/// All gates of all projects, and who probes them.
struct Gates<Job: Hashable & Sendable>: Sendable {
    struct Probe: Sendable {
        let job: Job
        let startedAt: Int64
    }

    /// What is assumed of a probe that must end first, for forecasts.
    static var usualProbe: Int64 { 30_000 }

    var shut: [GateKey: Gate] = [:]
    private var probes: [GateKey: Probe] = [:]
    var paused: Set<String> = []
    /// Before every project.
    var everywhere: Gate?

    mutating func shut(_ key: GateKey, _ gate: Gate) {
        // Whoever probed it has been answered by this.
        probes[key] = nil
        if let standing = shut[key], standing.until >= gate.until { return }
        shut[key] = gate
    }

    mutating func open(_ key: GateKey) {
        shut[key] = nil
        probes[key] = nil
    }

    /// The gate before this model that opens last.
    func standing(project: String, model: String, now: Int64) -> Gate? {
        var last = everywhere.flatMap { $0.until > now ? $0 : nil }
        guard !shut.isEmpty else { return last }
        for key in [GateKey(project: project, model: model), GateKey(project: project, model: nil)] {
            guard let gate = standing(key, now: now), gate.until > last?.until ?? .min else { continue }
            last = gate
        }
        return last
    }

    /// A gate as it is for those who are not its probe.
    func standing(_ key: GateKey, now: Int64) -> Gate? {
        guard var gate = shut[key] else { return nil }
        if gate.until > now { return gate }
        guard let probe = probes[key] else { return nil }
        gate.until = max(now + 1, probe.startedAt + (gate.patience ?? Self.usualProbe))
        gate.isTried = true
        if let patience = gate.patience, probe.startedAt + patience <= now { return nil }
        return gate
    }

    func isProbed(_ key: GateKey, by job: Job) -> Bool { probes[key]?.job == job }

    /// Takes note that a job passes: it probes what has just opened.
    mutating func passed(_ job: Job, project: String, model: String, now: Int64) {
        guard !shut.isEmpty else { return }
        for key in [GateKey(project: project, model: nil), GateKey(project: project, model: model)] {
            guard let gate = shut[key], gate.until <= now else { continue }
            if gate.isProbed, probes[key] == nil {
                probes[key] = Probe(job: job, startedAt: now)
            } else {
                open(key)
            }
        }
    }

    /// Lets one job try what refusals have shut before a project and its models, before its time.
    mutating func tryOpening(project: String, now: Int64) {
        for (key, gate) in shut where key.project == project && gate.until > now && !gate.isBreaker {
            shut[key]?.until = now
            shut[key]?.isProbed = true
        }
    }

    /// Opens what a job has probed, or leaves it to another probe when this one has shown nothing.
    mutating func ended(_ job: Job, project: String, model: String, isAnswered: Bool) {
        guard !probes.isEmpty else { return }
        for key in [GateKey(project: project, model: nil), GateKey(project: project, model: model)] {
            guard probes[key]?.job == job else { continue }
            if isAnswered { open(key) } else { probes[key] = nil }
        }
    }

    /// When the next one opens, that of a probe's patience included.
    func nextOpening(now: Int64) -> Int64? {
        let times = shut.compactMap { key, gate -> Int64? in
            if gate.until > now { return gate.until == Gate.untilOpened ? nil : gate.until }
            guard let probe = probes[key], let patience = gate.patience else { return nil }
            let time = probe.startedAt + patience
            return time > now ? time : nil
        }
        return [times.min(), everywhere.flatMap { $0.until > now ? $0.until : nil }].compactMap { $0 }.min()
    }

    /// Forgets gates that hold nobody back.
    mutating func forgetOpened(now: Int64) {
        shut = shut.filter { $0.value.until > now || $0.value.isProbed }
    }

    mutating func shift(by step: Int64) {
        everywhere?.until += step
        for (key, gate) in shut where gate.until != Gate.untilOpened && !gate.isOfCalendar {
            shut[key]?.until = gate.until + step
        }
        probes = probes.mapValues { Probe(job: $0.job, startedAt: $0.startedAt + step) }
    }
}

extension Scheduler {
    /// Shuts a gate; one that is shut for longer stays as it is.
    package mutating func shut(_ key: GateKey, _ gate: Gate) { gates.shut(key, gate) }

    /// Holds everything back that has not started, until a time or until `openEverywhere`, whichever comes first.
    ///
    /// - Returns: Whether nothing of the kind was noted: a gate whose time has come is, until somebody opens it.
    @discardableResult
    package mutating func shutEverywhere(_ gate: Gate) -> Bool {
        defer { gates.everywhere = gate }
        return gates.everywhere == nil
    }

    package mutating func openEverywhere() { gates.everywhere = nil }

    /// The gate before every project, also when its time has come.
    package var gateEverywhere: Gate? { gates.everywhere }

    /// The gate itself, a pause aside.
    package func gate(_ key: GateKey) -> Gate? { gates.shut[key] }

    /// The gate that holds this model back, the one that opens last if there are two; a paused project is one too.
    package func shutGate(project: String, model: String, now: Int64) -> Gate? {
        if gates.paused.contains(project) { return Gate(until: Gate.untilOpened, reason: Gate.paused) }
        return gates.standing(project: quota(of: project), model: model, now: now)
    }

    /// That a job which has started must not go out after all: what has been shut since then is not a gate that it
    /// probes.
    package func isShut(to ticket: Ticket<Job>, now: Int64) -> Bool {
        if gates.paused.contains(ticket.project) { return true }
        let quota = quota(of: ticket.project)
        return [GateKey(project: quota, model: nil), GateKey(project: quota, model: ticket.model)].contains { key in
            gates.standing(key, now: now) != nil && !gates.isProbed(key, by: ticket.job)
        }
    }

    package func isShut(_ key: GateKey, now: Int64) -> Bool { gates.standing(key, now: now) != nil }

    /// When the next gate or window opens, so that somebody may ask again.
    package mutating func nextOpening(now: Int64) -> Int64? {
        gates.forgetOpened(now: now)
        let windows = windowsOpenAt.flatMap { $0 > now ? $0 : nil }
        return [gates.nextOpening(now: now), windows].compactMap { $0 }.min()
    }

    /// Every unstarted job that a gate holds back, those included that another project may serve.
    package func jobs(behind key: GateKey) -> [Job] {
        tickets.values
            .filter { ticket in
                guard key.model == nil || ticket.model == key.model else { return false }
                return quota(of: ticket.project) == key.project
                    || ticket.overflow.contains { quota(of: $0) == key.project }
            }
            .map(\.job)
    }

    /// Stops starting jobs of a project; they are still taken in and wait.
    package mutating func pause(project: String) { gates.paused.insert(project) }

    /// Starts jobs of a project again, and lets one of them try what a limit has shut: somebody has acted, so it may be
    /// open.
    ///
    /// A model without room is left alone for as long as it would be.
    package mutating func resume(project: String, now: Int64) {
        gates.paused.remove(project)
        gates.tryOpening(project: quota(of: project), now: now)
    }

    package func isPaused(project: String) -> Bool { gates.paused.contains(project) }
}
