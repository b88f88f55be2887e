// One [[project]]: whose key, which route, what limits.

import FoundationEssentials
import Gemini
import Wire

/// A Google project as the daemon serves it.
struct ProjectConfiguration: Sendable {
    /// What this version can serve; the other routes of the protocol are refused with a sentence.
    static let servedRoutes: [RouteName] = [.native]

    var name: String
    var route: RouteName
    var baseURL: String
    /// A file name in the credentials directory.
    var credential: String
    var caFile: String?
    var proxy: Proxy?
    var addressFamily: AddressFamily
    var maxConcurrent: Int

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

    enum AddressFamily: String, Sendable, CaseIterable { case any, ipv4, ipv6 }

    static let nativeBaseURL = "https://generativelanguage.googleapis.com/v1beta"
    static let defaultCredential = "gemini-api-key"

    static let standard = ProjectConfiguration(
        name: "default", route: .native, baseURL: nativeBaseURL, credential: defaultCredential, caFile: nil, proxy: nil,
        addressFamily: .any, maxConcurrent: 8)
}

extension ProjectConfiguration {
    init(_ reader: inout SettingReader, models: ModelNames, cautions: inout [String]) throws(ConfigurationError) {
        // name: what the project is called here; required.
        name = try reader.require(try reader.string("name"), "name")
        guard Self.isName(name) else {
            throw reader.invalid(
                "name", "is \"\(name.prefix(64))\"; letters, digits, '.', '_' and '-' are allowed, 64 at most")
        }
        // route: native, openai or vertex; "native".
        route = try reader.token("route", RouteName.self) ?? .native
        guard Self.servedRoutes.contains(route) else {
            throw reader.invalid(
                "route", "is \"\(route.rawValue)\", which this version does not serve; legal is \"native\"")
        }
        // base_url: ends in the version; Google's own by default.
        baseURL = try reader.string("base_url") ?? Self.nativeBaseURL
        do throws(RouteConfigurationError) {
            _ = try BaseURL(baseURL)
        } catch {
            // Its sentence begins with the key's name.
            throw ConfigurationError(origin: reader.origin(of: "base_url"), reason: "project.\(error.description)")
        }
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
        addressFamily = try reader.token("address_family", AddressFamily.self) ?? .any
        if addressFamily != .any {
            throw reader.invalid("address_family", "is \"\(addressFamily.rawValue)\"; this version knows only \"any\"")
        }
        // max_concurrent: most requests in flight to upstream; 8.
        maxConcurrent = try reader.integer("max_concurrent", in: 1...10_000) ?? 8
        for (model, limits) in try reader.namedTables("limits") {
            try models.check(model, limits.origin, limits.name)
            var limits = limits
            _ = try limits.integer("requests_per_minute", in: 0...1_000_000_000)
            _ = try limits.integer("images_per_minute", in: 0...1_000_000_000)
            _ = try limits.integer("input_tokens_per_minute", in: 0...1_000_000_000_000)
            _ = try limits.integer("requests_per_day", in: 0...1_000_000_000)
            try limits.finish()
            cautions.append(
                "\(limits.origin.file): the limits of \(model) in project \(name) are not enforced by this version")
        }
        if var spend = try reader.table("spend") {
            _ = try spend.number("per_10_minutes", in: 0...1_000_000_000)
            _ = try spend.number("per_day", in: 0...1_000_000_000)
            _ = try spend.number("per_month", in: 0...1_000_000_000)
            try spend.finish()
            cautions.append(
                "\(spend.origin.file): the spend limits of project \(name) are not enforced by this version")
        }
        try reader.finish()
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
