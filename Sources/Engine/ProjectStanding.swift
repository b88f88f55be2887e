// What keeps a project's jobs from being sent now, for whoever looks for the reason: a pause, shut gates, used-up money
// and days.

import Quota
import Synchronization
package import Wire

/// What stands in the way of one project.
package struct ProjectStanding: Sendable {
    /// What holds jobs back.
    package struct Obstacle: Sendable {
        /// Nil when it concerns every model.
        package var model: String?
        /// As a job that runs into it would be told, with when or by whom it opens.
        package var error: WireError
    }

    package var isPaused: Bool
    package var obstacles: [Obstacle]
}

extension Engine {
    /// What stands in the way of a project's jobs as of now; what has opened is not in it.
    package func standing(of project: String) -> ProjectStanding {
        state.withLock { state in
            let now = moment(&state)
            let quota = state.scheduler.quota(of: project)
            var obstacles = state.gateErrors.compactMap { key, error -> ProjectStanding.Obstacle? in
                guard key.project == quota, let gate = state.scheduler.gate(key), gate.until > now else { return nil }
                var error = error
                error.tellOpening(gate.until, project: project)
                return ProjectStanding.Obstacle(model: key.model, error: error)
            }
            let budget = state.ledger.standing(.project(project), now: now)
            obstacles += budget.filter(\.isUsedUp).map { Self.usedUp($0, model: nil, project: project) }
            for model in state.scheduler.windows.models(project: quota) {
                let days = state.scheduler.windows.standing(project: quota, model: model, now: now)
                    .filter { $0.kind == .requestsPerDay && $0.isUsedUp }
                obstacles += days.map { Self.usedUp($0, model: model, project: project) }
            }
            return ProjectStanding(isPaused: state.scheduler.isPaused(project: project), obstacles: obstacles)
        }
    }

    private static func usedUp(
        _ standing: WindowStanding, model: String?, project: String
    ) -> ProjectStanding.Obstacle {
        let kind = standing.kind.rawValue
        var error =
            standing.kind.isSpend
            ? WireError(.overBudget, "the budget \(kind) of project \(project) is used up")
            : WireError(.quotaDay, "the limit \(kind) of \(model ?? "") in project \(project) is used up")
        if let time = standing.resetsAt { error.tellOpening(time, project: project) }
        return ProjectStanding.Obstacle(model: model, error: error)
    }
}

extension WindowStanding {
    fileprivate var isUsedUp: Bool { remaining.map { $0 <= 0 } ?? false }
}
