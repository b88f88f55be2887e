// A week of three principals on one project, in seconds: one with 10,000 bulk jobs, one with an interactive job a
// minute, one that comes in bursts.

import Quota

/// The simulation: Darkroom's scheduler on one side, a project with limits on the other, and events between them.
struct QuotaWeek {
    enum Event {
        case ask(Int)
        case arrive(Int)
        case answer(Int, UpstreamAnswer)
        case wake
        case sample
    }

    struct Job {
        let principal: UInt32
        let model: String
        let tokens: Int
        let askedAt: Int64
        var startedAt: Int64?
        var sentAt: Int64 = 0
        var ticket: Ticket<Int>
        var promised: (at: Int64, seconds: Double)?
    }

    /// What Google's answers have said, as they came in: until when a model takes nothing.
    struct Told {
        var at: Int64
        var until: Int64
        var unavailable = 0
    }

    static let bulk: UInt32 = 1001
    static let steady: UInt32 = 1002
    static let bursty: UInt32 = 1003
    static let slots = 8

    var scheduler: Scheduler<Int>
    var project: SimulatedProject
    var events = EventQueue<Event>()
    var jobs: [Job] = []
    var random: SeededGenerator
    var told: [String: Told] = [:]
    var wasted = 0
    var refusals = 0
    var failed: [UInt32: Int] = [:]
    var lastBulkStart: Int64 = 0
    var longestBulkGap: Int64 = 0
    var interactiveRun = 0
    var longestRun = 0
    /// By Pacific day, from 0.
    var bulkStarts: [Int: Int] = [:]
    private var wakeAt: Int64 = .max
    private let hasBursts: Bool
    private let start: Int64
    private let end: Int64
    private var nextBulk = 0
    private var bulkJobs: [Int] = []

    /// - Parameters:
    ///   - project: What is simulated upstream.
    ///   - windows: The limits as Darkroom knows them.
    ///   - time: From when to when, in milliseconds since 1970.
    ///   - hasBursts: Whether the third principal comes; without it the load is steady.
    ///   - seed: Of everything that is left to chance.
    init(_ project: SimulatedProject, windows: Windows, time: Range<Int64>, hasBursts: Bool, seed: UInt64) {
        self.project = project
        self.hasBursts = hasBursts
        start = time.lowerBound
        end = time.upperBound
        random = SeededGenerator(seed: seed)
        scheduler = Scheduler(
            bounds: .init(total: 30_000, perPrincipal: 20_000), slots: ["p": Self.slots], windows: windows)
        lastBulkStart = start
    }

    mutating func run() {
        plan()
        while let (time, event) = events.popFirst(), time < end + 3_600_000 {
            handle(event, now: time)
            pump(now: time)
        }
    }

    /// Everything that will be asked for.
    private mutating func plan() {
        for _ in 0..<10_000 { bulkJobs.append(ask(Self.bulk, "flash", .bulk, at: start)) }
        for minute in stride(from: start, to: end, by: 60_000) {
            _ = ask(Self.steady, "flash", .interactive, at: minute + .random(in: 0..<60_000, using: &random))
        }
        var time = start
        while hasBursts {
            time += .random(in: 1_800_000...12_600_000, using: &random)
            guard time < end else { break }
            let model = Int.random(in: 0..<4, using: &random) == 0 ? "pro" : "flash"
            for _ in 0..<Int.random(in: 5...40, using: &random) {
                _ = ask(Self.bursty, model, .interactive, at: time + .random(in: 0..<2000, using: &random))
            }
        }
        for sample in stride(from: start + 6 * 3_600_000, to: end, by: 1_200_000) { events.add(.sample, at: sample) }
    }

    private mutating func ask(
        _ principal: UInt32, _ model: String, _ kind: Ticket<Int>.Class, at time: Int64
    ) -> Int {
        let tokens = Int.random(in: 200...2000, using: &random)
        let number = jobs.count
        let demand = Demand(
            images: 1, inputTokens: Int64(tokens), holdMicros: project.models[model]?.holdMicros ?? 0)
        let ticket = Ticket(
            job: number, principal: principal, project: "p", model: model, class: kind, demand: demand)
        jobs.append(Job(principal: principal, model: model, tokens: tokens, askedAt: time, ticket: ticket))
        events.add(.ask(number), at: time)
        return number
    }

    private mutating func handle(_ event: Event, now: Int64) {
        switch event {
        case .ask(let number):
            let ticket = jobs[number].ticket
            switch scheduler.admit(ticket, mayStart: true, now: now) {
            case .start: send(ticket, now: now)
            case .queue: scheduler.enqueue(number)
            case .refused: failed[ticket.principal, default: 0] += 1
            }
        case .arrive(let number):
            let job = jobs[number]
            let answer = project.arrive(job.model, tokens: job.tokens, at: now, random: &random)
            let delay: Int64
            if case .accepted(let milliseconds, _) = answer { delay = milliseconds } else { delay = 150 }
            events.add(.answer(number, answer), at: now + delay)
        case .answer(let number, let answer): receive(answer, number, now: now)
        case .wake: if now >= wakeAt { wakeAt = .max }
        case .sample: promise(now: now)
        }
    }

    private mutating func pump(now: Int64) {
        while let ticket = scheduler.next(now: now) { send(ticket, now: now) }
        guard let next = scheduler.nextOpening(now: now), next < wakeAt else { return }
        wakeAt = next
        events.add(.wake, at: next)
    }

    private mutating func send(_ ticket: Ticket<Int>, now: Int64) {
        let number = ticket.job
        if jobs[number].startedAt == nil { jobs[number].startedAt = now }
        jobs[number].sentAt = now
        if let told = told[ticket.model], now >= told.at, now < told.until { wasted += 1 }
        if ticket.class == .bulk {
            longestBulkGap = max(longestBulkGap, now - lastBulkStart)
            lastBulkStart = now
            interactiveRun = 0
            if let day = project.days.firstIndex(where: { $0.contains(now) }) { bulkStarts[day, default: 0] += 1 }
        } else if let waiting = bulkJobs.last, jobs[waiting].startedAt == nil, jobs[waiting].model == ticket.model {
            let obstacle = scheduler.obstacle(to: jobs[waiting].ticket, now: now)
            interactiveRun = Self.isKeptFromBulk(obstacle) ? 0 : interactiveRun + 1
            longestRun = max(longestRun, interactiveRun)
        }
        events.add(.arrive(number), at: now + .random(in: 20...1200, using: &random))
    }

    /// That bulk waits for the day or for a gate, not for its turn.
    private static func isKeptFromBulk(_ obstacle: Obstacle?) -> Bool {
        switch obstacle {
        case .gate?: true
        case .window(let window)?: window.kind == .requestsPerDay
        case nil: false
        }
    }

    private mutating func receive(_ answer: UpstreamAnswer, _ number: Int, now: Int64) {
        let ticket = jobs[number].ticket
        func again(_ refusal: Refusal, until: Int64) {
            refusals += 1
            told[ticket.model] = Told(at: now, until: max(until, told[ticket.model]?.until ?? 0))
            let verdict = scheduler.refused(
                ticket, refusal, sentAt: jobs[number].sentAt, now: now, jitter: .random(in: 0..<1, using: &random))
            scheduler.finish(ticket, .refused, now: now)
            if verdict.until == Gate.untilOpened { return failed[ticket.principal, default: 0] += 1 }
            scheduler.seat(ticket)
            if verdict.key == nil {
                // It waits for itself alone; here that is as good as an ask.
                scheduler.withdraw(number)
                events.add(.ask(number), at: verdict.until)
            } else {
                scheduler.enqueue(number, first: true)
            }
        }
        switch answer {
        case .accepted(let milliseconds, let cost):
            project.finish(costMicros: cost, at: now)
            scheduler.measured(seconds: Double(milliseconds) / 1000, project: "p", model: ticket.model)
            scheduler.finish(ticket, .answered(costMicros: cost), now: now)
            told[ticket.model]?.unavailable = 0
        case .refused(let wait):
            again(Refusal(.minute, reason: "quota_minute", retryAfter: wait), until: now + wait)
        case .usedUp: again(Refusal(.day, reason: "quota_day"), until: now + 60_000)
        case .bare: again(Refusal(.bare, reason: "quota_minute"), until: now + 700)
        case .unavailable:
            let count = (told[ticket.model]?.unavailable ?? 0) + 1
            again(Refusal(.unavailable, reason: "upstream_unavailable"), until: count >= 5 ? now + 30_000 : now)
            told[ticket.model]?.unavailable = count
        }
    }

    /// Asks for the expected start of a bulk job somewhere in the line.
    private mutating func promise(now: Int64) {
        while nextBulk < bulkJobs.count, jobs[bulkJobs[nextBulk]].startedAt != nil { nextBulk += 1 }
        guard nextBulk < bulkJobs.count else { return }
        let number = bulkJobs[.random(in: nextBulk..<bulkJobs.count, using: &random)]
        guard jobs[number].promised == nil, jobs[number].startedAt == nil,
            let seconds = scheduler.forecast(number, usualSeconds: 12, now: now)?.startsInSeconds
        else { return }
        jobs[number].promised = (now, seconds)
    }
}
