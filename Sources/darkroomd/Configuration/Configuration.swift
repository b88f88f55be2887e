// What the admin decides: one TOML file and its drop-ins (protocol section 7). Each key is documented where it is read;
// the shipped example and darkroom.toml(5) list the same keys.

import Engine
import Gemini
import Quota
import Wire

/// A configuration that has been checked whole.
struct Configuration: Sendable {
    /// What models there are: the shipped file, with the admin's over it.
    var catalogue: Catalogue
    var defaultModel: String
    var projects: [ProjectConfiguration]
    /// First match wins; no rule at all: whoever may connect may ask.
    var rules: [Rule]
    /// All that match count.
    var budgets: [SharedBudget] = []
    var limits: LimitsConfiguration
    var retention = RetentionConfiguration()
    /// That a request is refused of which a part has no price in the catalogue.
    var refusesUnpriced = false
    /// That what cannot be put on record happens all the same.
    var failsOpen = false
    /// The time zone whose days and months budgets are for.
    var timeZone = CivilCalendar.pacificZone
    /// Users who, beside uid 0, are admins on the admin socket.
    var adminUIDs: Set<UInt32>
    /// What was accepted and does not act yet; logged at each start and printed by `--check-config`.
    var cautions: [String]
    /// SHA-256 of the files that it was read from, for the record; lower-case hexadecimal.
    var hash = ""

    /// Without a file: one project on the native route with the credential `gemini-api-key`.
    static func withoutFile(_ catalogue: Catalogue) -> Configuration {
        Configuration(
            catalogue: catalogue, defaultModel: "flash", projects: [.standard], rules: [],
            limits: LimitsConfiguration(),
            adminUIDs: [], cautions: [])
    }

    /// Reads and checks FILE, or the standard one, and its drop-ins.
    ///
    /// - Parameters:
    ///   - path: The file that was asked for; nothing for the standard one.
    ///   - catalogue: The shipped one, which the configuration may change.
    /// - Returns: One that has been checked whole.
    /// - Throws: The first thing that is wrong, with file and line.
    static func load(_ path: String?, catalogue: Catalogue) throws(ConfigurationError) -> Configuration {
        let (setting, hash) = try ConfigurationFile.read(path)
        var configuration = Configuration.withoutFile(catalogue)
        if let setting {
            var reader = try SettingReader(setting, name: "")
            configuration = try Configuration(&reader, shipped: catalogue)
        }
        configuration.hash = hash
        return configuration
    }

    init(
        catalogue: Catalogue, defaultModel: String, projects: [ProjectConfiguration], rules: [Rule],
        limits: LimitsConfiguration, adminUIDs: Set<UInt32>, cautions: [String]
    ) {
        self.catalogue = catalogue
        self.defaultModel = defaultModel
        self.projects = projects
        self.rules = rules
        self.limits = limits
        self.adminUIDs = adminUIDs
        self.cautions = cautions
    }

    /// Two names of one model with limits each: which of them counts cannot be told.
    private static func refuseTwins(
        _ project: ProjectConfiguration, _ catalogue: Catalogue
    ) throws(ConfigurationError) {
        var seen: [String: String] = [:]
        for limits in project.limits {
            let id = catalogue.resolve(limits.model)?.id ?? limits.model
            if let other = seen[id] {
                throw ConfigurationError(
                    origin: limits.origin,
                    reason:
                        "project \(project.name) has limits for \(limits.model) and for \(other), which are one model")
            }
            seen[id] = limits.model
        }
    }

    private init(_ reader: inout SettingReader, shipped: Catalogue) throws(ConfigurationError) {
        cautions = []
        // catalogue: a file that changes or adds rows of the catalogue of models; an absolute path.
        catalogue = try CatalogueFile.read(&reader, else: shipped)
        let models = catalogue.names
        // default_model: an id or an alias of the catalogue; "flash".
        defaultModel = try reader.string("default_model") ?? "flash"
        try models.check(defaultModel, reader.origin(of: "default_model"), "default_model")
        // refuse_unpriced: whether a request is refused of which a part has no price, grounding mostly; false.
        refusesUnpriced = try reader.bool("refuse_unpriced") ?? false
        // fail_mode: "closed" refuses what cannot be put on record; "open" does it and notes how many rows are missing;
        // "closed".
        failsOpen = try reader.token("fail_mode", FailMode.self) == .open
        // time_zone: whose days and months budgets are for; "America/Los_Angeles", as Google's.
        if let zone = try reader.string("time_zone") {
            guard CivilCalendar(zone: zone) != nil else {
                throw reader.invalid("time_zone", "is \"\(zone.prefix(64))\", which is no time zone of this host")
            }
            timeZone = zone
        }
        // admin_users: names or uids of users who are admins on the admin socket beside root.
        adminUIDs = []
        for (text, setting) in try reader.strings("admin_users") ?? [] {
            if let uid = Accounts.uid(of: text, setting.origin, &cautions) { adminUIDs.insert(uid) }
        }
        projects = []
        for project in try reader.tables("project") {
            var project = project
            projects.append(try ProjectConfiguration(&project, models: models, cautions: &cautions))
        }
        if projects.isEmpty { projects = [.standard] }
        for project in projects {
            try Self.refuseTwins(project, catalogue)
            guard let location = project.vertex?.location else { continue }
            let absent = catalogue.models.filter { $0.isServed(by: .vertex) && !$0.isHad(in: location) }
            guard !absent.isEmpty else { continue }
            cautions.append(
                "project \(project.name): Vertex AI has \(absent.map { $0.id }.joined(separator: ", ")) in other "
                    + "locations than \(location); requests for them are refused")
        }
        try QuotaSharing.join(&projects, catalogue)
        limits = LimitsConfiguration()
        if var table = try reader.table("limits") { limits = try LimitsConfiguration(&table) }
        if var table = try reader.table("retention") { retention = try RetentionConfiguration(&table) }
        rules = []
        for rule in try reader.tables("rule") {
            var rule = rule
            let read = try Rule(&rule, models: models, projects: projects.map { $0.name }, cautions: &cautions)
            if let earlier = rules.first(where: { read.isHidden(by: $0) }) {
                throw ConfigurationError(
                    origin: read.origin,
                    reason: "this rule never decides: the one at \(earlier.place) matches whomever it matches")
            }
            rules.append(read)
        }
        for budget in try reader.tables("budget") {
            var budget = budget
            budgets.append(try SharedBudget(&budget, cautions: &cautions))
        }
        try reader.finish()
    }
}

/// What happens when the record cannot be written.
enum FailMode: String, CaseIterable { case closed, open }

/// The `[limits]` table: bounds of the daemon itself.
struct LimitsConfiguration: Sendable {
    /// Longest request line, in bytes.
    var maxLineBytes = 1_048_576
    /// Most jobs that wait, in total.
    var maxQueue = 10_000
    /// Most jobs of one user that wait; the scheduler keeps seats for those who have few.
    var maxQueuePerUser = 10_000
    /// Until a caller is answered, when it does not say.
    var defaultDeadline: Duration = .seconds(600)
    /// How long the hold of a job of unknown outcome is kept; then it counts as charged.
    var unknownHold: Duration = .seconds(86_400)
    /// How long what is paid for may take to finish after SIGTERM: the longest that upstream is given.
    var drain: Duration = .seconds(600)
    /// Longest input image, in bytes.
    var maxInputBytes = 100_000_000
    /// Most connections, in total and of one user.
    var maxConnections = 12_000
    var maxConnectionsPerUser = 10_000

    init() {}

    init(_ reader: inout SettingReader) throws(ConfigurationError) {
        // max_line_bytes: longest request line; 1048576.
        if let value = try reader.integer("max_line_bytes", in: 1024...67_108_864) { maxLineBytes = value }
        // max_queue: most jobs that wait, in total, and a tenth more of users who have few waiting; 10000.
        if let value = try reader.integer("max_queue", in: 1...1_000_000) { maxQueue = value }
        // max_queue_per_user: most jobs of one user that wait; max_queue.
        maxQueuePerUser = try reader.integer("max_queue_per_user", in: 1...1_000_000) ?? maxQueue
        // default_deadline_seconds: how long a caller waits when it does not say; 600.
        if let value = try reader.number("default_deadline_seconds", in: 1...Limits.deadlineSeconds) {
            defaultDeadline = .seconds(value)
        }
        // unknown_hold_seconds: then a job of which nobody knows counts as charged; 86400.
        if let value = try reader.number("unknown_hold_seconds", in: 1...31_536_000) { unknownHold = .seconds(value) }
        // drain_seconds: how long a stop waits for what is sent; then it is aborted, its outcome unknown; 600.
        if let value = try reader.number("drain_seconds", in: 0...3600) { drain = .seconds(value) }
        // max_input_bytes: of one input image; 100000000, which is what Google takes.
        if let value = try reader.integer("max_input_bytes", in: 1024...100_000_000) { maxInputBytes = value }
        // max_connections: in total; 12000.
        if let value = try reader.integer("max_connections", in: 1...1_000_000) { maxConnections = value }
        // max_connections_per_user: of one uid; 10000.
        if let value = try reader.integer("max_connections_per_user", in: 1...1_000_000) {
            maxConnectionsPerUser = value
        }
        try reader.finish()
    }
}

/// The names by which a model may be called in a configuration.
struct ModelNames: Sendable {
    let ids: Set<String>
    let aliases: Set<String>
    /// Every size that some model makes.
    let sizes: Set<String>

    func check(_ name: String, _ origin: Setting.Origin, _ key: String) throws(ConfigurationError) {
        guard !ids.contains(name), !aliases.contains(name) else { return }
        let nearest = NearestName.to(name, among: ids.union(aliases).sorted())
        throw ConfigurationError(
            origin: origin,
            reason: "\(key): there is no model \"\(name)\"" + (nearest.map { "; did you mean \($0)?" } ?? ""))
    }
}
