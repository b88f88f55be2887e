// The credentials that are valid, and whose they are.

import NIOHTTP1

/// The keys and tokens of a run.
struct KeyRing: Sendable {
    /// Projects by key of the Developer API.
    private let projects: [String: String]
    /// Projects by key of Vertex's express mode.
    private let expressProjects: [String: String]
    let tokens: TokenIssuer

    init(keys: [String], expressKeys: [String], project: String, tokens: TokenIssuer) {
        func owned(_ keys: [String]) -> [String: String] {
            Dictionary(
                keys.map { text in
                    let sides = text.split(separator: "@", maxSplits: 1)
                    return (String(sides.first ?? ""), sides.count > 1 ? String(sides[1]) : project)
                }, uniquingKeysWith: { first, _ in first })
        }
        projects = owned(keys)
        expressProjects = owned(expressKeys)
        self.tokens = tokens
    }

    func credential(headers: HTTPHeaders, query: [(name: String, value: String)]) -> Credential {
        let keys = headers[Credential.header] + query.filter { $0.name == Credential.queryName }.map(\.value)
        let authorizations = headers["authorization"]
        switch (keys.count, authorizations.count) {
        case (0, 0): return .none
        case (1, 0):
            if let project = projects[keys[0]] { return .valid(project: project) }
            return expressProjects[keys[0]].map { .express(project: $0) } ?? .invalid
        case (0, 1):
            let words = authorizations[0].split(separator: " ", maxSplits: 1)
            guard words.count == 2, words[0].lowercased() == "bearer" else { return .bearer(.unknown) }
            let secret = String(words[1])
            if let project = projects[secret] { return .bearer(.key(project: project)) }
            return .bearer(tokens.bearer(of: secret))
        default: return .several
        }
    }

    /// A header's or parameter's value as the record keeps it: never a key.
    func redacted(_ value: String, name: String) -> String {
        switch name.lowercased() {
        case Credential.header, Credential.queryName:
            projects[value] != nil ? "valid" : expressProjects[value] != nil ? "express" : "invalid"
        case "authorization": "redacted"
        default: value
        }
    }
}
