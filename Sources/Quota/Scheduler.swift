// Who goes next: bounded queues, fairness between principals, interactive before bulk, slots and gates.
//
// Pure. Times are milliseconds since 1970 that the caller passes in, so that a week can be simulated in a second.
// No operation is linear in the number of queued jobs but the one that asks for all jobs behind a gate.

/// Decides which job starts next; holds every job that has not started, and counts those that have.
package struct Scheduler<Job: Hashable & Sendable>: Sendable {
    /// What bounds a scheduler.
    package struct Bounds: Sendable, Equatable {
        /// Most unstarted jobs in total.
        package var total: Int
        /// Most unstarted jobs of one principal.
        package var perPrincipal: Int
        /// A waiting bulk job starts at the latest after this many interactive starts in its project.
        package var interactiveRun: Int

        package init(total: Int, perPrincipal: Int, interactiveRun: Int = 8) {
            self.total = total
            self.perPrincipal = perPrincipal
            self.interactiveRun = interactiveRun
        }
    }

    let bounds: Bounds
    var projects: [String: ProjectQueue<Job>] = [:]
    var tickets: [Job: Ticket<Job>] = [:]
    var seatsTaken: [UInt32: Int] = [:]
    var gates: [GateKey: Gate] = [:]

    /// - Parameters:
    ///   - bounds: How much may be queued.
    ///   - slots: How many jobs of each project may be under way at once, by project name.
    package init(bounds: Bounds, slots: [String: Int]) {
        self.bounds = bounds
        for (name, count) in slots { projects[name] = ProjectQueue(slots: count) }
    }

    /// Unstarted jobs, those that are not durable yet included.
    package var queuedCount: Int { tickets.count }

    /// Jobs that hold a slot.
    package var inFlightCount: Int { projects.values.reduce(0) { $0 + $1.inFlight } }

    /// Places in line, those of withdrawn jobs included: at most twice the queued jobs and 33 for each line.
    package var entryCount: Int { projects.values.reduce(0) { $0 + $1.entryCount } }

    package func queuedCount(project: String) -> Int { projects[project]?.seated ?? 0 }
    package func inFlightCount(project: String) -> Int { projects[project]?.inFlight ?? 0 }
}

/// A job on its way to a slot.
package struct Ticket<Job: Hashable & Sendable>: Sendable {
    package enum Class: Sendable, CaseIterable { case interactive, bulk }

    package var job: Job
    /// The uid that shares of the queue are reckoned by.
    package var principal: UInt32
    package var project: String
    /// As sent: what upstream counts.
    package var model: String
    package var `class`: Class
    /// Its place among all of its project that ever stood in line; nil until it does.
    var arrival: Int?

    package init(job: Job, principal: UInt32, project: String, model: String, `class`: Class) {
        self.job = job
        self.principal = principal
        self.project = project
        self.model = model
        self.class = `class`
    }
}

/// What a new job is told.
package enum Admission: Sendable, Equatable {
    /// It has a slot already: nobody was ahead and no gate was shut.
    case start
    /// It has a seat; `enqueue` puts it in line once it is durable.
    case queue
    case refused(Full)

    package enum Full: Sendable, Equatable {
        /// The principal has as many unstarted jobs as one may have.
        case principal
        case total
    }
}

extension Scheduler {
    /// Gives a job a slot or a seat; the caller gives it back with `withdraw` when the job could not be made durable.
    package mutating func admit(_ ticket: Ticket<Job>, mayStart: Bool, now: Int64) -> Admission {
        let seats = seatsTaken[ticket.principal, default: 0]
        if mayStart, let project = projects[ticket.project], project.hasFreeSlot, project.lined == 0,
            shutGate(project: ticket.project, model: ticket.model, now: now) == nil
        {
            projects[ticket.project]?.inFlight += 1
            return .start
        }
        guard tickets.count < bounds.total else { return .refused(.total) }
        guard seats < bounds.perPrincipal else { return .refused(.principal) }
        seat(ticket)
        return .queue
    }

    /// Gives a seat without asking the bounds: for jobs that were admitted before a restart, or go back after
    /// a refusal.
    package mutating func seat(_ ticket: Ticket<Job>) {
        guard tickets[ticket.job] == nil else { return }
        var ticket = ticket
        ticket.arrival = nil
        tickets[ticket.job] = ticket
        seatsTaken[ticket.principal, default: 0] += 1
        projects[ticket.project, default: ProjectQueue(slots: 1)].seated += 1
    }

    /// Puts a seated job in line, if it is not there; one that comes back from a refusal goes before its principal's
    /// others.
    package mutating func enqueue(_ job: Job, first: Bool = false) {
        guard var ticket = tickets[job], ticket.arrival == nil else { return }
        projects[ticket.project]?.append(&ticket, first: first)
        tickets[job] = ticket
    }

    /// Takes the next job and its slot, or nothing: no job, no free slot, or only shut gates.
    package mutating func next(now: Int64) -> Ticket<Job>? {
        for name in projects.keys.sorted() {
            guard var project = projects.removeValue(forKey: name) else { continue }
            defer { projects[name] = project }
            guard project.hasFreeSlot, project.lined > 0 else { continue }
            let taken = project.take(interactiveRun: bounds.interactiveRun) { entry, model in
                guard tickets[entry.job]?.arrival == entry.arrival else { return .gone }
                return shutGate(project: name, model: model, now: now) == nil ? .open : .shut
            }
            guard let job = taken, let ticket = tickets[job] else { continue }
            leave(ticket)
            project.seated -= 1
            project.inFlight += 1
            return ticket
        }
        return nil
    }

    /// Takes an unstarted job out, wherever it stands; false when it was not there.
    @discardableResult
    package mutating func withdraw(_ job: Job) -> Bool {
        guard let ticket = tickets[job] else { return false }
        leave(ticket)
        projects[ticket.project]?.seated -= 1
        let tickets = tickets
        projects[ticket.project]?.forget(ticket) { tickets[$0.job]?.arrival == $0.arrival }
        return true
    }

    /// Gives back the slot of a job of this project.
    package mutating func release(project: String) {
        projects[project]?.inFlight -= 1
    }

    /// Changes how many jobs of a project may be under way at once.
    package mutating func setSlots(_ count: Int, project: String) {
        projects[project, default: ProjectQueue(slots: count)].slots = count
    }

    private mutating func leave(_ ticket: Ticket<Job>) {
        tickets[ticket.job] = nil
        let seats = seatsTaken[ticket.principal, default: 1] - 1
        seatsTaken[ticket.principal] = seats > 0 ? seats : nil
    }
}
