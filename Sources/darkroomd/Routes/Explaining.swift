// `policy.explain`: what the rules say to a user's request, for the admin who wrote them.

import Engine
import Wire

extension Methods {
    func explain(_ params: ExplainPolicy.Params) throws(WireError) -> ExplainPolicy.Result {
        guard let account = Accounts.account(named: params.user) else {
            throw WireError(.invalidParams, "there is no user \(params.user.prefix(64)) on this host", path: "user")
        }
        let policy = policy
        let socket = Rule.SocketName.api
        let principal = Principal(
            uid: account.uid, gid: account.gid, groups: account.groups, pid: 0, unit: nil, socket: socket.rawValue,
            isAdmin: false)
        let decision = policy.decide(params.request, by: principal)
        var result: ExplainPolicy.Result
        switch decision {
        case .allowed(let verdict):
            result = ExplainPolicy.Result(allowed: true, rule: verdict.rule, reason: verdict.reason)
        case .refused(let error, let rule):
            let hint = error.hint.map { "; \($0)" } ?? ""
            result = ExplainPolicy.Result(allowed: false, rule: rule, reason: error.message + hint)
        }
        if policy.hasUnitRules(before: result.rule, for: principal) {
            result.reason += "; in some units an earlier rule narrows it"
        }
        return result
    }
}

extension Policy.Verdict {
    /// What the rule grants, in a clause.
    fileprivate var reason: String {
        guard rule != nil else { return "there are no rules: whoever may connect may ask" }
        var grants: [String] = []
        if let priority { grants.append("priority \(priority.rawValue)") }
        if let projects { grants.append("projects \(projects.joined(separator: ", "))") }
        if let most = allowance.perDay { grants.append("\(Double(most) / 1_000_000) dollars a day") }
        if let most = allowance.perMonth { grants.append("\(Double(most) / 1_000_000) dollars a month") }
        if let most = allowance.maxConcurrent { grants.append("\(most) at once") }
        if let most = allowance.maxQueue { grants.append("\(most) waiting") }
        return "the rule lets it through" + (grants.isEmpty ? "" : ": " + grants.joined(separator: ", "))
    }
}
