// What a queued job is told: its place, and when it starts.
//
// A reckoning, not a simulation: each thing that bounds the starts says when it allows the n-th, and the last of them
// counts. Interactive jobs that will come are taken into account for bulk ones, at the rate at which they came.

/// How long upstream takes, by model, as measured.
struct UpstreamTimes: Sendable {
    private var secondsByModel: [String: Double] = [:]
    /// Over all models, as long as a slot is usually taken.
    private(set) var overall: Double?

    /// An eighth for the newest, as TCP's smoothed round-trip time (RFC 6298) takes it.
    mutating func measured(_ seconds: Double, model: String) {
        let before = secondsByModel[model] ?? seconds
        secondsByModel[model] = before + (seconds - before) / 8
        let usual = overall ?? seconds
        overall = usual + (seconds - usual) / 32
    }

    func seconds(model: String) -> Double? { secondsByModel[model] }
    var hasSeveralModels: Bool { secondsByModel.count > 1 }
}

/// When a queued job can be expected to start.
package struct Forecast: Sendable, Equatable {
    /// From 1: how many starts until its own.
    package var position: Int
    /// Nil where somebody has to act first.
    package var startsInSeconds: Double?

    package init(position: Int, startsInSeconds: Double?) {
        self.position = position
        self.startsInSeconds = startsInSeconds
    }
}

extension Scheduler {
    /// Takes note of how long upstream took.
    package mutating func measured(seconds: Double, project: String, model: String) {
        projects[project]?.upstream.measured(seconds, model: model)
    }

    /// The place and the expected start of a queued job.
    ///
    /// With all slots busy they come free one by one, `time / slots` apart; a shut gate is waited for first.
    ///
    /// - Parameters:
    ///   - job: The job that is asked about.
    ///   - usualSeconds: Upstream's time, for as long as none was measured.
    ///   - now: Milliseconds since 1970.
    /// - Returns: Nil for a job that is not queued.
    package func forecast(_ job: Job, usualSeconds: Double, now: Int64) -> Forecast? {
        guard let ticket = tickets[job], let project = projects[ticket.project] else { return nil }
        return forecast(ticket, ahead: project.ahead(of: ticket), usualSeconds: usualSeconds, now: now)
    }

    /// When a request would start that came now, for whoever asks before asking; 0 when it would at once.
    package func forecast(of ticket: Ticket<Job>, usualSeconds: Double, now: Int64) -> Forecast {
        let ahead = (projects[ticket.project] ?? ProjectQueue(slots: 1)).ahead(ofNew: ticket)
        return forecast(ticket, ahead: ahead, usualSeconds: usualSeconds, now: now)
    }

    /// The earliest start in all projects that may serve a job; another than its own serves its own jobs before.
    private func forecast(_ ticket: Ticket<Job>, ahead: Int, usualSeconds: Double, now: Int64) -> Forecast {
        let starts = ([ticket.home] + ticket.overflow).compactMap { name -> Double? in
            guard let project = projects[name] else { return nil }
            let others = name == ticket.home ? 0 : project.ahead(ofNew: ticket)
            return seconds(
                toStart: ahead + others + 1, ticket, name, project, usualSeconds: usualSeconds, now: now)
        }
        return Forecast(position: ahead + 1, startsInSeconds: starts.min())
    }

    /// Nil where somebody has to act first.
    private func seconds(
        toStart count: Int, _ ticket: Ticket<Job>, _ name: String, _ project: ProjectQueue<Job>, usualSeconds: Double,
        now: Int64
    ) -> Double? {
        let gate = shutGate(project: name, model: ticket.model, now: now)
        guard gate?.until != Gate.untilOpened else { return nil }
        let gateSeconds = gate.map { Double($0.until - now) / 1000 } ?? 0
        let limits = windows.bounds(project: quota(of: name), model: ticket.model, now: now)
        let isPaced = isPaced(ticket, company(in: name, now: now))
        let upstream = project.upstream
        let seconds =
            (upstream.hasSeveralModels ? upstream.overall : upstream.seconds(model: ticket.model)) ?? usualSeconds
        let slots = Double(max(1, project.slots))
        let free = Double(max(0, project.slots - project.inFlight))
        let isBulk = ticket.class == .bulk
        let others = isBulk ? project.pace.interactivePerSecond(now: now) : 0
        // A bulk job in so many interactive ones starts whatever comes.
        let leastShare = 1 / Double(bounds.interactiveRun + 1)

        func burst(_ count: Double) -> Double {
            var slowest = max(0, count - free) / slots * seconds
            for limit in limits.rolling {
                let amount = limit.amount(project.pace, ticket.demand)
                slowest = max(slowest, limit.seconds(toTake: count * amount, isPaced: isPaced))
            }
            guard others > 0, slowest > 0 else { return slowest }
            let rate = count / slowest
            return count / max(rate - others, rate * leastShare)
        }
        guard let day = limits.day else { return gateSeconds + burst(Double(count)) }
        return gateSeconds + day.seconds(toStart: Double(count), isBulk: isBulk, burst: burst)
    }
}

/// What a rolling window allows, seen from now.
struct RollingBound: Sendable {
    let kind: WindowKind
    let limit: Double
    let taken: Double
    let seconds: Double
    /// What leaves it and after how many seconds, the first first.
    let leaving: [(amount: Double, after: Double)]

    func amount(_ pace: Pace, _ own: Demand) -> Double {
        switch kind {
        case .inputTokensPerMinute: pace.inputTokens > 0 ? pace.inputTokens : Double(own.inputTokens)
        case .spendPer10Minutes: pace.holdMicros > 0 ? pace.holdMicros : Double(own.holdMicros)
        case .imagesPerMinute: Double(own.images)
        case .requestsPerMinute, .requestsPerDay, .spendPerDay, .spendPerMonth: 1
        }
    }

    /// Where it is shared half of it goes at once and the rest at its rate; else what is left of it goes at once, and
    /// then what leaves it.
    func seconds(toTake amount: Double, isPaced: Bool) -> Double {
        if isPaced { return max(0, amount - max(0, limit / 2 - taken)) / limit * seconds }
        let missing = amount - max(0, limit - taken)
        guard missing > 0 else { return 0 }
        let rounds = ((missing / limit).rounded(.up) - 1) * seconds
        var rest = missing - rounds / seconds * limit
        for part in leaving {
            rest -= part.amount
            if rest <= 0 { return rounds + part.after }
        }
        // What is under way leaves it a whole span after its end.
        return rounds + seconds
    }
}

/// What a day allows, this one and the next ones.
struct DayBound: Sendable {
    let limit: Double
    let used: Double
    /// What bulk leaves now.
    let reserve: Double
    let interactivePerDay: Double
    let secondsLeft: Double

    func seconds(toStart count: Double, isBulk: Bool, burst: (Double) -> Double) -> Double {
        let aThousand = burst(1000)
        let course = Course(
            limit: limit, interactivePerDay: isBulk ? interactivePerDay : 0, isBulk: isBulk,
            perSecond: aThousand > 0 ? 1000 / aThousand : 1000)
        let atOnce = max(0, limit - used - (isBulk ? reserve + (limit - course.reserve(seconds: 86_400)) / 2 : 0))
        if count <= atOnce {
            let time = burst(count)
            if time <= secondsLeft { return time }
        }
        let today = course.run(toStart: count, used: used, seconds: secondsLeft)
        guard today.started < count else { return today.seconds }
        let inADay = max(1, course.run(toStart: .infinity, used: 0, seconds: 86_400).started)
        let days = ((count - today.started - 1) / inADay).rounded(.down)
        let last = course.run(toStart: count - today.started - days * inADay, used: 0, seconds: 86_400)
        return secondsLeft + max(0, days) * 86_400 + last.seconds
    }

    /// How a day goes on from some moment, in steps.
    ///
    /// What `Window.bulkOpening` lets through, and what interactive jobs take meanwhile. What is reserved for these and not asked for goes to bulk, so bulk's rate grows over the day.
    private struct Course {
        let limit: Double
        let interactivePerDay: Double
        let isBulk: Bool
        /// What everything but the day allows.
        let perSecond: Double

        /// Five minutes of a whole day.
        private static let steps = 288

        func reserve(seconds: Double) -> Double {
            guard isBulk else { return 0 }
            let expected = max(interactivePerDay * 1.25, limit / 8) * seconds / 86_400
            return min(limit / 2, max(limit / 32, expected))
        }

        /// - Returns: How many start, at most as many as are wanted, and how long that takes.
        func run(toStart count: Double, used: Double, seconds: Double) -> (started: Double, seconds: Double) {
            var (used, started) = (used, 0.0)
            let step = seconds / Double(Self.steps)
            let half = (limit - reserve(seconds: 86_400)) / 2
            for number in 0..<Self.steps {
                let rest = seconds - Double(number) * step
                let left = limit - used - reserve(seconds: rest)
                // At the end of a day a window is as good as shut to what would be spread.
                let rate = !isBulk || left >= half ? perSecond : min(perSecond, max(0, left) / rest)
                let starts = min(rate * step, max(0, left))
                if started + starts >= count {
                    return (count, Double(number) * step + (starts > 0 ? step * (count - started) / starts : 0))
                }
                started += starts
                used += starts + interactivePerDay * step / 86_400
            }
            return (started, seconds)
        }
    }
}

extension Windows {
    func bounds(
        project name: String, model: String, now: Int64
    ) -> (rolling: [RollingBound], day: DayBound?) {
        guard let project = projects[name] else { return ([], nil) }
        var rolling: [RollingBound] = []
        var day: DayBound?
        var (pacific, money) = (pacific, money)
        let counts = project.models[model]?.windows ?? [:]
        for kind in WindowKind.allCases {
            guard var window = kind.isSpend ? project.spend[kind] : counts[kind], let limit = window.limit(now: now)
            else { continue }
            if kind.isSpend { window.advance(now: now, &money) } else { window.advance(now: now, &pacific) }
            if let length = kind.rollingLength {
                rolling.append(
                    RollingBound(
                        kind: kind, limit: Double(limit), taken: Double(window.used + window.held),
                        seconds: Double(length + spread) / 1000,
                        leaving: window.tally.counted.map { bucket in
                            (Double(bucket.amount), Double(bucket.time + length + spread + 1 - now) / 1000)
                        }))
            } else if kind == .requestsPerDay {
                let end = window.period(now: now, &pacific).upperBound
                day = DayBound(
                    limit: Double(limit), used: Double(window.used),
                    reserve: Double(window.reserve(limit: limit, now: now, until: end)),
                    interactivePerDay: window.interactivePerDay(now: now), secondsLeft: Double(end - now) / 1000)
            }
        }
        return (rolling, day)
    }
}
