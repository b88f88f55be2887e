// Limits and money as they stand, usage as it was, and pausing: what people ask about quota without asking for images.

import Logging
import Quota
import Store
import Synchronization
package import Wire

extension Engine {
    /// The limits that are known, what of them is used, and the budgets of whoever asks.
    ///
    /// - Parameters:
    ///   - name: One project; all when nil.
    ///   - terms: The policy's, for whoever asks.
    /// - Returns: `quota.get`'s result.
    /// - Throws: `not_found` for a project that is not there.
    package func quota(of name: String?, terms: Terms) async throws(WireError) -> GetQuota.Result {
        if let name, generators[name] == nil { throw .noProject(name) }
        do {
            try await reckon()
        } catch {
            logger.error("what was spent could not be read", metadata: ["error": "\(error)"])
            throw WireError(error)
        }
        return state.withLock { state in
            let now = moment(&state)
            for budget in terms.budgets { state.ledger.setBudget(budget.budget, for: .rule(budget.account)) }
            let projects = (name.map { [$0] } ?? generators.keys.sorted()).map { project in
                let windows = state.scheduler.windows
                let quota = state.scheduler.quota(of: project)
                let models = windows.models(project: quota).map { model in
                    GetQuota.Model(
                        model: model,
                        windows: windows.standing(project: quota, model: model, now: now)
                            .compactMap(GetQuota.Window.init))
                }
                let spend =
                    windows.spend(project: quota, now: now)
                    + state.ledger.standing(.project(project), now: now)
                return GetQuota.Project(
                    name: project, models: models.filter { !$0.windows.isEmpty },
                    spend: spend.compactMap(GetQuota.Spend.init))
            }
            let own = terms.budgets.flatMap { state.ledger.standing(.rule($0.account), now: now) }
            return GetQuota.Result(projects: projects, you: GetQuota.You(spend: own.compactMap(GetQuota.Spend.init)))
        }
    }

    /// Adds up usage: the principal's own, for an admin everybody's.
    ///
    /// - Parameters:
    ///   - params: Which time, and a row for what.
    ///   - principal: Who asks.
    ///   - userName: The name of a uid, if the host knows one.
    /// - Returns: `usage.report`'s result, the most expensive first, days in their order.
    /// - Throws: `internal` when the store cannot be read.
    package func usage(
        _ params: ReportUsage.Params, for principal: Principal, userName: (UInt32) -> String?
    ) async throws(WireError) -> ReportUsage.Result {
        let owner = principal.isAdmin ? nil : principal.uid
        let since = params.since?.milliseconds ?? 0
        let range = since..<max(since, params.until?.milliseconds ?? .max)
        do throws(StoreError) {
            var rows: [ReportUsage.Row] = []
            var total: Int64 = 0
            func add(_ sum: UsageSum, _ name: (inout ReportUsage.Row) -> Void) {
                var row = ReportUsage.Row(jobs: sum.jobs, images: sum.images, usd: Double(sum.micros) / 1_000_000)
                name(&row)
                rows.append(row)
                total += sum.micros
            }
            switch params.by {
            case .day?:
                for (day, sum) in try await days(in: range, of: owner) { add(sum) { $0.day = day } }
            case .user?:
                for sum in try await store.usage(in: range, by: .user, of: owner) {
                    add(sum) { row in row.user = sum.key.flatMap { key in UInt32(key).flatMap(userName) ?? key } }
                }
            case .model?:
                for sum in try await store.usage(in: range, by: .model, of: owner) { add(sum) { $0.model = sum.key } }
            case .project?:
                for sum in try await store.usage(in: range, by: .project, of: owner) {
                    add(sum) { $0.project = sum.key }
                }
            case nil: for sum in try await store.usage(in: range, by: nil, of: owner) { add(sum) { _ in } }
            }
            return ReportUsage.Result(rows: rows, totalUSD: Double(total) / 1_000_000)
        } catch {
            logger.error("usage could not be read", metadata: ["error": "\(error)"])
            throw WireError(error)
        }
    }

    /// Each Pacific day that has usage, the earliest first.
    private func days(
        in range: Range<Int64>, of owner: UInt32?
    ) async throws(StoreError) -> [(day: String, sum: UsageSum)] {
        guard let span = try await store.usageSpan(of: owner) else { return [] }
        var calendar = CivilCalendar.pacific
        var days: [(day: String, sum: UsageSum)] = []
        var time = max(range.lowerBound, span.lowerBound)
        while time < range.upperBound, time <= span.upperBound {
            let day = calendar.day(at: time)
            let part = time..<min(day.upperBound, range.upperBound)
            for sum in try await store.usage(in: part, by: nil, of: owner) {
                days.append((Self.name(of: day), sum))
            }
            time = day.upperBound
        }
        return days
    }

    /// `2026-11-22`; noon of a Pacific day is on the same date in UTC.
    private static func name(of day: Range<Int64>) -> String {
        let noon = day.lowerBound + (day.upperBound - day.lowerBound) / 2
        return String(Timestamp(milliseconds: noon - noon % 1000).description.prefix(10))
    }

    /// Stops sending for a project, or goes on; on record, and still so after a restart.
    ///
    /// To resume lets one job try what upstream has shut, until somebody acts or for its time: the admin has acted.
    package func setPaused(
        _ isPaused: Bool, project: String, by principal: Principal
    ) async throws(WireError) -> PauseProject.Result {
        guard generators[project] != nil else { throw .noProject(project) }
        do {
            try await reckon()
            let quota = state.withLock { $0.scheduler.quota(of: project) }
            try await store.setPaused(
                isPaused, project: project, gatesOf: quota, at: clock.now(), by: principal.origin)
        } catch {
            logger.critical(
                "a pause could not be put on record", metadata: ["project": "\(project)", "error": "\(error)"])
            throw WireError(unrecorded: error)
        }
        state.withLock { state in
            if isPaused {
                state.scheduler.pause(project: project)
            } else {
                state.scheduler.resume(project: project, now: moment(&state))
                state.lookedBehind = [:]
            }
            let quota = state.scheduler.quota(of: project)
            for id in state.scheduler.jobs(behind: GateKey(project: quota, model: nil)) {
                if let call = state[id], call.isIdle { announce(id, call.state, &state) }
            }
            pump(&state)
        }
        return PauseProject.Result(project: project, paused: isPaused)
    }
}

extension GetQuota.Window {
    fileprivate init?(_ standing: WindowStanding) {
        guard let limit = standing.limit else { return nil }
        self.init(
            kind: standing.kind.rawValue, limit: Int(limit), used: Int(standing.used), held: Int(standing.held),
            remaining: Int(standing.remaining ?? 0), resetsAt: standing.resetsAt.map(Timestamp.init(milliseconds:)),
            source: standing.isLearnt ? .learnt : .configured,
            endsAt: standing.endsAt.map(Timestamp.init(milliseconds:)))
    }
}

extension GetQuota.Spend {
    fileprivate init?(_ standing: WindowStanding) {
        guard let limit = standing.limit else { return nil }
        self.init(
            kind: standing.kind.rawValue, limitUSD: Double(limit) / 1_000_000,
            spentUSD: Double(standing.used) / 1_000_000, heldUSD: Double(standing.held) / 1_000_000,
            resetsAt: standing.resetsAt.map(Timestamp.init(milliseconds:)),
            endsAt: standing.endsAt.map(Timestamp.init(milliseconds:)))
    }
}

extension WireError {
    static func noProject(_ name: String) -> WireError {
        WireError(
            .notFound, "there is no project \(name.prefix(64))", hint: "darkroom quota lists them", path: "project")
    }
}
