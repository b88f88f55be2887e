// What is counted: limits of projects, holds and budgets, rebuilt at a start from what the run before has written down.

import HeapModule
import Logging
package import Quota
import Store
import Synchronization
import Wire

/// What became of a call's hold.
enum Settlement: Sendable {
    /// It cost this, in micro-dollars.
    case cost(Int64)
    /// It may have cost all of it: then that is reckoned.
    case whole
    /// Nobody knows yet, so it stands.
    case open
    case nothing
}

extension Engine.State {
    /// Sets what bounds projects; what was used stays.
    ///
    /// Those that share a quota have the limits that any of them states.
    mutating func limit(_ projects: [String: ProjectLimits]) {
        scheduler.share(projects.compactMapValues(\.quota).filter { $0.key != $0.value })
        var shared: [String: (models: [String: Quota.Limits], spend: Quota.Limits)] = [:]
        for (project, limits) in projects {
            ledger.setBudget(limits.budget, for: .project(project))
            let quota = scheduler.quota(of: project)
            for (model, ofModel) in limits.models {
                for kind in ofModel.kinds {
                    shared[quota, default: ([:], [:])].models[model, default: [:]][kind] = ofModel[kind]
                }
            }
            shared[quota, default: ([:], [:])].spend[.spendPer10Minutes] =
                limits.spendPer10Minutes ?? shared[quota]?.spend[.spendPer10Minutes]
        }
        for (quota, limits) in shared {
            scheduler.windows.configure(project: quota, models: limits.models, spend: limits.spend)
        }
    }

    /// Holds the money of some calls, for all of them or for none.
    mutating func hold(_ calls: [CallID], _ micros: Int64, _ ticket: Ticket<CallID>, _ terms: Terms, now: Int64)
        throws(Overdraft)
    {
        for budget in terms.budgets { ledger.setBudget(budget.budget, for: .rule(budget.account)) }
        try ledger.hold(
            calls, micros: micros, accounts: Self.accounts(ticket.home, terms.budgets.map(\.account)), now: now)
    }

    mutating func settle(_ id: CallID, _ settlement: Settlement, now: Int64) {
        switch settlement {
        case .cost(let micros): ledger.settle(id, micros: micros, now: now)
        case .whole: ledger.settle(id, micros: ledger.held(id) ?? 0, now: now)
        case .open: ledger.markUnknown(id)
        case .nothing: ledger.release(id, now: now)
        }
    }

    /// Counts what the run before has used and holds.
    fileprivate mutating func restore(_ reckoning: Reckoning, now: Int64) {
        guard !isReckoned else { return }
        isReckoned = true
        for spent in reckoning.spent {
            ledger.restore(
                spent: spent.micros, accounts: Self.accounts(spent.project, spent.budgets), at: min(spent.at, now))
        }
        ledger.reserve(reckoning.holds.count)
        // Most have the accounts of the one before.
        var before: (project: String, budgets: [String], accounts: [Account])?
        for hold in reckoning.holds {
            if before?.project != hold.project || before?.budgets != hold.budgets {
                before = (hold.project, hold.budgets, Self.accounts(hold.project, hold.budgets))
            }
            ledger.restore(
                CallID(job: hold.job, call: hold.call), micros: hold.micros, accounts: before?.accounts ?? [],
                isUnknown: hold.isUnknown)
        }
        scheduler.windows.restore(
            reckoning.sent.map {
                // What lies in the future was written by a clock that has been set since.
                UsageRow(
                    at: min($0.at, now), project: scheduler.quota(of: $0.project), model: $0.model,
                    images: $0.requests, inputTokens: $0.inputTokens, costMicros: $0.costMicros, isBulk: $0.isBulk,
                    endedAt: $0.ended.map { min($0, now) }, requests: $0.requests)
            })
        for project in reckoning.paused { scheduler.pause(project: project) }
        for limit in reckoning.limits where limit.until > now {
            guard let kind = WindowKind(rawValue: limit.kind) else { continue }
            scheduler.windows.restore(
                LearntLimit(
                    project: scheduler.quota(of: limit.project), model: limit.model, kind: kind, limit: limit.value,
                    until: limit.until))
        }
        for gate in reckoning.gates where gate.until > now {
            let key = GateKey(project: scheduler.quota(of: gate.project), model: gate.model)
            scheduler.shut(
                key,
                Gate(
                    until: gate.until, reason: gate.error.kind.rawValue, isProbed: true, patience: gate.patience,
                    isOfCalendar: gate.isOfCalendar))
            gateErrors[key] = gate.error
        }
    }

    private static func accounts(_ project: String, _ rules: [String]) -> [Account] {
        [.project(project)] + Set(rules).sorted().map(Account.rule)
    }
}

extension Engine {
    /// Counts what the run before has used and holds, once; nothing is admitted before.
    func reckon() async throws(StoreError) {
        guard !state.withLock({ $0.isReckoned }) else { return }
        let now = clock.now().milliseconds
        var pacific = CivilCalendar.pacific
        var money = settings.calendar
        let month = min(pacific.month(at: now).lowerBound, money.month(at: now).lowerBound)
        let reckoning = try await store.reckoning(
            spentSince: Timestamp(milliseconds: month), sentSince: Timestamp(milliseconds: now - Store.sentKept),
            newest: Timestamp(milliseconds: now - 660_000))
        state.withLock { $0.restore(reckoning, now: now) }
    }

    /// The time, in milliseconds since 1970; when the wall clock was set since the last time, what is remembered by
    /// elapsed time moves with it.
    func moment(_ state: inout State) -> Int64 {
        let now = clock.now().milliseconds
        guard let step = state.watch.step(wall: now, steady: clock.elapsed().milliseconds) else { return now }
        logger.notice("the clock was set", metadata: ["milliseconds": "\(step)"])
        state.scheduler.clockWasSet(by: step)
        state.ledger.clockWasSet(by: step)
        state.fullSaidAt = state.fullSaidAt.map { $0 + step }
        state.alarms = Heap<Alarm>()
        for id in state.jobs.keys {
            state.jobs[id]?.shift(by: step)
            setAlarm(of: id, &state)
        }
        return now
    }

    /// What a peer is told when there is no money for a request.
    static func overBudget(_ overdraft: Overdraft, now: Int64) -> WireError {
        func dollars(_ micros: Int64) -> String { "$\(Double(micros) / 1_000_000)" }
        let whose =
            switch overdraft.account {
            case .project(let name): "the budget of project \(name)"
            case .principal, .group, .unit, .rule: "your budget"
            }
        let span = overdraft.kind == .spendPerMonth ? "month" : "day"
        var error = WireError(
            .overBudget,
            "\(whose) for the \(span) is \(dollars(overdraft.limit)): \(dollars(overdraft.spent)) is spent and "
                + "\(dollars(overdraft.held)) held",
            hint: "ask for less, or wait for the next \(span)")
        error.resetsAt = Timestamp(milliseconds: overdraft.resetsAt)
        return error
    }

    /// Whether all money that this run knows of is where it should be; for a check.
    package var isBalanced: Bool { state.withLock { $0.ledger.isBalanced } }

    /// All money that this run knows of, in micro-dollars.
    package var balance: Balance { state.withLock { $0.ledger.balance } }
}
