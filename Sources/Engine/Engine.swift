// The life of a job, from admitted to kept. Knows what draws only through `ImageGenerator`.
//
// State lives behind one lock and is never held across an await; after each await the store decides what is true. Every
// job under way is a child task of `run()`, which is what stops and what waits.

import HeapModule
package import Logging
package import Store
import Wire

package import Quota
import Synchronization

/// What bounds the engine.
package struct EngineSettings: Sendable {
    /// Most jobs that have not started, in total and of one uid.
    package var maxQueue: Int
    package var maxQueuePerUser: Int
    /// Exchanges at once, by project name; 8 for a project that is not here.
    package var maxConcurrent: [String: Int]
    package var defaultDeadline: Duration
    package var inputs: InputLimits
    /// How long the hold of a job of unknown outcome is kept; then it counts as charged.
    package var unknownHold: Duration
    /// What is kept of jobs that have ended.
    package var retention: Retention
    /// By project name; nothing bounds one that is not here but its slots.
    package var projectLimits: [String: ProjectLimits]
    /// The days and months of budgets.
    package var calendar: CivilCalendar
    /// From 0 to 1, by chance, so that daemons that were refused together do not come back together.
    package var jitter: @Sendable () -> Double

    package init(
        maxQueue: Int = 10_000, maxQueuePerUser: Int = 10_000, maxConcurrent: [String: Int] = [:],
        defaultDeadline: Duration = .seconds(600), inputs: InputLimits = InputLimits(),
        unknownHold: Duration = .seconds(86_400), retention: Retention = Retention(),
        projectLimits: [String: ProjectLimits] = [:], calendar: CivilCalendar = .pacific,
        jitter: @escaping @Sendable () -> Double = { .random(in: 0...1) }
    ) {
        self.maxQueue = maxQueue
        self.maxQueuePerUser = maxQueuePerUser
        self.maxConcurrent = maxConcurrent
        self.defaultDeadline = defaultDeadline
        self.inputs = inputs
        self.unknownHold = unknownHold
        self.retention = retention
        self.projectLimits = projectLimits
        self.calendar = calendar
        self.jitter = jitter
    }

    /// What bounds each of some projects.
    fileprivate func limits(of projects: some Sequence<String>) -> [String: ProjectLimits] {
        Dictionary(uniqueKeysWithValues: projects.map { ($0, projectLimits[$0] ?? ProjectLimits()) })
    }
}

/// Runs jobs.
package final class Engine: Sendable {
    struct State {
        enum Phase { case new, running, stopping, stopped }

        var phase = Phase.new
        /// That `run()` is under way.
        var isRunning = false
        /// That the jobs of the run before are in memory, and who holds until they are.
        var isTakenUp = false
        var holders: [Int: CheckedContinuation<Void, Never>] = [:]
        /// Idempotency keys of which a request is being admitted, and who waits for its verdict.
        var keys: [OwnedKey: [Int: CheckedContinuation<Bool, Never>]] = [:]
        var scheduler: Scheduler<CallID>
        var ledger: Ledger<CallID>
        /// That what the run before has used and holds is counted.
        var isReckoned = false
        var watch: ClockWatch
        var jobs: [JobID: LiveJob] = [:]
        var alarms = Heap<Alarm>()
        /// When the timekeeper looks next; an earlier alarm rings its bell.
        var armed: Int64?
        /// When it was last said that the disk is full.
        var fullSaidAt: Int64?
        /// What upstream said when it shut a gate.
        var gateErrors: [GateKey: WireError] = [:]
        /// Until when a gate was shut when those behind it were last looked at: each of those that run into it together
        /// says the same.
        var lookedBehind: [GateKey: Int64] = [:]
        /// Requests that were led to a job which was there already, under their idempotency key.
        var joined = 0
        /// Requests that would have taken an earlier result, and found none.
        var missed = 0
        var tasksUnderWay = 0
        var drainUntil: Timestamp?
        var nextToken = 0
    }

    /// Work for a child task of `run()`.
    enum Work: Sendable {
        /// Take it through an exchange with the slot that it holds; `isStarted` when admission wrote `sent` already.
        case drive(Ticket<CallID>, isStarted: Bool)
        /// End it unsent.
        case refuse(CallID, WireError)
    }

    let store: Store
    let generators: [String: any ImageGenerator]
    let defaultProject: String
    private let configured: Mutex<EngineSettings>
    let clock: any EngineClock
    let logger: Logger
    let state: Mutex<State>
    let timekeeper = Bell()
    let idle = Bell()
    let ended = Bell()
    private let work: AsyncStream<Work>
    private let workInput: AsyncStream<Work>.Continuation

    /// - Parameters:
    ///   - store: The open state directory.
    ///   - generators: What draws, by project name.
    ///   - defaultProject: The project of a request that names none.
    ///   - settings: Bounds.
    ///   - clock: `SystemClock()` but in tests.
    ///   - logger: Never told a prompt, a key or a path.
    package init(
        store: Store, generators: [String: any ImageGenerator], defaultProject: String, settings: EngineSettings,
        clock: any EngineClock, logger: Logger
    ) {
        self.store = store
        self.generators = generators
        self.defaultProject = defaultProject
        configured = Mutex(settings)
        self.clock = clock
        self.logger = logger
        let slots = generators.keys.map { ($0, settings.maxConcurrent[$0] ?? 8) }
        let scheduler = Scheduler<CallID>(
            bounds: Scheduler.Bounds(total: settings.maxQueue, perPrincipal: settings.maxQueuePerUser),
            slots: Dictionary(uniqueKeysWithValues: slots), windows: Windows(money: settings.calendar))
        var state = State(
            scheduler: scheduler, ledger: Ledger(calendar: settings.calendar),
            watch: ClockWatch(wall: clock.now().milliseconds, steady: clock.elapsed().milliseconds))
        state.limit(settings.limits(of: generators.keys))
        self.state = Mutex(state)
        (work, workInput) = AsyncStream.makeStream()
    }

    var settings: EngineSettings { configured.withLock { $0 } }

    /// Puts other bounds in force; slots and the calendar stay as they are, and so does what was used and learnt.
    ///
    /// What is queued or kept beyond them stays: bounds are for what comes.
    package func adopt(_ settings: EngineSettings) {
        configured.withLock { $0 = settings }
        state.withLock { state in
            state.scheduler.bounds.total = settings.maxQueue
            state.scheduler.bounds.perPrincipal = settings.maxQueuePerUser
            state.limit(settings.limits(of: generators.keys))
            pump(&state)
        }
    }

    /// Takes up what the run before left and works until `stop`, or until the task is cancelled.
    package func run() async {
        state.withLock { $0.isRunning = true }
        let start = clock.now()
        await withDiscardingTaskGroup { group in
            group.addTask { await self.keepTime() }
            group.addTask {
                await self.takeUp()
                await self.sweep(before: start)
            }
            group.addTask { await self.settleUnknown() }
            group.addTask { await self.keepHouse(since: start) }
            for await item in work { group.addTask { await self.perform(item) } }
            state.withLock { $0.phase = .stopping }
            // Stopping: what is under way may finish until the drain ends, and is aborted then.
            if !Task.isCancelled { await drain() }
            group.cancelAll()
        }
        leaveNobodyWaiting()
        ended.ring()
    }

    /// Answers whoever still waits when the run is over.
    private func leaveNobodyWaiting() {
        let (jobs, holders) = state.withLock { state in
            let jobs = state.jobs.values.filter { !$0.waiters.isEmpty || !$0.watchers.isEmpty }
            for job in jobs {
                state.jobs[job.id]?.waiters = [:]
                state.jobs[job.id]?.watchers = [:]
            }
            state.phase = .stopped
            state.isRunning = false
            return (jobs, state.takeHolders())
        }
        for holder in holders { holder.resume() }
        for job in jobs {
            let error = Self.stoppingError(job)
            for waiter in job.waiters.values { waiter.resume(returning: .interrupted(error)) }
            for watcher in job.watchers.values { watcher.finish() }
        }
    }

    /// Stops: nothing new is admitted or sent, whoever waits for an unsent job is told, what is sent may finish.
    ///
    /// - Parameter limit: How long it may take; then exchanges are aborted and end as `unknown`.
    package func stop(drain limit: Duration) async {
        let (wasRunning, holders) = state.withLock { state in
            if state.phase != .stopped { state.phase = .stopping }
            state.drainUntil = Timestamp(milliseconds: clock.now().milliseconds + limit.milliseconds)
            let waited = state.jobs.values.filter { !$0.waiters.isEmpty && $0.hasIdleCall }
            for job in waited { interrupt(job.id, Self.stoppingError(job), &state) }
            return (state.isRunning, state.takeHolders())
        }
        for holder in holders { holder.resume() }
        FaultPoint.reach(.stopBegun)
        workInput.finish()
        if wasRunning { await ended.wait() }
    }

    /// What is told of a job that goes on with the next run; another of its calls may be out, or have its image.
    static func stoppingError(_ job: LiveJob) -> WireError {
        stoppingError(job.id, charged: job.mayHaveCost ? .unknown : .no)
    }

    static func stoppingError(_ id: JobID, charged: Charged) -> WireError {
        WireError(
            .stopping, "the daemon is stopping; the job goes on when it is back", hint: "darkroom wait \(id)",
            charged: charged, job: id)
    }

    private func drain() async {
        while true {
            let (isIdle, until) = state.withLock { ($0.tasksUnderWay == 0, $0.drainUntil) }
            let now = clock.now()
            guard !isIdle, let until, until > now else { return }
            await idle.wait(until: until, on: clock)
        }
    }

    /// Hands work to `run()`; the count of it is what a drain waits for.
    ///
    /// - Returns: False when the engine no longer takes any.
    func submit(_ item: Work, _ state: inout State) -> Bool {
        guard case .enqueued = workInput.yield(item) else { return false }
        state.tasksUnderWay += 1
        return true
    }

    private func perform(_ item: Work) async {
        switch item {
        case .drive(let ticket, let isStarted): await drive(ticket, isStarted: isStarted)
        case .refuse(let id, let error): await refuse(id, error)
        }
        let isIdle = state.withLock { state in
            state.tasksUnderWay -= 1
            return state.tasksUnderWay == 0 && state.phase == .stopping
        }
        if isIdle { idle.ring() }
    }

    /// Gives free slots to whoever is next.
    func pump(_ state: inout State) {
        guard state.phase == .running else { return }
        let now = moment(&state)
        // Again after those that no waiting helps: somebody may have stood behind them.
        repeat {
            while let ticket = state.scheduler.next(now: now) {
                guard submit(.drive(ticket, isStarted: false), &state) else {
                    // The run was cancelled: the job stays what it is.
                    state.scheduler.finish(ticket, .unsent, now: now)
                    state.scheduler.seat(ticket)
                    return
                }
                state[ticket.job]?.isHandedOver = true
            }
        } while endForEver(now: now, &state)
        for key in state.scheduler.takeUsedUpDays() { endHopeless(behind: key, now: now, &state) }
        if let opening = state.scheduler.nextOpening(now: now) { arm(for: opening, &state) }
    }
}

extension Duration {
    /// Whole milliseconds, rounded down.
    package var milliseconds: Int64 {
        components.seconds * 1000 + components.attoseconds / 1_000_000_000_000_000
    }

    var fractionalMilliseconds: Double {
        Double(components.seconds) * 1000 + Double(components.attoseconds / 1_000_000_000_000) / 1000
    }
}
