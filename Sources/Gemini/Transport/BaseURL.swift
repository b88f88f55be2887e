// Where a route goes, checked once.

import FoundationEssentials

/// Why a route cannot be made; `description` is a sentence that names the setting.
package enum RouteConfigurationError: Error, Sendable, Equatable, CustomStringConvertible {
    case notAURL(String)
    case insecure(host: String)
    case hasQueryOrCredentials
    case withoutVersion(path: String)
    case compatibilityPath
    /// The OpenAI-compatible route, and an address of another one.
    case withoutCompatibilityPath(path: String)
    /// A Vertex route and a path that is neither empty nor a version.
    case withPath(String)
    /// A route of the Developer API, and the host of Vertex AI.
    case vertexHost
    /// A Vertex route, and the host of the Developer API.
    case developerHost
    /// A Vertex route without `google_project`, or with one that cannot stand in a path.
    case project(String?)
    /// A location that cannot be part of a host's name.
    case location(String)
    case unreadableCertificates(file: String)

    package var description: String {
        switch self {
        case .notAURL(let text):
            "base_url \"\(text)\" is not an address that starts with https://"
        case .insecure(let host):
            "base_url is http:// to \(host), which is not this machine: the key would travel in the clear; use https://"
        case .hasQueryOrCredentials:
            "base_url has a query, a fragment or a user name; it is only the address, the key goes in a header"
        case .withoutVersion(let path):
            "base_url ends in \"\(path)\" and not in an API version; the native one ends in /v1beta"
        case .compatibilityPath:
            "base_url ends in /openai, which is the OpenAI-compatible route; the native one ends in /v1beta"
        case .withoutCompatibilityPath(let path):
            "base_url ends in \"\(path)\" and not in /openai, as the OpenAI-compatible route's does"
        case .withPath(let path):
            "base_url has the path \"\(path)\"; a Vertex one is a host alone, or ends in /v1 or /v1beta1"
        case .vertexHost:
            "base_url is the host of Vertex AI, which takes no key of AI Studio"
        case .developerHost:
            "base_url is AI Studio's host, which serves no Vertex paths"
        case .project(let project?):
            "google_project is \"\(project.prefix(64))\", which is not the id of a Google Cloud project"
        case .project(nil):
            "google_project is missing: a service account needs to know whose quota it uses"
        case .location(let location):
            "location is \"\(location.prefix(64))\"; it is global, us, eu or a region such as us-central1"
        case .unreadableCertificates(let file):
            "ca_file \(file) cannot be read as certificates in PEM"
        }
    }
}

/// The address that a route's paths are appended to.
///
/// The native one ends in the API's version, `https://generativelanguage.googleapis.com/v1beta`; the OpenAI-compatible
/// one in `/openai`; a Vertex one is a host, with or without a version.
package struct BaseURL: Sendable, Equatable, CustomStringConvertible {
    package static let google = BaseURL(https: "generativelanguage.googleapis.com", path: "/v1beta")
    package static let googleCompatible = BaseURL(https: "generativelanguage.googleapis.com", path: "/v1beta/openai")

    /// Without a slash at the end.
    let text: String
    package let host: String
    /// What follows host and port, without a slash at the end.
    let path: String

    package var description: String { text }

    private init(https host: String, path: String) {
        text = "https://\(host)\(path)"
        self.host = host
        self.path = path
    }

    /// Google's host for a location of Vertex AI.
    ///
    /// - Parameter location: `global`, one of the multi-regions `us` and `eu`, or a region.
    /// - Returns: An address without a path.
    /// - Throws: `.location` when it cannot be part of a host's name.
    package static func vertex(location: String) throws(RouteConfigurationError) -> BaseURL {
        guard location.wholeMatch(of: /[a-z][a-z0-9\-]{0,40}/) != nil, !location.hasSuffix("-") else {
            throw .location(location)
        }
        switch location {
        case "global": return BaseURL(https: "aiplatform.googleapis.com", path: "")
        case "us", "eu": return BaseURL(https: "aiplatform.\(location).rep.googleapis.com", path: "")
        default: return BaseURL(https: "\(location)-aiplatform.googleapis.com", path: "")
        }
    }

    /// Takes an address of the configuration.
    ///
    /// - Parameter text: `https://…`, or `http://` to this machine.
    /// - Throws: Why nothing may be sent there.
    package init(_ text: String) throws(RouteConfigurationError) {
        guard let components = URLComponents(string: text), let host = components.host, !host.isEmpty,
            let scheme = components.scheme?.lowercased(), ["http", "https"].contains(scheme)
        else { throw .notAURL(String(text.prefix(200))) }
        guard components.query == nil, components.fragment == nil, components.user == nil, components.password == nil
        else { throw .hasQueryOrCredentials }
        guard scheme == "https" || Self.isLoopback(host) else { throw .insecure(host: host) }
        var path = components.path
        while path.hasSuffix("/") { path.removeLast() }
        var whole = text
        while whole.hasSuffix("/") { whole.removeLast() }
        self.text = whole
        self.host = host
        self.path = path
    }

    /// What speaks against this address being a route's; nil when nothing does.
    package func fault(for kind: RouteKind) -> RouteConfigurationError? {
        let hasVersion = path.contains(/\/v[0-9]+(alpha|beta)?[0-9]*$/)
        let isVertexHost = host.hasSuffix("aiplatform.googleapis.com") || host.hasSuffix(".rep.googleapis.com")
        switch kind {
        case .native, .openai:
            if isVertexHost { return .vertexHost }
            if kind == .openai { return path.hasSuffix("/openai") ? nil : .withoutCompatibilityPath(path: path) }
            if path.hasSuffix("/openai") { return .compatibilityPath }
            return hasVersion ? nil : .withoutVersion(path: path)
        case .vertex:
            if host == Self.google.host { return .developerHost }
            return path.isEmpty || hasVersion ? nil : .withPath(path)
        }
    }

    /// 127.0.0.0/8, ::1 and localhost.
    static func isLoopback(_ host: String) -> Bool {
        let bare = host.trimmingPrefix("[").split(separator: "]").first.map(String.init) ?? host
        return bare == "localhost" || bare == "::1"
            || bare.wholeMatch(of: /127\.[0-9]{1,3}\.[0-9]{1,3}\.[0-9]{1,3}/) != nil
    }
}
