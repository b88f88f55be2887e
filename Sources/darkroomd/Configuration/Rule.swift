// One [[rule]]: who may ask for what. First match wins; rules but no match: denied.

import Engine
import Wire

/// A policy rule.
struct Rule: Sendable {
    var origin: Setting.Origin
    /// Whom it matches: each that is set has to match; at least one of the first three is set.
    var uid: UInt32?
    var gid: UInt32?
    var socket: String?
    /// It names a user or a group that this host does not know now, so it matches nobody.
    var isForNobody = false
    /// A shell pattern; may only narrow, since a unit is attribution and no authority.
    var unit: String?
    var models: Set<String>?
    var sizes: Set<String>?
    var maxCount: Int?
    var priority: Priority?
    /// Whether the parameter `native` may be used.
    var mayUseNative = false

    func matches(_ principal: Principal) -> Bool {
        if isForNobody { return false }
        if let uid, principal.uid != uid { return false }
        if let gid, principal.gid != gid, !principal.groups.contains(gid) { return false }
        if let socket, principal.socket != socket { return false }
        if let unit {
            guard let name = principal.unit, ShellPattern.matches(name, unit) else { return false }
        }
        return true
    }
}

extension Rule {
    init(
        _ reader: inout SettingReader, models names: ModelNames, projects: [String], cautions: inout [String]
    ) throws(ConfigurationError) {
        origin = reader.origin
        // user: a name or a uid.
        let user = try reader.string("user")
        uid = user.flatMap { Accounts.uid(of: $0, reader.origin(of: "user"), &cautions) }
        // group: a name or a gid; primary and supplementary groups count.
        let group = try reader.string("group")
        gid = group.flatMap { Accounts.gid(of: $0, reader.origin(of: "group"), &cautions) }
        isForNobody = (user != nil && uid == nil) || (group != nil && gid == nil)
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
        sizes = try reader.strings("sizes").map { Set($0.map { $0.text }) }
        // max_count: most images of one job; 10.
        maxCount = try reader.integer("max_count", in: 1...Limits.count)
        // priority: the class that this principal's jobs get unless they ask for bulk.
        priority = try reader.token("priority", Priority.self)
        // native: whether the parameter `native` may be used, which no price and no check covers; false.
        mayUseNative = try reader.bool("native") ?? false
        // per_day: US dollars a day for each user that matches.
        if try reader.number("per_day", in: 0...1_000_000_000) != nil {
            cautions.append("\(origin.file):\(origin.line ?? 0): per_day of this rule is not enforced by this version")
        }
        try reader.finish()
    }

    /// The listening sockets by name, as the units give them.
    enum SocketName: String, CaseIterable { case api, admin }
}
