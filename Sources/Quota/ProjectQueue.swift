// The unstarted jobs of one project: two priority classes, in each a ring of principals, for each one line per model.
//
// Lines are per model because gates are: a job behind a shut gate must not hold up its principal's others.

/// Whether the job at the head of a line may go.
enum Passage { case open, shut, gone }

/// The jobs of one project and its slots.
struct ProjectQueue<Job: Hashable & Sendable>: Sendable {
    var slots: Int
    var inFlight = 0
    /// Seated jobs, in line or not yet.
    var seated = 0
    /// Interactive starts since the last bulk start.
    private var interactiveRun = 0
    private var interactive = Ring<Job>()
    private var bulk = Ring<Job>()
    var upstream = UpstreamTimes()

    init(slots: Int) { self.slots = slots }

    var hasFreeSlot: Bool { inFlight < slots }
    var lined: Int { interactive.count + bulk.count }

    mutating func append(_ ticket: inout Ticket<Job>, first: Bool) {
        switch ticket.class {
        case .interactive: interactive.append(&ticket, first: first)
        case .bulk: bulk.append(&ticket, first: first)
        }
    }

    /// Takes the next job whose line is open; interactive before bulk, bulk at the latest after
    /// `interactiveRun` of those.
    mutating func take(interactiveRun bound: Int, passage: (Job, String) -> Passage) -> Job? {
        if interactiveRun >= bound, let job = bulk.take(passage: passage) {
            interactiveRun = 0
            return job
        }
        if let job = interactive.take(passage: passage) {
            interactiveRun = bulk.count > 0 ? interactiveRun + 1 : 0
            return job
        }
        interactiveRun = 0
        return bulk.take(passage: passage)
    }

    mutating func forget(_ ticket: Ticket<Job>) {
        switch ticket.class {
        case .interactive: interactive.forget(ticket)
        case .bulk: bulk.forget(ticket)
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

/// The lines of one priority class; principals take turns.
struct Ring<Job: Hashable & Sendable>: Sendable {
    private(set) var count = 0
    private var turn: [UInt32] = []
    private var principals: [UInt32: [String: Line<Job>]] = [:]

    mutating func append(_ ticket: inout Ticket<Job>, first: Bool) {
        if principals[ticket.principal] == nil {
            principals[ticket.principal] = [:]
            turn.append(ticket.principal)
        }
        principals[ticket.principal, default: [:]][ticket.model, default: Line()].append(&ticket, first: first)
        count += 1
    }

    mutating func take(passage: (Job, String) -> Passage) -> Job? {
        for (place, principal) in turn.enumerated() {
            guard let model = openModel(of: principal, passage: passage) else { continue }
            guard let job = principals[principal]?[model]?.popFirst() else { continue }
            count -= 1
            turn.remove(at: place)
            if dropEmptyLines(of: principal) { turn.append(principal) }
            return job
        }
        return nil
    }

    mutating func forget(_ ticket: Ticket<Job>) {
        guard ticket.ordinal > 0, principals[ticket.principal]?[ticket.model] != nil else { return }
        principals[ticket.principal]?[ticket.model]?.gone += 1
        count -= 1
        // The entry itself is skipped when its turn comes; a line of nothing else is dropped here.
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

    /// The model whose head is open, the first come first; heads of withdrawn jobs are cleared on the way.
    private mutating func openModel(of principal: UInt32, passage: (Job, String) -> Passage) -> String? {
        var best: (model: String, ordinal: Int)?
        for model in (principals[principal] ?? [:]).keys {
            heads: while let head = principals[principal]?[model]?.first {
                switch passage(head.job, model) {
                case .gone: principals[principal]?[model]?.dropGone()
                case .shut: break heads
                case .open:
                    if head.ordinal < best?.ordinal ?? .max { best = (model, head.ordinal) }
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

/// Jobs of one principal for one model, first come first served; withdrawn ones stay until their turn and are skipped.
struct Line<Job: Hashable & Sendable>: Sendable {
    struct Entry: Sendable {
        let job: Job
        let ordinal: Int
    }

    private var returned: [Entry] = []
    private var entries: [Entry] = []
    private var head = 0
    private var joined = 0
    private var left = 0
    /// Withdrawn jobs that still have an entry.
    var gone = 0

    var count: Int { returned.count + entries.count - head - gone }

    var first: Entry? { returned.last ?? (head < entries.count ? entries[head] : nil) }

    mutating func append(_ ticket: inout Ticket<Job>, first: Bool) {
        joined += 1
        ticket.ordinal = first ? left + 1 : joined
        let entry = Entry(job: ticket.job, ordinal: ticket.ordinal)
        if first { returned.append(entry) } else { entries.append(entry) }
    }

    mutating func popFirst() -> Job? {
        guard let entry = first else { return nil }
        left += 1
        if returned.popLast() != nil { return entry.job }
        head += 1
        // Moved down when half is behind: amortised constant.
        if head > 32, head * 2 > entries.count {
            entries.removeFirst(head)
            head = 0
        }
        return entry.job
    }

    mutating func dropGone() {
        if popFirst() != nil { gone -= 1 }
    }

    func ahead(of ticket: Ticket<Job>) -> Int {
        min(max(0, ticket.ordinal - left - 1), max(0, count - 1))
    }
}
