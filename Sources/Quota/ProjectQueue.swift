// The unstarted jobs of one project: two priority classes, in each a ring of principals, for each one line per model.
//
// Lines are per model because gates are: a job behind a shut gate must not hold up its principal's others.

/// Whether the job at the head of a line may go.
enum Passage { case open, shut, gone }

/// Whose jobs share the windows of a project.
enum Company: Sendable, Equatable {
    case nobody
    case one(UInt32)
    case several

    mutating func add(_ principal: UInt32) {
        switch self {
        case .nobody: self = .one(principal)
        case .one(let other): if other != principal { self = .several }
        case .several: break
        }
    }

    func hasOther(than principal: UInt32) -> Bool {
        switch self {
        case .nobody: false
        case .one(let other): other != principal
        case .several: true
        }
    }
}

/// The jobs of one project and its slots.
struct ProjectQueue<Job: Hashable & Sendable>: Sendable {
    var slots: Int
    var inFlight = 0
    /// Seated jobs, in line or not yet; and the bulk ones of them.
    private(set) var seated = 0
    private(set) var seatedBulk = 0
    /// Interactive starts since the last bulk start.
    private var interactiveRun = 0
    /// Arrivals at the end of a line count up from 1, at its head down from -1: a lower one came first.
    private var lastArrival = 0
    private var lastReturn = 0
    private(set) var interactive = Ring<Job>()
    private(set) var bulk = Ring<Job>()
    var upstream = UpstreamTimes()
    var pace = Pace()
    /// The two that started something last, and when; two are enough to know for each of them whether it was alone.
    private var starters: [(principal: UInt32, at: Int64)] = []

    /// How long a principal that has nothing queued counts as one that shares, after its last start.
    private static var companyLength: Int64 { 600_000 }

    init(slots: Int) { self.slots = slots }

    var hasFreeSlot: Bool { inFlight < slots }
    var lined: Int { interactive.count + bulk.count }

    var entryCount: Int { interactive.entryCount + bulk.entryCount }

    mutating func sit(_ ticket: Ticket<Job>) {
        seated += 1
        if ticket.class == .bulk { seatedBulk += 1 }
    }

    mutating func rise(_ ticket: Ticket<Job>) {
        seated -= 1
        if ticket.class == .bulk { seatedBulk -= 1 }
    }

    mutating func noteStart(of principal: UInt32, now: Int64) {
        starters.removeAll { $0.principal == principal }
        starters = [(principal, now)] + starters.prefix(1)
    }

    /// Adds those who have something in line, and those who have started something lately.
    func join(_ company: inout Company, now: Int64) {
        for starter in starters where starter.at + Self.companyLength > now { company.add(starter.principal) }
        for principal in interactive.waiting { company.add(principal) }
        for principal in bulk.waiting { company.add(principal) }
    }

    /// That a bulk job has waited for as many interactive starts as it must bear.
    func isTurnOfBulk(interactiveRun bound: Int) -> Bool { interactiveRun >= bound && bulk.count > 0 }

    mutating func shift(by step: Int64) {
        pace.shift(by: step)
        for place in starters.indices { starters[place].at += step }
    }

    /// Puts a job at the end of its line, or at its head, and numbers its ticket.
    mutating func append(_ ticket: inout Ticket<Job>, first: Bool) {
        if first { lastReturn -= 1 } else { lastArrival += 1 }
        let arrival = first ? lastReturn : lastArrival
        ticket.arrival = arrival
        switch ticket.class {
        case .interactive: interactive.append(ticket, arrival)
        case .bulk: bulk.append(ticket, arrival)
        }
    }

    /// Takes the next job whose line is open; interactive before bulk, bulk at the latest after
    /// `interactiveRun` of those.
    mutating func take(interactiveRun bound: Int, passage: (Line<Job>.Entry, String) -> Passage) -> Job? {
        if interactiveRun >= bound, let job = bulk.take(passage: passage) {
            interactiveRun = 0
            return job
        }
        if let job = interactive.take(passage: passage) {
            interactiveRun = bulk.count > 0 ? interactiveRun + 1 : 0
            return job
        }
        // Where nothing may start, bulk's turn does not pass.
        guard let job = bulk.take(passage: passage) else { return nil }
        interactiveRun = 0
        return job
    }

    mutating func forget(_ ticket: Ticket<Job>, isLined: (Line<Job>.Entry) -> Bool) {
        switch ticket.class {
        case .interactive: interactive.forget(ticket, isLined: isLined)
        case .bulk: bulk.forget(ticket, isLined: isLined)
        }
    }

    /// How many jobs start before this one if every line moves and nobody else comes.
    func ahead(of ticket: Ticket<Job>) -> Int {
        switch ticket.class {
        case .interactive: interactive.ahead(of: ticket)
        case .bulk: bulk.ahead(of: ticket) + interactive.count
        }
    }
}

extension ProjectQueue {
    /// How many would start before one that came now.
    func ahead(ofNew ticket: Ticket<Job>) -> Int {
        guard !hasFreeSlot || lined > 0 else { return 0 }
        switch ticket.class {
        case .interactive: return interactive.ahead(ofNew: ticket)
        case .bulk: return bulk.ahead(ofNew: ticket) + interactive.count
        }
    }
}

/// The lines of one priority class; principals take turns, the one first whose last start is the longest ago.
///
/// So one that comes with a job now and then does not wait behind one that has a queue; each of the others overtakes a
/// waiting principal once at most.
struct Ring<Job: Hashable & Sendable>: Sendable {
    private(set) var count = 0
    private var turn: [UInt32] = []
    private var principals: [UInt32: [String: Line<Job>]] = [:]
    /// The number of each principal's last start; one is added for each.
    private var lastStart: [UInt32: Int] = [:]
    private var starts = 0

    /// Principals whose last start is remembered without a queue; for more, the earlier half is forgotten.
    private static var rememberedCount: Int { 4096 }

    var entryCount: Int { principals.values.reduce(0) { $0 + $1.values.reduce(0) { $0 + $1.entryCount } } }

    /// Two of those who have something in line, as far as there are two.
    var waiting: ArraySlice<UInt32> { turn.prefix(2) }

    mutating func append(_ ticket: Ticket<Job>, _ arrival: Int) {
        if principals[ticket.principal] == nil {
            principals[ticket.principal] = [:]
            let own = lastStart[ticket.principal] ?? 0
            turn.insert(ticket.principal, at: turn.firstIndex { lastStart[$0] ?? 0 > own } ?? turn.count)
        }
        principals[ticket.principal, default: [:]][ticket.model, default: Line()].append(
            Line.Entry(job: ticket.job, arrival: arrival))
        count += 1
    }

    mutating func take(passage: (Line<Job>.Entry, String) -> Passage) -> Job? {
        for (place, principal) in turn.enumerated() {
            guard let model = openModel(of: principal, passage: passage) else { continue }
            guard let job = principals[principal]?[model]?.popFirst() else { continue }
            count -= 1
            turn.remove(at: place)
            noteStart(of: principal)
            if dropEmptyLines(of: principal) { turn.append(principal) }
            return job
        }
        return nil
    }

    private mutating func noteStart(of principal: UInt32) {
        starts += 1
        lastStart[principal] = starts
        guard lastStart.count > Self.rememberedCount + principals.count else { return }
        let newest = starts - Self.rememberedCount / 2
        lastStart = lastStart.filter { $0.value > newest || principals[$0.key] != nil }
    }

    mutating func forget(_ ticket: Ticket<Job>, isLined: (Line<Job>.Entry) -> Bool) {
        guard ticket.arrival != nil, principals[ticket.principal]?[ticket.model] != nil else { return }
        principals[ticket.principal]?[ticket.model]?.forgetOne(isLined: isLined)
        count -= 1
        // A line of nothing but withdrawn jobs is dropped here.
        if let line = principals[ticket.principal]?[ticket.model], line.count == 0 {
            principals[ticket.principal]?[ticket.model] = nil
            if principals[ticket.principal]?.isEmpty ?? false {
                principals[ticket.principal] = nil
                turn.removeAll { $0 == ticket.principal }
            }
        }
    }

    func ahead(of ticket: Ticket<Job>) -> Int {
        let own = principals[ticket.principal]?[ticket.model]?.ahead(of: ticket) ?? 0
        var ahead = 0
        for (principal, lines) in principals {
            let count = lines.values.reduce(0) { $0 + $1.count }
            // In each round everybody has one start; the others' share is as many rounds as it takes to come to it.
            ahead += principal == ticket.principal ? own : min(count, own + 1)
        }
        return ahead
    }

    func ahead(ofNew ticket: Ticket<Job>) -> Int {
        let own = principals[ticket.principal]?.values.reduce(0) { $0 + $1.count } ?? 0
        return principals.reduce(0) { ahead, other in
            let count = other.value.values.reduce(0) { $0 + $1.count }
            return ahead + (other.key == ticket.principal ? own : min(count, own + 1))
        }
    }

    /// The model whose head is open, the first come first; heads of withdrawn jobs are cleared on the way.
    private mutating func openModel(of principal: UInt32, passage: (Line<Job>.Entry, String) -> Passage) -> String? {
        var best: (model: String, arrival: Int)?
        for model in (principals[principal] ?? [:]).keys {
            heads: while let head = principals[principal]?[model]?.first {
                switch passage(head, model) {
                case .gone: principals[principal]?[model]?.dropGone()
                case .shut: break heads
                case .open:
                    if head.arrival < best?.arrival ?? .max { best = (model, head.arrival) }
                    break heads
                }
            }
        }
        return best?.model
    }

    /// Drops what is empty; false when nothing is left of the principal.
    private mutating func dropEmptyLines(of principal: UInt32) -> Bool {
        guard let lines = principals[principal] else { return false }
        for (model, line) in lines where line.count == 0 { principals[principal]?[model] = nil }
        guard principals[principal]?.isEmpty ?? true else { return true }
        principals[principal] = nil
        return false
    }
}
