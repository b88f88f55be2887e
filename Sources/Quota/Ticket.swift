// What the scheduler knows of a job, and what it says of it.

/// A job on its way to a slot: one call, if a request has several.
package struct Ticket<Job: Hashable & Sendable>: Sendable {
    package enum Class: Sendable, CaseIterable { case interactive, bulk }

    package var job: Job
    /// The uid that shares of the queue are reckoned by.
    package var principal: UInt32
    /// While it is queued the one that it is for; of a started job the one whose slot it has.
    package var project: String
    /// As sent: what upstream counts.
    package var model: String
    package var `class`: Class
    package var demand: Demand
    /// Projects that may serve it when its own has no room, the first that has.
    package var overflow: [String]
    /// Most jobs of its principal that may be under way at once, over all projects; nil: as many as there are slots.
    package var mostUnderWay: Int?
    /// Most unstarted jobs of its principal, where that is less than the scheduler's bound.
    package var mostQueued: Int?
    /// The project that it is for, if another serves it.
    var lender: String?
    /// Its place among all of its project that ever stood in line; nil until it does.
    var arrival: Int?

    package init(
        job: Job, principal: UInt32, project: String, model: String, `class`: Class, demand: Demand = Demand(),
        overflow: [String] = [], mostUnderWay: Int? = nil, mostQueued: Int? = nil
    ) {
        self.job = job
        self.principal = principal
        self.project = project
        self.model = model
        self.class = `class`
        self.demand = demand
        self.overflow = overflow
        self.mostUnderWay = mostUnderWay
        self.mostQueued = mostQueued
    }

    /// The project that it was admitted for.
    package var home: String { lender ?? project }
}

/// What a new job is told.
package enum Admission: Sendable, Equatable {
    /// It has a slot already: nobody was ahead and no gate or window was shut.
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

/// How a started job came back.
package enum Ending: Sendable, Equatable {
    /// An answer of any kind but a refusal; what it cost, which may be nothing.
    case answered(costMicros: Int64)
    /// 429 or 503; it cost nothing.
    case refused
    /// No byte of it left: it counts for nothing.
    case unsent
    /// It went out, and nobody knows: its hold counts as spent.
    case unknown
}

/// What keeps a queued job from starting although a slot may be free.
package enum Obstacle: Sendable, Equatable {
    case gate(Gate)
    case window(WindowObstacle)

    /// When it goes away; nil when that cannot be told: an ending or an admin must come first.
    package var until: Int64? {
        switch self {
        case .gate(let gate): gate.until == Gate.untilOpened ? nil : gate.until
        case .window(let window): if case .at(let time) = window.opening { time } else { nil }
        }
    }

    /// That no waiting helps: the request is more than a whole limit.
    package var isForEver: Bool {
        if case .window(let window) = self { window.opening == .never } else { false }
    }
}
