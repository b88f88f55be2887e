// Where the native route goes, checked once.

import FoundationEssentials

/// Why a route cannot be made; `description` is a sentence that names the setting.
package enum RouteConfigurationError: Error, Sendable, Equatable, CustomStringConvertible {
    case notAURL(String)
    case insecure(host: String)
    case hasQueryOrCredentials
    case withoutVersion(path: String)
    case compatibilityPath
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
        case .unreadableCertificates(let file):
            "ca_file \(file) cannot be read as certificates in PEM"
        }
    }
}

/// An address that ends in the API's version, `https://generativelanguage.googleapis.com/v1beta`.
package struct BaseURL: Sendable, Equatable, CustomStringConvertible {
    package static let google = BaseURL(host: "generativelanguage.googleapis.com")

    /// Without a slash at the end.
    let text: String
    package let host: String

    package var description: String { text }

    private init(host: String) {
        text = "https://\(host)/v1beta"
        self.host = host
    }

    package init(_ text: String) throws(RouteConfigurationError) {
        guard let components = URLComponents(string: text), let host = components.host, !host.isEmpty,
            let scheme = components.scheme?.lowercased(), ["http", "https"].contains(scheme)
        else { throw .notAURL(String(text.prefix(200))) }
        guard components.query == nil, components.fragment == nil, components.user == nil, components.password == nil
        else { throw .hasQueryOrCredentials }
        guard scheme == "https" || Self.isLoopback(host) else { throw .insecure(host: host) }
        var path = components.path
        while path.hasSuffix("/") { path.removeLast() }
        if path.hasSuffix("/openai") { throw .compatibilityPath }
        guard path.contains(/\/v[0-9]+(alpha|beta)?[0-9]*$/) else { throw .withoutVersion(path: path) }
        var whole = text
        while whole.hasSuffix("/") { whole.removeLast() }
        self.text = whole
        self.host = host
    }

    /// 127.0.0.0/8, ::1 and localhost.
    private static func isLoopback(_ host: String) -> Bool {
        let bare = host.trimmingPrefix("[").split(separator: "]").first.map(String.init) ?? host
        return bare == "localhost" || bare == "::1"
            || bare.wholeMatch(of: /127\.[0-9]{1,3}\.[0-9]{1,3}\.[0-9]{1,3}/) != nil
    }
}
