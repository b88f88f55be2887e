// What a refusal means for everybody else: which gate it shuts, and for how long.
//
// Google asks to wait with fractions of a second, repeats itself to each request that is under way, and gives no
// reason at all in the worst case; 503 says that the model has no room, and says nothing about a quota.

/// A limit that a 429 named.
package struct NamedLimit: Sendable, Equatable {
    /// Google's `quotaId`.
    package var quotaId: String
    package var value: Int64

    package init(quotaId: String, value: Int64) {
        self.quotaId = quotaId
        self.value = value
    }
}

/// What upstream said when it did not take a request.
///
/// None of it was charged.
package struct Refusal: Sendable, Equatable {
    package enum Kind: Sendable {
        /// 429: a limit that opens again within minutes.
        case minute
        /// 429: the day's requests are used up.
        case day
        /// 429: this tier has none of this model.
        case noQuota
        /// 429 or 402: the prepaid credit is used up.
        case creditDepleted
        /// 429: the project's monthly spending cap is reached.
        case monthlyCap
        /// 429 without any detail.
        case bare
        /// 503.
        case unavailable
    }

    package var kind: Kind
    /// Why, in the protocol's words; the reason of the gate.
    package var reason: String
    /// How long upstream asks to wait, in milliseconds, rounded up.
    package var retryAfter: Int64?
    package var limits: [NamedLimit]

    package init(_ kind: Kind, reason: String, retryAfter: Int64? = nil, limits: [NamedLimit] = []) {
        self.kind = kind
        self.reason = reason
        self.retryAfter = retryAfter
        self.limits = limits
    }
}

/// What follows from a refusal.
package struct Verdict: Sendable, Equatable {
    /// The gate that was shut; nil: it concerns this job alone.
    package var key: GateKey?
    /// When the job may be tried again; `Gate.untilOpened`: when an admin has acted.
    package var until: Int64
    /// The limits that the refusal named, to be kept for the next run.
    package var learnt: [LearntLimit]

    package init(key: GateKey?, until: Int64, learnt: [LearntLimit] = []) {
        self.key = key
        self.until = until
        self.learnt = learnt
    }
}

/// Refusals of a model in a row.
struct Strikes: Sendable {
    /// Bare 429s, those that came for requests sent before the gate was shut counted once.
    var bare = 0
    var bareSince: Int64 = .min
    /// 503s.
    var unavailable = 0
}

extension Scheduler {
    /// Consecutive 503s after which a model is left alone, and for how long.
    static var breakerCount: Int { 5 }
    static var breakerPause: Int64 { 30_000 }
    /// A refusal for want of quota comes at once; a request that has not had one by then was let in.
    static var patience: Int64 { 3000 }
    static var longestBackoff: Int64 { 60_000 }

    /// Shuts the gate that a refusal calls for, and learns the limits that it names.
    ///
    /// Called before `finish`, so that the next job does not run into the same refusal.
    ///
    /// - Parameters:
    ///   - ticket: The job that was refused, as it was started.
    ///   - refusal: What upstream said.
    ///   - sentAt: When the job was sent, in milliseconds since 1970.
    ///   - now: Milliseconds since 1970.
    ///   - jitter: 0 to 1, by chance, so that daemons that were refused together do not come back together.
    /// - Returns: The gate, and when the job may be tried again.
    package mutating func refused(
        _ ticket: Ticket<Job>, _ refusal: Refusal, sentAt: Int64, now: Int64, jitter: Double
    ) -> Verdict {
        // Of two for the same thing the lesser holds: the last that is learnt.
        let learnt = refusal.limits.sorted { $0.value > $1.value }.compactMap { limit in
            windows.learn(limit, project: quota(of: ticket.project), model: ticket.model, now: now)
        }
        var verdict = verdict(on: ticket, refusal, sentAt: sentAt, now: now, jitter: jitter)
        verdict.learnt = learnt
        return verdict
    }

    private mutating func verdict(
        on ticket: Ticket<Job>, _ refusal: Refusal, sentAt: Int64, now: Int64, jitter: Double
    ) -> Verdict {
        let quota = quota(of: ticket.project)
        let model = GateKey(project: quota, model: ticket.model)
        let project = GateKey(project: quota, model: nil)
        func after(_ wait: Int64) -> Int64 { now + wait + Int64(Double(min(1000, max(10, wait / 10))) * jitter) }
        switch refusal.kind {
        case .minute:
            return shut(
                model, Gate(until: after(refusal.retryAfter ?? 60_000), reason: refusal.reason), Self.patience)
        case .day:
            let midnight = windows.pacific.day(at: now).upperBound + windows.spread
            return shut(model, Gate(until: midnight, reason: refusal.reason, isOfCalendar: true), Self.patience)
        case .noQuota:
            return shut(model, Gate(until: Gate.untilOpened, reason: refusal.reason), Self.patience)
        case .creditDepleted:
            return shut(project, Gate(until: Gate.untilOpened, reason: refusal.reason), Self.patience)
        case .monthlyCap:
            let end = windows.pacific.month(at: now).upperBound + windows.spread
            return shut(project, Gate(until: end, reason: refusal.reason, isOfCalendar: true), Self.patience)
        case .bare:
            let wait = bareWait(model, sentAt: sentAt, now: now, jitter: jitter)
            return shut(model, Gate(until: now + wait, reason: refusal.reason), Self.patience)
        case .unavailable:
            strikes[model, default: Strikes()].unavailable += 1
            let count = strikes[model]?.unavailable ?? 1
            guard count < Self.breakerCount else {
                return shut(model, Gate(until: after(Self.breakerPause), reason: refusal.reason), nil)
            }
            // A wait that upstream names is the least; of one's own a half either way by chance.
            if let wait = refusal.retryAfter { return Verdict(key: nil, until: after(wait)) }
            let wait = 1000 << Int64(count - 1)
            return Verdict(key: nil, until: now + Int64(Double(wait) * (0.5 + jitter)))
        }
    }

    /// One second, two, four … a minute, a quarter of it either way by chance.
    private mutating func bareWait(_ key: GateKey, sentAt: Int64, now: Int64, jitter: Double) -> Int64 {
        var strike = strikes[key] ?? Strikes()
        if sentAt >= strike.bareSince {
            strike.bare = min(strike.bare + 1, 7)
            strike.bareSince = now
        }
        strikes[key] = strike
        let wait = min(Self.longestBackoff, 1000 << Int64(strike.bare - 1))
        return min(Self.longestBackoff, Int64(Double(wait) * (0.75 + jitter / 2)))
    }

    private mutating func shut(_ key: GateKey, _ gate: Gate, _ patience: Int64?) -> Verdict {
        var gate = gate
        gate.isProbed = true
        gate.patience = patience
        gates.shut(key, gate)
        return Verdict(key: key, until: gates.shut[key]?.until ?? gate.until)
    }
}
