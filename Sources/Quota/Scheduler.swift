// Who goes next: bounded queues, fairness between principals, interactive before bulk, slots, gates and windows.
//
// Pure. Times are milliseconds since 1970 that the caller passes in, so that a week can be simulated in a second.
// No operation is linear in the number of queued jobs but the one that asks for all jobs behind a gate.
//
// A started job is told of once more, with `finish`.

/// Decides which job starts next; holds every job that has not started, and counts those that have.
package struct Scheduler<Job: Hashable & Sendable>: Sendable {
    /// What bounds a scheduler.
    package struct Bounds: Sendable, Equatable {
        /// Most unstarted jobs in total; a tenth more of those whose principals have less than a tenth each.
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

    package var bounds: Bounds
    var projects: [String: ProjectQueue<Job>] = [:]
    /// Projects that share the windows and gates of another, by name; the others have their own.
    var quotas: [String: String] = [:]
    /// The project that was served last: the others come first, since they may share its windows.
    var lastServed = ""
    var tickets: [Job: Ticket<Job>] = [:]
    var seatsTaken: [UInt32: Int] = [:]
    /// Jobs under way, by principal.
    var underWay: [UInt32: Int] = [:]
    var gates = Gates<Job>()
    var strikes: [GateKey: Strikes] = [:]
    /// Limits and what was used of them.
    package var windows: Windows
    /// What the jobs under way have taken of the windows.
    var charges: [Job: Charge] = [:]
    /// The earliest opening of a window that `next` has found shut.
    var windowsOpenAt: Int64?
    /// Queued jobs that another project may serve.
    var overflowing = 0
    /// Models whose day `next` has found used up while interactive jobs wait for it.
    var usedUpDays: Set<GateKey> = []
    /// Queued jobs that no waiting helps.
    var hopeless: [Job: WindowKind] = [:]

    /// - Parameters:
    ///   - bounds: How much may be queued.
    ///   - slots: How many jobs of each project may be under way at once, by project name.
    ///   - windows: The limits; without, nothing but slots and gates holds a job back.
    package init(bounds: Bounds, slots: [String: Int], windows: Windows = Windows()) {
        self.bounds = bounds
        self.windows = windows
        for (name, count) in slots { projects[name] = ProjectQueue(slots: count) }
    }

    /// Unstarted jobs, those that are not durable yet included.
    package var queuedCount: Int { tickets.count }

    /// Jobs that hold a slot.
    package var inFlightCount: Int { projects.values.reduce(0) { $0 + $1.inFlight } }

    /// Places in line, those of withdrawn jobs included: at most twice the queued jobs and 33 for each line.
    package var entryCount: Int { projects.values.reduce(0) { $0 + $1.entryCount } }

    /// The name under which the windows and gates of a project stand: its own, or that of one it shares them with.
    package func quota(of project: String) -> String { quotas[project] ?? project }

    /// Sets which projects share the windows and gates of another; what was counted stays under its name.
    package mutating func share(_ quotas: [String: String]) { self.quotas = quotas }

    package func queuedCount(project: String) -> Int { projects[project]?.seated ?? 0 }
    package func queuedBulkCount(project: String) -> Int { projects[project]?.seatedBulk ?? 0 }
    package func inFlightCount(project: String) -> Int { projects[project]?.inFlight ?? 0 }
}

extension Scheduler {
    /// Gives a job a slot or a seat; the caller gives it back with `withdraw` when the job could not be made durable,
    /// or with `finish` and `unsent` when it had a slot.
    package mutating func admit(_ ticket: Ticket<Job>, mayStart: Bool, now: Int64) -> Admission {
        let seats = seatsTaken[ticket.principal, default: 0]
        if mayStart, let project = projects[ticket.project], project.hasFreeSlot, project.lined == 0,
            !isAtItsMost(ticket), obstacle(to: ticket, now: now) == nil
        {
            start(ticket, now: now)
            return .start
        }
        // A house that others have filled has a few seats more for those who have next to none.
        let spare = bounds.total / 10
        let most = seats < max(spare, 1) ? bounds.total + spare : bounds.total
        guard tickets.count < most else { return .refused(.total) }
        guard seats < min(bounds.perPrincipal, ticket.mostQueued ?? .max) else { return .refused(.principal) }
        seat(ticket)
        return .queue
    }

    /// Makes room for so many more jobs at once.
    package mutating func reserve(_ count: Int) { tickets.reserveCapacity(tickets.count + count) }

    /// Gives a seat without asking the bounds: for jobs that were admitted before a restart, or go back after
    /// a refusal.
    package mutating func seat(_ ticket: Ticket<Job>) {
        guard tickets[ticket.job] == nil else { return }
        var ticket = ticket
        ticket.arrival = nil
        ticket.project = ticket.home
        ticket.lender = nil
        tickets[ticket.job] = ticket
        seatsTaken[ticket.principal, default: 0] += 1
        projects[ticket.project, default: ProjectQueue(slots: 1)].sit(ticket)
        if !ticket.overflow.isEmpty { overflowing += 1 }
    }

    /// Puts a seated job in line, if it is not there; one that comes back from a refusal goes before its principal's
    /// others.
    package mutating func enqueue(_ job: Job, first: Bool = false) {
        guard var ticket = tickets[job], ticket.arrival == nil else { return }
        projects[ticket.project]?.append(&ticket, first: first)
        tickets[job] = ticket
    }

    /// Takes an unstarted job out, wherever it stands; false when it was not there.
    @discardableResult
    package mutating func withdraw(_ job: Job) -> Bool {
        guard let ticket = tickets[job] else { return false }
        leave(ticket)
        projects[ticket.project]?.rise(ticket)
        let tickets = tickets
        projects[ticket.project]?.forget(ticket) { tickets[$0.job]?.arrival == $0.arrival }
        return true
    }

    /// What would keep this job from starting now, slots and the queue aside; its own project alone is looked at.
    package func obstacle(to ticket: Ticket<Job>, now: Int64) -> Obstacle? {
        obstacle(to: ticket, in: ticket.project, now: now)
    }

    func obstacle(to ticket: Ticket<Job>, in project: String, now: Int64) -> Obstacle? {
        obstacle(to: ticket, in: project, isPaced: isPaced(ticket, company(in: project, now: now)), now: now)
    }

    func obstacle(to ticket: Ticket<Job>, in project: String, isPaced: Bool, now: Int64) -> Obstacle? {
        if let gate = shutGate(project: project, model: ticket.model, now: now) { return .gate(gate) }
        return windows.obstacle(
            ticket.demand, project: quota(of: project), model: ticket.model,
            Manner(isBulk: ticket.class == .bulk, isPaced: isPaced), now: now
        ).map(Obstacle.window)
    }

    /// What holds a waiting job back, in all the projects that may serve it: of those obstacles the one that goes away
    /// first; nil where there is none, or where a limit is merely spread over its time.
    package func standstill(of ticket: Ticket<Job>, now: Int64) -> Obstacle? {
        var soonest: Obstacle?
        for project in [ticket.home] + ticket.overflow {
            switch obstacle(to: ticket, in: project, now: now) {
            case nil: return nil
            case .window(let window) where window.isPaced: return nil
            case let found?:
                if let standing = soonest, standing.until ?? .max <= found.until ?? .max { continue }
                soonest = found
            }
        }
        return soonest
    }

    /// Interactive jobs of a principal that has a project to itself may use its windows at once.
    func isPaced(_ ticket: Ticket<Job>, _ company: Company) -> Bool {
        ticket.class == .bulk || company.hasOther(than: ticket.principal)
    }

    /// Who shares the windows of a project.
    func company(in project: String, now: Int64) -> Company {
        var company = Company.nobody
        guard !quotas.isEmpty else {
            projects[project]?.join(&company, now: now)
            return company
        }
        let quota = quota(of: project)
        for (name, queue) in projects where self.quota(of: name) == quota { queue.join(&company, now: now) }
        return company
    }

    /// That its principal has as many jobs under way as it may have.
    func isAtItsMost(_ ticket: Ticket<Job>) -> Bool {
        ticket.mostUnderWay.map { underWay[ticket.principal, default: 0] >= $0 } ?? false
    }

    /// Gives a job that is no longer queued a slot of `ticket.project`, and counts it.
    mutating func start(_ ticket: Ticket<Job>, now: Int64) {
        let isBulk = ticket.class == .bulk
        projects[ticket.project]?.inFlight += 1
        underWay[ticket.principal, default: 0] += 1
        projects[ticket.project]?.pace.started(ticket.demand, isBulk: isBulk, now: now)
        projects[ticket.project]?.noteStart(of: ticket.principal, now: now)
        let quota = quota(of: ticket.project)
        gates.passed(ticket.job, project: quota, model: ticket.model, now: now)
        charges[ticket.job] = windows.charge(
            ticket.demand, project: quota, model: ticket.model, isBulk: isBulk, now: now)
    }

    /// Takes note that a started job's request is on its way.
    ///
    /// It was counted when its turn came, before there was a connection for it; it counts for upstream when it arrives.
    package mutating func left(_ job: Job, now: Int64) {
        guard var charge = charges.removeValue(forKey: job) else { return }
        windows.left(&charge, now: now)
        charges[job] = charge
    }

    /// Takes a started job back: its slot, its share of the windows, and what its ending says about gates.
    ///
    /// A refused job is given to `refused` first, so that nobody runs into the same refusal.
    package mutating func finish(_ ticket: Ticket<Job>, _ ending: Ending, now: Int64) {
        projects[ticket.project]?.inFlight -= 1
        let others = underWay[ticket.principal, default: 1] - 1
        underWay[ticket.principal] = others > 0 ? others : nil
        let quota = quota(of: ticket.project)
        var isAnswered = false
        if case .answered = ending {
            isAnswered = true
            strikes[GateKey(project: quota, model: ticket.model)] = nil
        }
        gates.ended(ticket.job, project: quota, model: ticket.model, isAnswered: isAnswered)
        guard let charge = charges.removeValue(forKey: ticket.job) else { return }
        switch ending {
        case .answered(let cost): windows.settle(charge, costMicros: cost, now: now)
        case .refused: windows.settle(charge, costMicros: 0, now: now)
        case .unsent: windows.takeBack(charge, now: now)
        case .unknown: windows.settle(charge, costMicros: charge.demand.holdMicros, now: now)
        }
    }

    /// Changes how many jobs of a project may be under way at once.
    package mutating func setSlots(_ count: Int, project: String) {
        projects[project, default: ProjectQueue(slots: count)].slots = count
    }

    /// Moves what is remembered by elapsed time, when the wall clock was set by this many milliseconds.
    ///
    /// Rolling windows and waits last as long as they would have; days begin when the new clock says so.
    package mutating func clockWasSet(by step: Int64) {
        windows.clockWasSet(by: step)
        gates.shift(by: step)
        windowsOpenAt = windowsOpenAt.map { $0 + step }
        for name in projects.keys { projects[name]?.shift(by: step) }
        for key in strikes.keys where strikes[key]?.bareSince != .min { strikes[key]?.bareSince += step }
        for (job, charge) in charges {
            for place in charge.counted.indices { charges[job]?.counted[place].bucket += step }
        }
    }

    mutating func leave(_ ticket: Ticket<Job>) {
        tickets[ticket.job] = nil
        hopeless[ticket.job] = nil
        if !ticket.overflow.isEmpty { overflowing -= 1 }
        let seats = seatsTaken[ticket.principal, default: 1] - 1
        seatsTaken[ticket.principal] = seats > 0 ? seats : nil
    }
}
