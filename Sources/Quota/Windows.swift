// All windows of all projects: what may go now, and what is counted for what went.
//
// Times are milliseconds since 1970 by the wall clock. Rolling windows are reckoned in elapsed time: when the wall
// clock was set, `clockWasSet` moves what they remember; a suspended machine needs nothing, since time went on.

/// What has been counted for one request, to be settled when it has ended.
struct Charge: Sendable {
    struct Part: Sendable {
        var kind: WindowKind
        var amount: Int64
        var bucket: Int64
    }

    /// As it was when it was counted.
    var project: String
    var model: String
    var demand: Demand
    var counted: [Part]
    /// The spend windows that hold its price.
    var holding: [WindowKind]
}

/// Why a window holds something back, and until when.
package struct WindowObstacle: Sendable, Equatable {
    package var kind: WindowKind
    package var opening: Opening
    /// That the limit is not used up: the rest of it is spread over its time for those who share it.
    package var isPaced: Bool

    package init(kind: WindowKind, opening: Opening, isPaced: Bool = false) {
        self.kind = kind
        self.opening = opening
        self.isPaced = isPaced
    }

    /// Which of two counts: a limit that is used up, and of two such the one that opens later.
    fileprivate func isWorse(than other: WindowObstacle) -> Bool {
        guard isPaced == other.isPaced else { return other.isPaced }
        return opening.lateness >= other.opening.lateness
    }
}

/// A limit that a 429 has named.
package struct LearntLimit: Sendable, Equatable {
    package var project: String
    /// As requested.
    package var model: String
    package var kind: WindowKind
    package var limit: Int64
    /// How long it is believed, since tiers change; milliseconds since 1970.
    package var until: Int64

    package init(project: String, model: String, kind: WindowKind, limit: Int64, until: Int64) {
        self.project = project
        self.model = model
        self.kind = kind
        self.limit = limit
        self.until = until
    }
}

/// The windows of each project and requested model.
package struct Windows: Sendable {
    struct Project: Sendable {
        /// By model; made at its first use or limit.
        var models: [String: Model] = [:]
        var spend: [WindowKind: Window] = [:]
        var configured: [String: Limits] = [:]
    }

    struct Model: Sendable {
        var windows: [WindowKind: Window] = [:]
        var inFlight = 0
    }

    /// How long a limit that Google has told is believed.
    static let learntFor: Int64 = 24 * 3_600_000

    let spread: Int64
    var pacific: CivilCalendar
    var money: CivilCalendar
    var projects: [String: Project] = [:]

    /// - Parameters:
    ///   - pacific: Google's days, for the requests of a day.
    ///   - money: The days and months that money is reckoned by.
    ///   - spread: How far apart, in milliseconds, two requests that left together may arrive, clocks included.
    package init(pacific: CivilCalendar = .pacific, money: CivilCalendar = .pacific, spread: Int64 = 2000) {
        self.pacific = pacific
        self.money = money
        self.spread = spread
    }

    /// Sets a project's limits, and leaves what was used and learnt as it is.
    ///
    /// - Parameters:
    ///   - name: The project; one that is not told of here is neither limited nor counted.
    ///   - models: Limits by requested model, those of money excepted.
    ///   - spend: The money of the whole project, in micro-dollars.
    package mutating func configure(project name: String, models: [String: Limits] = [:], spend: Limits = [:]) {
        var project = projects[name] ?? Project()
        project.configured = models
        for model in Set(project.models.keys).union(models.keys) {
            project.models[model, default: Model()].configure(models[model] ?? [:], spread: spread)
        }
        for kind in WindowKind.allCases where kind.isSpend {
            if spend[kind] != nil || project.spend[kind] != nil {
                project.spend[kind, default: Window(kind, spread: spread)].configured = spend[kind]
            }
        }
        projects[name] = project
    }

    /// Believes a limit that a 429 has named, for a day; nil for a kind or a number that says nothing.
    @discardableResult
    package mutating func learn(
        _ limit: NamedLimit, project: String, model: String, now: Int64
    ) -> LearntLimit? {
        guard let kind = WindowKind(quotaId: limit.quotaId), limit.value > 0 else { return nil }
        let learnt = LearntLimit(
            project: project, model: model, kind: kind, limit: limit.value, until: now + Self.learntFor)
        restore(learnt)
        return learnt
    }

    /// Believes what was learnt before, in an earlier run for one.
    package mutating func restore(_ learnt: LearntLimit) {
        var window =
            projects[learnt.project]?.models[learnt.model]?.windows[learnt.kind] ?? Window(learnt.kind, spread: spread)
        window.learnt = (learnt.limit, learnt.until)
        projects[learnt.project, default: Project()].models[learnt.model, default: Model()].windows[learnt.kind] =
            window
    }

    /// What holds a request back: the window that opens last, one that is used up before one that is spread.
    func obstacle(
        _ demand: Demand, project name: String, model: String, _ manner: Manner, now: Int64
    ) -> WindowObstacle? {
        guard let project = projects[name] else { return nil }
        let counts = project.models[model]?.windows ?? [:]
        var (pacific, money) = (pacific, money)
        var worst: WindowObstacle?
        for kind in WindowKind.allCases {
            // A copy that is only advanced shares its buckets with the original.
            guard var window = kind.isSpend ? project.spend[kind] : counts[kind] else { continue }
            let found: WindowObstacle?
            if kind.isSpend {
                window.advance(now: now, &money)
                found = window.obstacle(for: demand.amount(of: kind), manner, now: now, &money)
            } else {
                window.advance(now: now, &pacific)
                found = window.obstacle(for: demand.amount(of: kind), manner, now: now, &pacific)
            }
            if let found, worst.map(found.isWorse(than:)) ?? true { worst = found }
        }
        return worst
    }

    /// Counts a request that goes out now, and holds its price.
    mutating func charge(_ demand: Demand, project name: String, model: String, isBulk: Bool, now: Int64) -> Charge? {
        guard var project = projects.removeValue(forKey: name) else { return nil }
        defer { projects[name] = project }
        var charge = Charge(project: name, model: model, demand: demand, counted: [], holding: [])
        var counts = project.models.removeValue(forKey: model) ?? Model()
        counts.makeRequestWindows(spread: spread)
        for kind in counts.windows.keys {
            let amount = demand.amount(of: kind)
            guard amount > 0, var window = counts.windows.removeValue(forKey: kind) else { continue }
            let bucket = window.use(amount, isBulk: isBulk, now: now, &pacific)
            counts.windows[kind] = window
            charge.counted.append(Charge.Part(kind: kind, amount: amount, bucket: bucket))
        }
        counts.inFlight += 1
        project.models[model] = counts
        for kind in project.spend.keys {
            project.spend[kind]?.hold(demand.holdMicros, now: now)
            charge.holding.append(kind)
        }
        return charge
    }

    /// Lets go of a request's hold and counts what it cost.
    mutating func settle(_ charge: Charge, costMicros: Int64, now: Int64) {
        projects[charge.project]?.models[charge.model]?.inFlight -= 1
        for kind in charge.holding {
            projects[charge.project]?.spend[kind]?.settle(charge.demand.holdMicros, as: costMicros, now: now, &money)
        }
    }

    /// Counts a request from now on, since it has left only now.
    mutating func left(_ charge: inout Charge, now: Int64) {
        for place in charge.counted.indices {
            let part = charge.counted[place]
            let bucket = projects[charge.project]?.models[charge.model]?.windows[part.kind]?
                .move(part.amount, from: part.bucket, now: now, &pacific)
            charge.counted[place].bucket = bucket ?? part.bucket
        }
    }

    /// Takes back what was counted for a request of which no byte left.
    mutating func takeBack(_ charge: Charge, now: Int64) {
        settle(charge, costMicros: 0, now: now)
        for part in charge.counted {
            projects[charge.project]?.models[charge.model]?.windows[part.kind]?.takeBack(part.amount, from: part.bucket)
        }
    }

    /// Counts what was sent before a restart; rows may come in any order.
    package mutating func restore(_ rows: [UsageRow]) {
        for row in rows {
            guard var project = projects.removeValue(forKey: row.project) else { continue }
            defer { projects[row.project] = project }
            var model = project.models[row.model] ?? Model()
            model.makeRequestWindows(spread: spread)
            let demand = Demand(images: row.images, inputTokens: row.inputTokens)
            for kind in model.windows.keys {
                let isOfRequests = kind == .requestsPerMinute || kind == .requestsPerDay
                let amount = isOfRequests ? row.requests : demand.amount(of: kind)
                model.windows[kind]?.restore(amount, isBulk: row.isBulk, at: row.at)
            }
            project.models[row.model] = model
            for kind in project.spend.keys {
                project.spend[kind]?.restore(row.costMicros, isBulk: row.isBulk, at: row.endedAt ?? row.at)
            }
        }
    }

    /// Moves everything that is remembered by elapsed time, when the wall clock was set.
    ///
    /// Days too: what was sent at what is now known to have been another time counts in that time's day.
    package mutating func clockWasSet(by step: Int64) {
        for name in projects.keys {
            for model in projects[name]?.models.keys.map({ $0 }) ?? [] {
                for kind in WindowKind.allCases { projects[name]?.models[model]?.windows[kind]?.shift(by: step) }
            }
            for kind in WindowKind.allCases { projects[name]?.spend[kind]?.shift(by: step) }
        }
    }
}

extension Windows.Model {
    mutating func configure(_ limits: Limits, spread: Int64) {
        for kind in WindowKind.allCases where !kind.isSpend {
            if limits[kind] != nil || windows[kind] != nil {
                windows[kind, default: Window(kind, spread: spread)].configured = limits[kind]
            }
        }
    }

    /// Requests, images and tokens are counted without a limit too: one may be learnt or configured at any moment.
    fileprivate mutating func makeRequestWindows(spread: Int64) {
        for kind in WindowKind.allCases where !kind.isSpend && windows[kind] == nil {
            windows[kind] = Window(kind, spread: spread)
        }
    }
}

extension Opening {
    /// Which of two is the later.
    var lateness: Int64 {
        switch self {
        case .now: .min
        case .uponEnding: .min + 1
        case .at(let time): time
        case .never: .max
        }
    }
}
