// A project at Google as the simulation of a week has it: every kind of limit, kept by its own books.
//
// It knows nothing of how Darkroom counts: each limit is a plain list of what arrived and when.

/// What a project allows one model.
struct ModelLimits {
    var requestsPerMinute: Int
    var imagesPerMinute: Int
    var inputTokensPerMinute: Int
    var requestsPerDay: Int
    /// How long an image takes, in milliseconds.
    var imageTime: ClosedRange<Int64>
    var costMicros: Int64
    /// The most that the price can be, as it is held before.
    var holdMicros: Int64
}

/// What upstream says to a request.
enum UpstreamAnswer {
    case accepted(milliseconds: Int64, costMicros: Int64)
    case refused(retryAfter: Int64)
    case usedUp
    case bare
    case unavailable
}

/// Upstream's books.
struct SimulatedProject {
    /// Another program that has the same key, and what goes wrong at Google.
    struct Trouble {
        var foreignUntil: [(range: Range<Int64>, model: String)] = []
        var outages: [Range<Int64>] = []
        var bare: [Range<Int64>] = []
    }

    let models: [String: ModelLimits]
    let spendPer10Minutes: Int64
    let spendPerDay: Int64
    let trouble: Trouble
    let days: [Range<Int64>]
    private var arrivals: [String: [(time: Int64, tokens: Int)]] = [:]
    private var ofDay: [String: (day: Int, count: Int)] = [:]
    private var spent: [(time: Int64, micros: Int64)] = []
    private var spentOfDay = (day: -1, micros: Int64(0))
    private(set) var inFlight = 0
    /// Requests over a limit that was known.
    private(set) var violations: [String: Int] = [:]
    /// The most that was ever counted of each limit, as a share of it.
    private(set) var peaks: [String: Double] = [:]
    private(set) var mostInFlight = 0

    /// The days are Google's, the simulated time through.
    init(
        models: [String: ModelLimits], spendPer10Minutes: Int64, spendPerDay: Int64, days: [Range<Int64>],
        trouble: Trouble
    ) {
        self.models = models
        self.spendPer10Minutes = spendPer10Minutes
        self.spendPerDay = spendPerDay
        self.days = days
        self.trouble = trouble
    }

    /// What a request is answered that arrives now.
    mutating func arrive(
        _ model: String, tokens: Int, at now: Int64, random: inout SeededGenerator
    ) -> UpstreamAnswer {
        guard let limits = models[model] else { return .unavailable }
        if trouble.outages.contains(where: { $0.contains(now) }) { return .unavailable }
        if trouble.bare.contains(where: { $0.contains(now) }) { return .bare }
        if let foreign = trouble.foreignUntil.first(where: { $0.model == model && $0.range.contains(now) }) {
            return .refused(retryAfter: foreign.range.upperBound - now)
        }
        var recent = arrivals[model] ?? []
        recent.removeAll { $0.time <= now - 60_000 }
        let day = days.firstIndex { $0.contains(now) } ?? -1
        let ofDay = self.ofDay[model].flatMap { $0.day == day ? $0.count : nil } ?? 0
        let tokensOfMinute = recent.reduce(0) { $0 + $1.tokens }
        spent.removeAll { $0.time <= now - 600_000 }
        note("requests of a minute", model, recent.count + 1, limits.requestsPerMinute)
        note("images of a minute", model, recent.count + 1, limits.imagesPerMinute)
        note("input tokens of a minute", model, tokensOfMinute + tokens, limits.inputTokensPerMinute)
        note("requests of a day", model, ofDay + 1, limits.requestsPerDay)
        recent.append((now, tokens))
        arrivals[model] = recent
        self.ofDay[model] = (day, ofDay + 1)
        inFlight += 1
        mostInFlight = max(mostInFlight, inFlight)
        return .accepted(
            milliseconds: .random(in: limits.imageTime, using: &random),
            costMicros: limits.costMicros * .random(in: 95...105, using: &random) / 100)
    }

    /// A request that was accepted has been answered, and costs.
    mutating func finish(costMicros: Int64, at now: Int64) {
        inFlight -= 1
        spent.append((now, costMicros))
        spent.removeAll { $0.time <= now - 600_000 }
        note("spend of 10 minutes", nil, Int(spent.reduce(0) { $0 + $1.micros }), Int(spendPer10Minutes))
        let day = days.firstIndex { $0.contains(now) } ?? -1
        if spentOfDay.day != day { spentOfDay = (day, 0) }
        spentOfDay.micros += costMicros
        note("spend of a day", nil, Int(spentOfDay.micros), Int(spendPerDay))
    }

    private mutating func note(_ what: String, _ model: String?, _ used: Int, _ limit: Int) {
        let name = model.map { "\(what), \($0)" } ?? what
        peaks[name] = max(peaks[name] ?? 0, Double(used) / Double(limit))
        if used > limit { violations[name, default: 0] += 1 }
    }
}
