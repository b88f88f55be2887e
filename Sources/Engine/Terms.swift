// What bounds a project and what the policy's deciding rule adds to a request, as the engine enforces them.

package import Quota
package import Wire

/// The limits of one project.
package struct ProjectLimits: Sendable, Equatable {
    /// By requested model: requests, images and tokens; `Limits` of `Quota`, money excepted.
    package var models: [String: Quota.Limits]
    /// In micro-dollars, in any ten minutes; waited for.
    package var spendPer10Minutes: Int64?
    /// What a day and a month may cost; refused when used up.
    package var budget: Budget
    /// The project that it shares the limits of models and of ten minutes with, being one project at Google; nil: none.
    package var quota: String?

    package init(
        models: [String: Quota.Limits] = [:], spendPer10Minutes: Int64? = nil, budget: Budget = Budget(),
        quota: String? = nil
    ) {
        self.quota = quota
        self.models = models
        self.spendPer10Minutes = spendPer10Minutes
        self.budget = budget
    }
}

/// What the policy's deciding rule adds to a request.
package struct Terms: Sendable, Equatable {
    /// A budget that a request concerns, beside its project's.
    package struct RuleBudget: Sendable, Equatable {
        /// Whose.
        ///
        /// The same text in every run, since what was spent is found by it. Where each user of a rule has a budget of
        /// its own, it names the user.
        package var account: String
        package var budget: Budget

        package init(account: String, budget: Budget) {
            self.account = account
            self.budget = budget
        }
    }

    package var budgets: [RuleBudget]
    /// The projects that may serve it, the first as long as it has room; empty: the one that is asked for or the
    /// default.
    package var projects: [String]
    /// The class of its jobs where the caller says none; bulk stands whatever the caller says.
    package var priority: Priority?
    /// Most calls of this user that are under way at once, and that wait.
    package var concurrency: Int?
    package var queue: Int?
    /// Whether the text of the prompt is on record, beside its hash.
    package var logsPrompt = false
    /// Whether `job.cancel` aborts what is sent, whose outcome nobody knows then.
    package var abortsOnCancel = false

    package init(
        budgets: [RuleBudget] = [], projects: [String] = [], priority: Priority? = nil, concurrency: Int? = nil,
        queue: Int? = nil
    ) {
        self.budgets = budgets
        self.projects = projects
        self.priority = priority
        self.concurrency = concurrency
        self.queue = queue
    }
}
