// One [[project]]: whose key, which route, what limits.

import FoundationEssentials
import Gemini
import Quota
import Wire

/// A Google project as the daemon serves it.
struct ProjectConfiguration: Sendable {
    var name: String
    var route: RouteName
    var baseURL: BaseURL
    /// What the route `vertex` needs besides; nothing on the others.
    var vertex: Vertex?
    /// A file name in the credentials directory.
    var credential: String
    var caFile: String?
    var proxy: Proxy?
    var addressFamily: UpstreamClient.AddressFamily
    var maxConcurrent: Int
    /// By model, as the admin names them.
    var limits: [ModelLimits] = []
    /// What Google is asked to hurry or to take its time; nil for neither.
    var serviceTier: ServiceTier?
    /// In micro-dollars.
    var spendPer10Minutes: Int64?
    var tenMinutesOrigin: Setting.Origin?
    var budget = Budget()
    /// Whose limits at Google it has, where the admin says so.
    var quota: String?
    /// The first of the projects that have one quota, if that is another than this.
    var sharesQuotaOf: String?
    /// Between two looks at what models upstream offers.
    var listingInterval: Duration

    /// What bounds the requests for one model.
    struct ModelLimits: Sendable {
        var model: String
        var origin: Setting.Origin
        var limits: Quota.Limits
    }

    /// Where and as whom Vertex AI is asked.
    struct Vertex: Sendable, Hashable {
        var location: String
        /// Absent where the service account's own counts, or the one that an express key belongs to.
        var googleProject: String?
        var credentialKind: CredentialKind
        /// Where the machine's account gets its token; only with `.metadataServer`.
        var metadataServer = MetadataServer()
        /// That throughput which was bought ahead is left alone.
        var isSharedOnly = false
    }

    enum CredentialKind: String, Sendable, CaseIterable {
        case serviceAccount = "service_account"
        case expressKey = "express_key"
        /// The account of the virtual machine, which needs no key at all.
        case metadataServer = "metadata_server"
    }

    /// An HTTP proxy without a password.
    struct Proxy: Sendable, Hashable {
        var host: String
        var port: Int

        init?(_ text: String) {
            guard let url = URLComponents(string: text), url.scheme == "http", let host = url.host, !host.isEmpty,
                url.user == nil, url.password == nil, url.query == nil, ["", "/"].contains(url.path)
            else { return nil }
            self.host = host
            port = url.port ?? 3128
        }
    }

    static let defaultCredential = "gemini-api-key"
    static let dailyListing = Duration.seconds(86_400)

    static let standard = ProjectConfiguration(
        name: "default", route: .native, baseURL: .google, credential: defaultCredential, caFile: nil, proxy: nil,
        addressFamily: .any, maxConcurrent: 8, listingInterval: dailyListing)
}

extension ProjectConfiguration {
    /// Why nothing that is sent to this project's address could succeed, and what its base_url should be.
    var addressFault: (found: String, remedy: String)? {
        guard let fault = baseURL.fault(for: route.kind) else { return nil }
        let remedy =
            switch (fault, route) {
            case (.vertexHost, _):
                "leave base_url away for AI Studio's host, or set route = \"vertex\" with its credential"
            case (.developerHost, _): "leave base_url away, or set route = \"native\" with a key of AI Studio"
            case (_, .native): "set base_url = \"\(BaseURL.google)\", or let it end in the version as that does"
            case (_, .openai): "set base_url = \"\(BaseURL.googleCompatible)\", or let it end as that does"
            case (_, .vertex): "leave base_url away: location says the host"
            }
        return (fault.description, remedy)
    }

    /// The keys whose values are others, of those that act only when the daemon starts.
    func fixedKeys(unlike other: ProjectConfiguration) -> [String] {
        let differences = [
            ("route", route != other.route), ("base_url", "\(baseURL)" != "\(other.baseURL)"),
            ("location, google_project, credential_kind or shared_only", vertex != other.vertex),
            ("service_tier", serviceTier != other.serviceTier),
            ("credential", credential != other.credential), ("ca_file", caFile != other.caFile),
            ("proxy", proxy != other.proxy), ("address_family", addressFamily != other.addressFamily),
            ("max_concurrent", maxConcurrent != other.maxConcurrent),
            ("list_models_hours", listingInterval != other.listingInterval),
        ]
        return differences.filter { $0.1 }.map { $0.0 }
    }

    init(_ reader: inout SettingReader, models: ModelNames, cautions: inout [String]) throws(ConfigurationError) {
        // name: what the project is called here; required.
        name = try reader.require(try reader.string("name"), "name")
        guard Self.isName(name) else {
            throw reader.invalid(
                "name", "is \"\(name.prefix(64))\"; letters, digits, '.', '_' and '-' are allowed, 64 at most")
        }
        // route: native, openai or vertex; "native".
        route = try reader.token("route", RouteName.self) ?? .native
        vertex = try Self.vertex(&reader, route)
        // base_url: Google's own by default; native ends in the version, openai in /openai, vertex is a host.
        baseURL = try Self.baseURL(&reader, route, vertex)
        let addressOrigin = reader.origin(of: "base_url")
        // credential: a file name in the credentials directory; "gemini-api-key".
        credential = try reader.string("credential") ?? Self.defaultCredential
        guard Self.isName(credential), credential != ".", credential != ".." else {
            throw reader.invalid("credential", "is no file name; it names a file in the credentials directory")
        }
        // ca_file: certificates in PEM, trusted in addition to the system's.
        caFile = try reader.string("ca_file")
        if let caFile, !caFile.hasPrefix("/") { throw reader.invalid("ca_file", "has to be an absolute path") }
        // proxy: an HTTP proxy that is asked to CONNECT, http://host:port.
        proxy = try reader.string("proxy").map { text throws(ConfigurationError) in
            guard let proxy = Proxy(text) else { throw reader.invalid("proxy", "has to be like http://127.0.0.1:3128") }
            return proxy
        }
        // address_family: any, ipv4 or ipv6; "any".
        addressFamily = try reader.token("address_family", UpstreamClient.AddressFamily.self) ?? .any
        // max_concurrent: most requests in flight to upstream; 8.
        maxConcurrent = try reader.integer("max_concurrent", in: 1...10_000) ?? 8
        // quota: a name; projects that state the same one are one project at Google and share its limits. By default
        // those do that have the same credential and host, or the same google_project.
        quota = try reader.string("quota")
        if let quota, !Self.isName(quota) {
            throw reader.invalid("quota", "is no name; letters, digits, '.', '_' and '-' are allowed, 64 at most")
        }
        // service_tier: flex, which is cheaper and slow, standard or priority, which is dearer; "standard".
        serviceTier = try reader.token("service_tier", ServiceTier.self)
        if serviceTier != nil, route == .openai {
            throw reader.invalid("service_tier", "cannot be asked for on route = \"openai\"")
        }
        // list_models_hours: between two looks at the models that upstream offers; 24.
        listingInterval =
            try reader.number("list_models_hours", in: 0.001...8760).map { .seconds($0 * 3600) }
            ?? Self.dailyListing
        // limits."MODEL": what Google lets the project ask of a model, where that is known.
        for (model, table) in try reader.namedTables("limits") {
            try models.check(model, table.origin, table.name)
            var table = table
            let origin = table.origin
            limits.append(ModelLimits(model: model, origin: origin, limits: try Self.limits(&table)))
        }
        // spend: US dollars that the project may cost.
        if var spend = try reader.table("spend") {
            // per_10_minutes: in any ten minutes; waited for.
            spendPer10Minutes = try spend.number("per_10_minutes", in: 0...1_000_000_000).map(Self.micros)
            // per_day: a day; refused when used up.
            budget.perDay = try spend.number("per_day", in: 0...1_000_000_000).map(Self.micros)
            tenMinutesOrigin = spend.origin(of: "per_10_minutes")
            // per_month: a month; refused when used up.
            budget.perMonth = try spend.number("per_month", in: 0...1_000_000_000).map(Self.micros)
            try spend.finish()
        }
        try reader.finish()
        if let addressFault {
            let fault = ConfigurationError(origin: addressOrigin, reason: "project.\(addressFault.found)")
            cautions.append("\(fault); requests for project \(name) are refused: \(addressFault.remedy)")
        }
    }

    private static func micros(_ dollars: Double) -> Int64 { Int64((dollars * 1_000_000).rounded()) }

    private static func limits(_ reader: inout SettingReader) throws(ConfigurationError) -> Quota.Limits {
        var limits: Quota.Limits = [:]
        // requests_per_minute: in any minute; waited for, as the next two.
        limits[.requestsPerMinute] = try reader.integer("requests_per_minute", in: 0...1_000_000_000).map(Int64.init)
        // images_per_minute: in any minute.
        limits[.imagesPerMinute] = try reader.integer("images_per_minute", in: 0...1_000_000_000).map(Int64.init)
        // input_tokens_per_minute: in any minute.
        limits[.inputTokensPerMinute] = try reader.integer("input_tokens_per_minute", in: 0...1_000_000_000_000)
            .map(Int64.init)
        // requests_per_day: a day of America/Los_Angeles; refused when used up.
        limits[.requestsPerDay] = try reader.integer("requests_per_day", in: 0...1_000_000_000).map(Int64.init)
        try reader.finish()
        return limits
    }

    /// The keys that only a Vertex project has; on another route they are a slip.
    private static func vertex(
        _ reader: inout SettingReader, _ route: RouteName
    ) throws(ConfigurationError) -> Vertex? {
        // location: global, us, eu or a region; "global", where the image models are.
        let location = try reader.string("location")
        // google_project: the id of the Google Cloud project; the service account's own by default.
        let googleProject = try reader.string("google_project")
        // credential_kind: service_account (its JSON file), express_key, or metadata_server, which needs no credential;
        // "service_account".
        let kind = try reader.token("credential_kind", CredentialKind.self)
        // metadata_host: with metadata_server, HOST or HOST:PORT; "metadata.google.internal".
        let metadataHost = try reader.string("metadata_host")
        // shared_only: with Vertex, whether throughput that was bought ahead is left alone; false.
        let isSharedOnly = try reader.bool("shared_only")
        guard route == .vertex else {
            let given = [
                ("location", location != nil), ("google_project", googleProject != nil),
                ("credential_kind", kind != nil), ("metadata_host", metadataHost != nil),
                ("shared_only", isSharedOnly != nil),
            ]
            if let stray = given.first(where: { $0.1 }) {
                throw reader.invalid(
                    stray.0, "belongs to route = \"vertex\", and this project's route is \"\(route.rawValue)\"")
            }
            return nil
        }
        var vertex = Vertex(
            location: location ?? "global", googleProject: googleProject, credentialKind: kind ?? .serviceAccount)
        vertex.isSharedOnly = isSharedOnly ?? false
        if let metadataHost {
            guard vertex.credentialKind == .metadataServer else {
                throw reader.invalid("metadata_host", "belongs to credential_kind = \"metadata_server\"")
            }
            guard metadataHost.wholeMatch(of: /[A-Za-z0-9.\-]{1,253}(:[0-9]{1,5})?/) != nil else {
                throw reader.invalid("metadata_host", "is HOST or HOST:PORT, as metadata.google.internal")
            }
            vertex.metadataServer = MetadataServer(host: metadataHost)
        }
        if vertex.credentialKind == .metadataServer, googleProject == nil {
            throw reader.invalid("credential_kind", "metadata_server needs google_project beside it")
        }
        do throws(RouteConfigurationError) {
            _ = try BaseURL.vertex(location: vertex.location)
        } catch {
            throw ConfigurationError(origin: reader.origin(of: "location"), reason: "project.\(error.description)")
        }
        if let googleProject, googleProject.wholeMatch(of: /[a-z0-9][a-z0-9.:\-]{0,62}/) == nil {
            let error = RouteConfigurationError.project(googleProject)
            throw ConfigurationError(
                origin: reader.origin(of: "google_project"), reason: "project.\(error.description)")
        }
        return vertex
    }

    private static func baseURL(
        _ reader: inout SettingReader, _ route: RouteName, _ vertex: Vertex?
    ) throws(ConfigurationError) -> BaseURL {
        let given = try reader.string("base_url")
        do throws(RouteConfigurationError) {
            if let given { return try BaseURL(given) }
            switch route {
            case .native: return .google
            case .openai: return .googleCompatible
            case .vertex: return try .vertex(location: vertex?.location ?? "global")
            }
        } catch {
            // Its sentence begins with the key's name.
            throw ConfigurationError(origin: reader.origin(of: "base_url"), reason: "project.\(error.description)")
        }
    }

    private static func isName(_ text: String) -> Bool {
        !text.isEmpty && text.utf8.count <= 64
            && text.utf8.allSatisfy { byte in
                switch byte {
                case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                    UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "."), UInt8(ascii: "_"), UInt8(ascii: "-"):
                    true
                default: false
                }
            }
    }
}

extension RouteName {
    /// The same route in Gemini's words.
    var kind: RouteKind {
        switch self {
        case .native: .native
        case .openai: .openai
        case .vertex: .vertex
        }
    }
}
