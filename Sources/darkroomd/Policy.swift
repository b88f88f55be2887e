// Who may ask for what: the rules of the configuration, first match wins (protocol section 7).

import Engine
import Gemini
import Wire

/// The rules as they stand, with the catalogue's names resolved.
struct Policy: Sendable {
    private let rules: [Rule]
    private let budgets: [SharedBudget]
    private let resolve: @Sendable (String) -> Model?
    private let adminUIDs: Set<UInt32>
    private let defaultModel: String

    /// The methods that rules decide.
    static let decided: Set<String> = [GenerateImage.name, PriceImage.name, Diagnose.name]

    /// What the deciding rule leaves of a request.
    struct Verdict: Sendable {
        /// `FILE:LINE` of the rule; absent when there are no rules.
        var rule: String?
        /// What each rule that decided leaves, with whom it matches, by which its budget is found again.
        var grants: [(match: String, allowance: Rule.Allowance)] = []
        /// The priority class that the rule gives, unless the caller asks for bulk.
        var priority: Priority?
        /// Whose key and quota serve it, best first; nil: any.
        var projects: [String]?
        /// The least of the grants.
        var allowance = Rule.Allowance()
        var logsPrompt = false
        /// Of which all count that are the principal's.
        var budgets: [SharedBudget] = []
        var abortsOnCancel = false
    }

    /// What the rules say to a request.
    enum Decision: Sendable {
        case allowed(Verdict)
        /// Refused, by the rule at `FILE:LINE` if one matches.
        case refused(WireError, rule: String?)
    }

    /// - Parameters:
    ///   - configuration: Whose rules apply.
    ///   - resolve: From an alias or id to the model that is asked; nothing for a name of no model.
    init(_ configuration: Configuration, resolve: @escaping @Sendable (String) -> Model?) {
        rules = configuration.rules
        budgets = configuration.budgets
        adminUIDs = configuration.adminUIDs
        defaultModel = configuration.defaultModel
        self.resolve = resolve
    }

    /// Admin methods work on the admin socket only, for uid 0 and for users that the configuration names.
    func isAdmin(uid: UInt32, socket: String) -> Bool {
        socket == Rule.SocketName.admin.rawValue && (uid == 0 || adminUIDs.contains(uid))
    }

    /// Decides about a request for an image or its price.
    ///
    /// - Parameters:
    ///   - params: What is asked for.
    ///   - method: `image.generate` or `image.price`.
    ///   - principal: Who asks.
    /// - Returns: The verdict, or why not: `not_permitted`, naming what the deciding rule would let through.
    func decide(
        _ params: GenerateImage.Params, _ method: String = GenerateImage.name, by principal: Principal
    ) -> Decision {
        guard !rules.isEmpty else {
            // `native` reaches past every check and price, so without rules it is for admins.
            guard params.native == nil || principal.isAdmin else {
                return .refused(
                    .denied(
                        "the parameter native is for admins as long as there are no rules",
                        "ask on the admin socket, or have an admin write a rule with native = true", "native"),
                    rule: nil)
            }
            return .allowed(Verdict(budgets: budgets))
        }
        let deciding: [Rule]
        switch rulesDeciding(about: principal) {
        case .rules(let rules): deciding = rules
        case .unclear(let error, let place): return .refused(error, rule: place)
        }
        guard !deciding.isEmpty else {
            return .refused(.denied("no rule lets you ask for images", "ask an admin of this host"), rule: nil)
        }
        for rule in deciding {
            if let refusal = refusal(of: params, method, by: rule) { return .refused(refusal, rule: rule.place) }
        }
        let verdict = verdict(of: deciding)
        guard verdict.projects?.isEmpty != true else {
            return .refused(
                .denied("no project is in both rules that match you", "ask an admin of this host", "project"),
                rule: verdict.rule)
        }
        return .allowed(verdict)
    }

    private enum Deciding {
        /// In order; more than one has to let a request through: what is for a unit only narrows what is for its user.
        case rules([Rule])
        case unclear(WireError, rule: String)
    }

    private func rulesDeciding(about principal: Principal) -> Deciding {
        var deciding: [Rule] = []
        for rule in rules.lazy.map({ $0.lookedUp() }) where rule.unit == nil || deciding.isEmpty {
            switch rule.match(of: principal) {
            case .no: continue
            case .unclear(let name):
                // Passed on to a wider rule, whom this one keeps in bounds would have none.
                let error = WireError.denied(
                    "a rule is for the \(name), who cannot be looked up now and may be you",
                    "try again when the directory of users answers")
                return .unclear(error, rule: rule.place)
            case .yes: deciding.append(rule)
            }
            if rule.unit == nil { break }
        }
        return .rules(deciding)
    }

    /// Whether a principal may make this image; as `decide`.
    func check(
        _ params: GenerateImage.Params, _ method: String = GenerateImage.name, by principal: Principal
    ) throws(WireError) -> Verdict {
        switch decide(params, method, by: principal) {
        case .allowed(let verdict): return verdict
        case .refused(let error, _): throw error
        }
    }

    /// What bounds a principal, whatever is asked for.
    func terms(for principal: Principal) -> Terms {
        guard case .rules(let deciding) = rulesDeciding(about: principal), !deciding.isEmpty else {
            return Verdict(budgets: budgets).terms(for: principal)
        }
        return verdict(of: deciding).terms(for: principal)
    }

    private func verdict(of rules: [Rule]) -> Verdict {
        var verdict = Verdict(rule: rules.first?.place, budgets: budgets)
        for rule in rules {
            verdict.grants.append((rule.match, rule.allowance))
            verdict.allowance = verdict.allowance.least(rule.allowance)
            verdict.priority = rule.priority == .bulk ? .bulk : verdict.priority ?? rule.priority
            verdict.logsPrompt = verdict.logsPrompt || rule.logsPrompts
            verdict.abortsOnCancel = verdict.abortsOnCancel || rule.cancel == .abort
            guard let projects = rule.projects else { continue }
            verdict.projects = verdict.projects?.filter(projects.contains) ?? projects
        }
        return verdict
    }

    /// Whether a principal may have the daemon diagnosed: whoever may ask for any image.
    func checkDiagnosis(by principal: Principal) throws(WireError) {
        guard !rules.isEmpty, !principal.isAdmin else { return }
        switch rulesDeciding(about: principal) {
        case .rules(let deciding):
            guard !deciding.isEmpty else {
                throw .denied("no rule lets you ask for images", "ask an admin of this host")
            }
            for rule in deciding {
                if let refusal = Self.refusal(of: Diagnose.name, by: rule) { throw refusal }
            }
        case .unclear(let error, _): throw error
        }
    }

    /// The error that `check` would throw, if any.
    func refusal(of params: GenerateImage.Params, by principal: Principal) -> WireError? {
        if case .refused(let error, _) = decide(params, by: principal) { return error }
        return nil
    }

    /// Whether a principal meets rules for units before the one that decides without any.
    func hasUnitRules(before place: String?, for principal: Principal) -> Bool {
        rules.prefix { $0.place != place }.contains { rule in
            guard rule.unit != nil else { return false }
            var anywhere = rule
            anywhere.unit = nil
            return anywhere.lookedUp().match(of: principal) == .yes
        }
    }

    private static func refusal(of method: String, by rule: Rule) -> WireError? {
        guard let methods = rule.methods, !methods.contains(method) else { return nil }
        let others = methods.sorted().joined(separator: ", ")
        return .denied(
            "you may not call \(method)", others.isEmpty ? "ask an admin of this host" : "you may call \(others)")
    }

    private func refusal(of params: GenerateImage.Params, _ method: String, by rule: Rule) -> WireError? {
        if let refusal = Self.refusal(of: method, by: rule) { return refusal }
        let asked = params.model ?? defaultModel
        if let models = rule.models {
            let sent = resolve(asked)?.id ?? asked
            guard models.contains(where: { $0 == asked || resolve($0)?.id == sent }) else {
                return .denied(
                    "you may not ask for the model \(asked.prefix(64))",
                    "you may ask for \(models.sorted().joined(separator: ", "))", "model")
            }
        }
        if let sizes = rule.sizes, let size = params.imageSize ?? resolve(asked)?.defaultSize {
            guard sizes.contains(size) else {
                return .denied(
                    "you may not ask for the size \(size.prefix(64))",
                    "you may ask for \(sizes.sorted().joined(separator: ", "))", "imageSize")
            }
        }
        if let most = rule.maxCount, (params.count ?? 1) > most {
            return .denied(
                "you may not ask for \(params.count ?? 1) images at once", "you may ask for \(most)", "count")
        }
        if let most = rule.maxInputs, let inputs = params.inputs?.count, inputs > most {
            return .denied("you may not bring \(inputs) input images", "you may bring \(most)", "inputs")
        }
        if let projects = rule.projects, let project = params.project, !projects.contains(project) {
            return .denied(
                "you may not ask for the project \(project.prefix(64))",
                "you may ask for \(projects.joined(separator: ", "))", "project")
        }
        if params.native != nil, !rule.mayUseNative {
            return .denied(
                "no rule grants you the parameter native", "an admin grants it with native = true in your rule",
                "native")
        }
        return nil
    }
}

extension WireError {
    /// The policy's refusal; no job exists yet, so nothing is said of charges.
    fileprivate static func denied(_ message: String, _ hint: String, _ path: String? = nil) -> WireError {
        WireError(.notPermitted, message, hint: hint, charged: nil, path: path)
    }
}
