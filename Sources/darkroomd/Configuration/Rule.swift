// One [[rule]]: who may ask for what, and how much of it. First match wins; rules but no match: denied.

import Engine
import Wire

/// A policy rule.
struct Rule: Sendable {
    var origin: Setting.Origin
    /// Whom it matches: each that is set has to match; at least one of the first three is set.
    var uid: UInt32?
    var gid: UInt32?
    var socket: String?
    /// A user and a group that it names and this host did not know when it was read.
    var unknownUser: String?
    var unknownGroup: String?
    /// A shell pattern; may only narrow, since a unit is attribution and no authority.
    var unit: String?
    var models: Set<String>?
    var sizes: Set<String>?
    /// Names of methods beyond which it lets nothing through, of those that a policy decides; nil: all of them.
    var methods: Set<String>?
    var maxCount: Int?
    var maxInputs: Int?
    /// Whose key and quota serve it, best first; nil: any, and the configuration's first by default.
    var projects: [String]?
    var priority: Priority?
    /// Whether the parameter `native` may be used.
    var mayUseNative = false
    /// Whether the text of prompts goes into the record.
    var logsPrompts = false
    /// What `job.cancel` does with what is sent.
    var cancel = Cancelling.finish
    var allowance = Allowance()

    /// How much each user that a rule matches may have; nil is no bound but the daemon's.
    struct Allowance: Sendable, Hashable {
        /// Micro-dollars.
        var perDay: Int64?
        var perMonth: Int64?
        /// Calls under way at once, and those that wait.
        var maxConcurrent: Int?
        var maxQueue: Int?
        /// Micro-dollars, of all users together.
        var totalPerDay: Int64?
        var totalPerMonth: Int64?

        /// What both leave.
        func least(_ other: Allowance) -> Allowance {
            func least<Number: Comparable>(_ one: Number?, _ two: Number?) -> Number? {
                [one, two].compactMap { $0 }.min()
            }
            return Allowance(
                perDay: least(perDay, other.perDay), perMonth: least(perMonth, other.perMonth),
                maxConcurrent: least(maxConcurrent, other.maxConcurrent), maxQueue: least(maxQueue, other.maxQueue),
                totalPerDay: least(totalPerDay, other.totalPerDay),
                totalPerMonth: least(totalPerMonth, other.totalPerMonth))
        }
    }

    /// `FILE:LINE`, which tells two rules apart.
    var place: String { "\(origin.file):\(origin.line ?? 0)" }

    /// Whom it matches, in words that stay the same wherever the rule stands.
    var match: String {
        [
            uid.map { "uid \($0)" }, gid.map { "gid \($0)" }, socket.map { "socket \($0)" }, unit.map { "unit \($0)" },
        ].compactMap { $0 }.joined(separator: ", ")
    }

    /// Whether a rule is for a principal.
    enum Match: Equatable {
        case yes, no
        /// Nobody can say: this name cannot be looked up, and the principal has none that would tell.
        case unclear(String)
    }

    func match(of principal: Principal) -> Match {
        if let uid, principal.uid != uid { return .no }
        if let gid, principal.gid != gid, !principal.groups.contains(gid) { return .no }
        if let socket, principal.socket != socket { return .no }
        if let unit {
            guard let name = principal.unit, ShellPattern.matches(name, unit) else { return .no }
        }
        // Whose own name is known is somebody else: the directory that has it answers.
        if let unknownUser {
            return Accounts.userName(of: principal.uid) == nil ? .unclear("user \(unknownUser)") : .no
        }
        if let unknownGroup {
            let groups = [principal.gid] + principal.groups
            return groups.allSatisfy(Accounts.knowsGroup) ? .no : .unclear("group \(unknownGroup)")
        }
        return .yes
    }

    /// The same, with the accounts that have become known since it was read.
    func lookedUp() -> Rule {
        var rule = self
        if let name = unknownUser, let uid = Accounts.uid(named: name) {
            rule.uid = uid
            rule.unknownUser = nil
        }
        if let name = unknownGroup, let gid = Accounts.gid(named: name) {
            rule.gid = gid
            rule.unknownGroup = nil
        }
        return rule
    }
}

extension Rule {
    init(
        _ reader: inout SettingReader, models names: ModelNames, projects known: [String], cautions: inout [String]
    ) throws(ConfigurationError) {
        origin = reader.origin
        // user: a name or a uid.
        let user = try reader.string("user")
        uid = user.flatMap { Accounts.uid(of: $0, reader.origin(of: "user"), &cautions) }
        // group: a name or a gid; primary and supplementary groups count.
        let group = try reader.string("group")
        gid = group.flatMap { Accounts.gid(of: $0, reader.origin(of: "group"), &cautions) }
        unknownUser = uid == nil ? user : nil
        unknownGroup = gid == nil ? group : nil
        // socket: the name of the listening socket, "api" or "admin".
        socket = try reader.token("socket", SocketName.self)?.rawValue
        // unit: a pattern of systemd units, build-*.service; only beside one of the three above.
        unit = try reader.string("unit")
        guard user != nil || group != nil || socket != nil else {
            throw ConfigurationError(
                origin: reader.origin,
                reason: unit == nil
                    ? "a rule needs a user, a group or a socket to match"
                    : "a unit may only narrow a rule that has a user, a group or a socket")
        }
        // models: ids or aliases that may be asked for; all when absent.
        if let list = try reader.strings("models") {
            for (text, setting) in list { try names.check(text, setting.origin, "rule.models") }
            models = Set(list.map { $0.text })
        }
        // sizes: image sizes that may be asked for; all when absent.
        sizes = try Self.names(try reader.strings("sizes"), among: names.sizes, "sizes", reader)
        // methods: of image.generate, image.price and server.diagnose those that may be called; all when absent.
        methods = try Self.names(try reader.strings("methods"), among: Policy.decided, "methods", reader)
        // max_count: most images of one job; 10.
        maxCount = try reader.integer("max_count", in: 1...Limits.count)
        // max_inputs: most input images of one job; 14.
        maxInputs = try reader.integer("max_inputs", in: 0...Limits.inputs)
        // projects: projects that serve it, the first by default and the others when that has no room; any when absent.
        if let list = try reader.strings("projects") {
            _ = try Self.names(list, among: Set(known), "projects", reader)
            guard !list.isEmpty else { throw reader.invalid("projects", "is empty") }
            projects = list.map { $0.text }
        }
        // priority: the class that this principal's jobs get unless they ask for bulk.
        priority = try reader.token("priority", Priority.self)
        // native: whether the parameter `native` may be used, which no price and no check covers; false.
        mayUseNative = try reader.bool("native") ?? false
        // log_prompts: whether the text of prompts is on record beside their hash; false.
        logsPrompts = try reader.bool("log_prompts") ?? false
        // cancel: whether job.cancel lets what is sent "finish", or has it "abort", its outcome unknown; "finish".
        cancel = try reader.token("cancel", Cancelling.self) ?? .finish
        // per_day: US dollars a day for each user that matches.
        allowance.perDay = try reader.number("per_day", in: 0...1_000_000_000).map(Self.micros)
        // per_month: US dollars a month for each user that matches.
        allowance.perMonth = try reader.number("per_month", in: 0...1_000_000_000).map(Self.micros)
        // total_per_day: US dollars a day for all users that match together.
        allowance.totalPerDay = try reader.number("total_per_day", in: 0...1_000_000_000).map(Self.micros)
        // total_per_month: US dollars a month for all users that match together.
        allowance.totalPerMonth = try reader.number("total_per_month", in: 0...1_000_000_000).map(Self.micros)
        // max_concurrent: most calls under way of each user that matches; the project's own when absent.
        allowance.maxConcurrent = try reader.integer("max_concurrent", in: 1...10_000)
        // max_queue: most calls that wait of each user that matches; the daemon's own when absent.
        allowance.maxQueue = try reader.integer("max_queue", in: 0...1_000_000)
        try reader.finish()
    }

    private static func micros(_ dollars: Double) -> Int64 { Int64((dollars * 1_000_000).rounded()) }

    /// Texts that have to be among the known ones.
    private static func names(
        _ list: [(text: String, setting: Setting)]?, among known: Set<String>, _ key: String, _ reader: SettingReader
    ) throws(ConfigurationError) -> Set<String>? {
        guard let list else { return nil }
        for (text, setting) in list where !known.contains(text) {
            let nearest = NearestName.to(text, among: known.sorted())
            let advice =
                nearest.map { "did you mean \"\($0)\"?" } ?? "legal are \(known.sorted().joined(separator: ", "))"
            throw reader.invalid(key, setting, "has \"\(text.prefix(64))\"; \(advice)")
        }
        return Set(list.map { $0.text })
    }

    /// The listening sockets by name, as the units give them.
    enum SocketName: String, CaseIterable { case api, admin }

    enum Cancelling: String, CaseIterable { case finish, abort }
}

extension Rule {
    /// Whether an earlier rule matches everybody whom this one matches, so that this one never decides.
    func isHidden(by earlier: Rule) -> Bool {
        let names = [earlier.unknownUser, earlier.unknownGroup, unknownUser, unknownGroup]
        guard names.allSatisfy({ $0 == nil }) else { return false }
        func covers<Value: Equatable>(_ theirs: Value?, _ ours: Value?) -> Bool { theirs == nil || theirs == ours }
        return covers(earlier.uid, uid) && covers(earlier.gid, gid) && covers(earlier.socket, socket)
            && covers(earlier.unit, unit)
    }
}
