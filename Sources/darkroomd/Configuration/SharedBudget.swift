// One [[budget]]: what a user, a group or a unit may cost, beside what the deciding rule says. All that match count.

import Engine
import Quota

/// A budget beside those of rules and projects.
struct SharedBudget: Sendable {
    /// Whom it matches: each that is set has to match; one is.
    private var uid: UInt32?
    private var gid: UInt32?
    /// It names a user or a group that this host does not know now, so it matches nobody.
    private var isForNobody = false
    /// A shell pattern of systemd units.
    private var unit: String?
    /// Whether each user has it, or all that match together.
    private var isEach = false
    private var budget = Budget()

    /// What it says to somebody; nothing to whom it does not match.
    func terms(for principal: Principal) -> Terms.RuleBudget? {
        if isForNobody { return nil }
        if let uid, principal.uid != uid { return nil }
        if let gid, principal.gid != gid, !principal.groups.contains(gid) { return nil }
        if let unit {
            guard let name = principal.unit, ShellPattern.matches(name, unit) else { return nil }
        }
        // What was spent is found by it, so it is the same wherever the budget stands.
        let match = [uid.map { "uid \($0)" }, gid.map { "gid \($0)" }, unit.map { "unit \($0)" }]
            .compactMap { $0 }.joined(separator: ", ")
        return Terms.RuleBudget(
            account: "budget \(match)" + (isEach ? ": uid \(principal.uid)" : ""), budget: budget)
    }
}

extension SharedBudget {
    init(_ reader: inout SettingReader, cautions: inout [String]) throws(ConfigurationError) {
        // user: a name or a uid.
        let user = try reader.string("user")
        uid = user.flatMap { Accounts.uid(of: $0, reader.origin(of: "user"), &cautions) }
        // group: a name or a gid; primary and supplementary groups count.
        let group = try reader.string("group")
        gid = group.flatMap { Accounts.gid(of: $0, reader.origin(of: "group"), &cautions) }
        isForNobody = (user != nil && uid == nil) || (group != nil && gid == nil)
        // unit: a pattern of systemd units, build-*.service.
        unit = try reader.string("unit")
        guard user != nil || group != nil || unit != nil else {
            throw ConfigurationError(
                origin: reader.origin, reason: "a budget needs a user, a group or a unit that it is for")
        }
        // each: whether each user that matches has it, or all together; false.
        isEach = try reader.bool("each") ?? false
        // per_day: US dollars a day.
        budget.perDay = try reader.number("per_day", in: 0...1_000_000_000).map(Self.micros)
        // per_month: US dollars a month.
        budget.perMonth = try reader.number("per_month", in: 0...1_000_000_000).map(Self.micros)
        guard budget != Budget() else {
            throw ConfigurationError(origin: reader.origin, reason: "a budget needs per_day or per_month")
        }
        try reader.finish()
    }

    private static func micros(_ dollars: Double) -> Int64 { Int64((dollars * 1_000_000).rounded()) }
}
