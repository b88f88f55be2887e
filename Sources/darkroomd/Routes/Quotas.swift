// The methods about quota and money, which ask and spend nothing; and the pause of a project.

import Engine
import Gemini
import LineSocket
import Quota
import Wire

extension Methods {
    func price(_ params: GenerateImage.Params, _ exchange: Exchange) async throws -> PriceImage.Result {
        exchange.model.note(catalogue.resolve(params.model ?? defaultModel)?.id)
        let inputs = try InputReading.sources(of: params.inputs ?? [], exchange.descriptors.take())
        let params = homed(params)
        return try await onRecord(params, exchange.principal) {
            let verdict = try policy.check(params, PriceImage.name, by: exchange.principal)
            return try await engine.price(
                params, inputs: inputs, from: exchange.principal, terms: verdict.terms(for: exchange.principal))
        }
    }

    func quota(_ params: GetQuota.Params, _ exchange: Exchange) async throws -> GetQuota.Result {
        try await engine.quota(of: params.project, terms: policy.terms(for: exchange.principal))
    }

    func usage(_ params: ReportUsage.Params, _ exchange: Exchange) async throws -> ReportUsage.Result {
        try await engine.usage(params, for: exchange.principal) { Accounts.userName(of: $0) }
    }

    func pause(_ isPaused: Bool, _ params: PauseProject.Params, _ exchange: Exchange) async throws
        -> PauseProject.Result
    {
        let result = try await engine.setPaused(isPaused, project: params.project, by: exchange.principal)
        looks.forget(params.project)
        return result
    }

    /// The route may be all that somebody wants to say; whose key serves it is the configuration's affair.
    func homed(_ params: GenerateImage.Params) -> GenerateImage.Params {
        guard params.project == nil, let route = params.route else { return params }
        var params = params
        params.project = projects.first { $0.configuration.route == route }?.configuration.name
        return params
    }
}

extension Policy.Verdict {
    /// What the engine enforces of the rule.
    func terms(for principal: Principal) -> Terms {
        var terms = Terms(
            projects: projects ?? [], priority: priority, concurrency: allowance.maxConcurrent,
            queue: allowance.maxQueue)
        terms.logsPrompt = logsPrompt
        terms.abortsOnCancel = abortsOnCancel
        for (match, allowance) in grants {
            let own = Budget(perDay: allowance.perDay, perMonth: allowance.perMonth)
            let total = Budget(perDay: allowance.totalPerDay, perMonth: allowance.totalPerMonth)
            if own != Budget() {
                terms.budgets.append(
                    Terms.RuleBudget(account: "each of \(match): uid \(principal.uid)", budget: own))
            }
            if total != Budget() { terms.budgets.append(Terms.RuleBudget(account: "all of \(match)", budget: total)) }
        }
        terms.budgets += budgets.compactMap { $0.terms(for: principal) }
        return terms
    }
}
