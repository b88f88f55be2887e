// Gates: what holds jobs back although a slot is free, until a known time.

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
    /// Milliseconds since 1970.
    package var until: Int64
    /// Why, in the words of the one that shut it.
    package var reason: String

    package init(until: Int64, reason: String) {
        self.until = until
        self.reason = reason
    }
}

extension Scheduler {
    /// Shuts a gate; one that is shut for longer stays as it is.
    package mutating func shut(_ key: GateKey, _ gate: Gate) {
        if let standing = gates[key], standing.until >= gate.until { return }
        gates[key] = gate
    }

    package mutating func open(_ key: GateKey) { gates[key] = nil }

    /// The gate that holds this model back, the one that opens last if there are two.
    package func shutGate(project: String, model: String, now: Int64) -> Gate? {
        let both = [gates[GateKey(project: project, model: nil)], gates[GateKey(project: project, model: model)]]
        return both.compactMap { $0 }.filter { $0.until > now }.max { $0.until < $1.until }
    }

    package func isShut(_ key: GateKey, now: Int64) -> Bool { gates[key].map { $0.until > now } ?? false }

    /// When the next gate opens, so that somebody may ask again; opened gates are forgotten.
    package mutating func nextOpening(now: Int64) -> Int64? {
        gates = gates.filter { $0.value.until > now }
        return gates.values.map(\.until).min()
    }

    /// Every unstarted job that a gate holds back.
    package func jobs(behind key: GateKey) -> [Job] {
        tickets.values
            .filter { $0.project == key.project && (key.model == nil || $0.model == key.model) }
            .map(\.job)
    }
}
