// Which credential a request carries, and what the API says to a wrong, missing or second one.

import NIOHTTP1

/// The credentials of a request, without their secret.
enum Credential: String, Sendable {
    case valid, invalid, none, several, bearer

    static let header = "x-goog-api-key"
    static let queryName = "key"

    init(headers: HTTPHeaders, query: [(name: String, value: String)], keys: Set<String>) {
        let apiKeys = headers[Self.header] + query.filter { $0.name == Self.queryName }.map(\.value)
        let bearers = headers["authorization"]
        switch (apiKeys.count, bearers.count) {
        case (0, 0): self = .none
        case (1, 0): self = keys.contains(apiKeys[0]) ? .valid : .invalid
        case (0, 1): self = .bearer
        default: self = .several
        }
    }

    /// The refusal of the native route; nil for the one credential that is right.
    var refusalOnNativeRoute: Reply? {
        switch self {
        case .valid: nil
        case .invalid: Fixture.reply(named: "api-key-invalid")
        case .none: Fixture.reply(named: "no-credential")
        case .several:
            Refusal.invalidArgument("Multiple authentication credentials received. Please pass only one.").reply
        case .bearer:
            Refusal(
                status: 401, code: "UNAUTHENTICATED",
                message:
                    "Request had invalid authentication credentials. Expected OAuth 2 access token, login cookie or "
                    + "other valid authentication credential. See https://developers.google.com/identity/sign-in/web/"
                    + "devconsole-project.",
                details: [
                    [
                        "@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": "ACCESS_TOKEN_TYPE_UNSUPPORTED",
                        "domain": "googleapis.com",
                        "metadata": [
                            "service": "generativelanguage.googleapis.com",
                            "method": "google.ai.generativelanguage.v1beta.GenerativeService.GenerateContent",
                        ],
                    ]
                ]
            ).reply
        }
    }

    /// A header's or parameter's value as the record keeps it: never a key.
    static func redacted(_ value: String, name: String, keys: Set<String>) -> String {
        switch name.lowercased() {
        case header, queryName: keys.contains(value) ? "valid" : "invalid"
        case "authorization": "redacted"
        default: value
        }
    }
}
