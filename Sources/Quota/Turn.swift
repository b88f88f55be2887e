// Whose turn it is: each project serves its own queue first; what it has no room for may go to another project.

extension Scheduler {
    /// Takes the next job and its slot, or nothing: no job, no free slot, or only shut gates and windows.
    ///
    /// A job that is held back by a window keeps its turn: others of its model, or of its project if it is the money
    /// that is short, do not overtake it.
    ///
    /// - Returns: The job; its `project` is the one that serves it.
    package mutating func next(now: Int64) -> Ticket<Job>? {
        windowsOpenAt = nil
        if let gate = gates.everywhere, gate.until > now { return nil }
        let names = projects.keys.sorted()
        let order = names.filter { $0 > lastServed } + names.filter { $0 <= lastServed }
        for name in order {
            guard let ticket = take(from: name, now: now) else { continue }
            lastServed = name
            return ticket
        }
        guard overflowing > 0 else { return nil }
        for name in order {
            guard let ticket = lend(from: name, now: now) else { continue }
            lastServed = name
            return ticket
        }
        return nil
    }

    /// Takes the next job of a project for itself.
    private mutating func take(from name: String, now: Int64) -> Ticket<Job>? {
        let company = company(in: name, now: now)
        guard var project = projects.removeValue(forKey: name) else { return nil }
        // Else those of its principal who are not paced would always be before it.
        let isTurnOfBulk = project.isTurnOfBulk(interactiveRun: bounds.interactiveRun)
        var held = Held()
        var taken: Job?
        if project.hasFreeSlot, project.lined > 0, !gates.paused.contains(name) {
            taken = project.take(interactiveRun: bounds.interactiveRun) { entry, model in
                guard let ticket = tickets[entry.job], ticket.arrival == entry.arrival else { return .gone }
                let isPaced =
                    ticket.class == .bulk && isTurnOfBulk
                    ? company == .several : isPaced(ticket, company)
                return passage(of: ticket, model, name, &held, isPaced: isPaced, now: now)
            }
        }
        projects[name] = project
        guard let taken, let ticket = tickets[taken] else { return nil }
        leave(ticket)
        projects[name]?.rise(ticket)
        start(ticket, now: now)
        return ticket
    }

    /// What is known to be held back during one look through the lines.
    private struct Held {
        var models: Set<String> = []
        /// Bulk alone, which leaves a part of the day to the others.
        var bulkModels: Set<String> = []
        var everything = false
    }

    private mutating func passage(
        of ticket: Ticket<Job>, _ model: String, _ name: String, _ held: inout Held, isPaced: Bool, now: Int64
    ) -> Passage {
        let isBulk = ticket.class == .bulk
        if isAtItsMost(ticket) { return .shut }
        if held.everything || held.models.contains(model) || isBulk && held.bulkModels.contains(model) { return .shut }
        switch obstacle(to: ticket, in: name, isPaced: isPaced, now: now) {
        case nil: return .open
        case .gate: held.models.insert(model)
        case .window(let window):
            if case .at(let time) = window.opening { windowsOpenAt = min(windowsOpenAt ?? time, time) }
            if window.opening == .never {
                // Another project may have a limit that it fits.
                if ticket.overflow.allSatisfy({ obstacle(to: ticket, in: $0, now: now)?.isForEver == true }) {
                    hopeless[ticket.job] = window.kind
                }
            } else if window.kind.isSpend {
                held.everything = true
            } else if window.kind == .requestsPerDay {
                // A used-up day is the same for all of the model's.
                if isBulk {
                    held.bulkModels.insert(model)
                } else {
                    held.models.insert(model)
                    if case .at = window.opening {
                        usedUpDays.insert(GateKey(project: quota(of: name), model: model))
                    }
                }
            } else {
                held.models.insert(model)
            }
        }
        return .shut
    }

    /// Takes the next job of a project for another that has room.
    private mutating func lend(from name: String, now: Int64) -> Ticket<Job>? {
        guard var project = projects.removeValue(forKey: name) else { return nil }
        var server: String?
        var taken: Job?
        if project.lined > 0 {
            taken = project.take(interactiveRun: bounds.interactiveRun) { entry, _ in
                guard let ticket = tickets[entry.job], ticket.arrival == entry.arrival else { return .gone }
                server = isAtItsMost(ticket) ? nil : ticket.overflow.first { mayServe($0, ticket, now: now) }
                return server == nil ? .shut : .open
            }
        }
        projects[name] = project
        guard let taken, let server, var ticket = tickets[taken] else { return nil }
        leave(ticket)
        projects[name]?.rise(ticket)
        ticket.lender = name
        ticket.project = server
        start(ticket, now: now)
        return ticket
    }

    /// Whether another project has room for a job now; when its windows open, `next` is asked again.
    private mutating func mayServe(_ other: String, _ ticket: Ticket<Job>, now: Int64) -> Bool {
        guard projects[other]?.hasFreeSlot ?? false, !isPaused(project: other) else { return false }
        let obstacle = obstacle(to: ticket, in: other, now: now)
        if case .window(let window) = obstacle, case .at(let time) = window.opening {
            windowsOpenAt = min(windowsOpenAt ?? time, time)
        }
        return obstacle == nil
    }

    /// Models whose day is used up while interactive jobs wait for it, each told once until `next` finds it again.
    package mutating func takeUsedUpDays() -> Set<GateKey> {
        defer { usedUpDays = [] }
        return usedUpDays
    }

    /// Takes out the jobs that no waiting helps: each is more than a whole limit, which may have been learnt since it
    /// was admitted.
    package mutating func takeHopeless() -> [(ticket: Ticket<Job>, limit: WindowKind)] {
        let found = hopeless.compactMap { job, kind in tickets[job].map { (ticket: $0, limit: kind) } }
        hopeless = [:]
        for one in found { withdraw(one.ticket.job) }
        return found
    }
}
