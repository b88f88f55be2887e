// Which credential a request carries, and what each route says to a wrong, missing or second one.

/// What a bearer header holds.
enum Bearer: Sendable, Equatable {
    /// A key of the Developer API, which the OpenAI-compatible route takes.
    case key(project: String)
    /// An access token in force.
    case token(project: String)
    case expired, unknown
}

/// The credentials of a request, without their secret.
enum Credential: Sendable, Equatable {
    case valid(project: String)
    case express(project: String)
    case invalid, none, several
    case bearer(Bearer)

    static let header = "x-goog-api-key"
    static let queryName = "key"

    /// The word in the record.
    var name: String {
        switch self {
        case .valid: "valid"
        case .express: "express"
        case .invalid: "invalid"
        case .none: "none"
        case .several: "several"
        case .bearer: "bearer"
        }
    }

    /// Whose quota and files a request of the Developer API uses.
    var project: String? {
        switch self {
        case .valid(let project), .express(let project), .bearer(.key(let project)), .bearer(.token(let project)):
            project
        case .invalid, .none, .several, .bearer: nil
        }
    }

    /// The refusal of the native route; nil for the one credential that is right.
    var refusalOnNativeRoute: Reply? {
        switch self {
        case .valid: nil
        case .express: Fixture.reply(named: "credentials-missing")
        case .invalid: Fixture.reply(named: "api-key-invalid")
        case .none: Fixture.reply(named: "no-credential")
        case .several: Self.twoCredentials
        case .bearer:
            Self.badToken(
                "ACCESS_TOKEN_TYPE_UNSUPPORTED", service: "generativelanguage.googleapis.com",
                method: "google.ai.generativelanguage.v1beta.GenerativeService.GenerateContent")
        }
    }

    /// The refusal of the OpenAI-compatible route, which takes a key as Bearer and nothing else.
    var refusalOnCompatibleRoute: Reply? {
        switch self {
        case .bearer(.key): nil
        case .bearer: Fixture.reply(named: "api-key-invalid-list")
        case .several: Self.twoCredentials
        case .valid, .express, .invalid, .none:
            // The sentence is one that users saw; its status was not recorded.
            Refusal(status: 401, code: "UNAUTHENTICATED", message: "Missing or invalid Authorization header.").reply
        }
    }

    /// The refusal of Vertex for a project's path, or nil for a token or express key that may use it.
    ///
    /// The project is the path's, nil in express mode; the resource is what the permission is asked for.
    func refusalOnVertex(project: String?, resource: String) -> Reply? {
        switch self {
        case .bearer(.token(let owner)), .express(let owner):
            if let project, project != owner { return Self.denied(resource) }
            if project == nil, case .bearer = self { return Self.denied(resource) }
            return nil
        case .valid: return Self.keyNotSupported
        case .invalid: return Fixture.reply(named: "api-key-invalid")
        case .several: return Self.twoCredentials
        case .none:
            return Self.badToken(
                "CREDENTIALS_MISSING", service: "aiplatform.googleapis.com", method: Self.vertexMethod,
                message: "Request is missing required authentication credential. ")
        case .bearer(.expired):
            return Self.badToken(
                "ACCESS_TOKEN_EXPIRED", service: "aiplatform.googleapis.com", method: Self.vertexMethod)
        case .bearer:
            return Self.badToken(
                "ACCESS_TOKEN_TYPE_UNSUPPORTED", service: "aiplatform.googleapis.com", method: Self.vertexMethod)
        }
    }

    private static let vertexMethod = "google.cloud.aiplatform.v1.PredictionService.GenerateContent"

    private static var twoCredentials: Reply {
        Refusal.invalidArgument("Multiple authentication credentials received. Please pass only one.").reply
    }

    private static var keyNotSupported: Reply {
        Refusal(
            status: 401, code: "UNAUTHENTICATED",
            message: "API keys are not supported by this API. Expected OAuth2 access token or other authentication "
                + "credentials that assert a principal. See https://cloud.google.com/docs/authentication",
            details: [errorInfo("CREDENTIALS_MISSING", service: "aiplatform.googleapis.com", method: vertexMethod)]
        ).reply
    }

    private static func denied(_ resource: String) -> Reply {
        Refusal(
            status: 403, code: "PERMISSION_DENIED",
            message: "Permission 'aiplatform.endpoints.predict' denied on resource '//aiplatform.googleapis.com/"
                + "\(resource)' (or it may not exist).",
            details: [
                [
                    "@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": "IAM_PERMISSION_DENIED",
                    "domain": "aiplatform.googleapis.com",
                    "metadata": ["resource": .string(resource), "permission": "aiplatform.endpoints.predict"],
                ]
            ]
        ).reply
    }

    private static func badToken(
        _ reason: String, service: String, method: String,
        message: String = "Request had invalid authentication credentials. "
    ) -> Reply {
        var reply = Refusal(
            status: 401, code: "UNAUTHENTICATED",
            message: message + "Expected OAuth 2 access token, login cookie or other valid authentication "
                + "credential. See https://developers.google.com/identity/sign-in/web/devconsole-project.",
            details: [errorInfo(reason, service: service, method: method)]
        ).reply
        reply.headers.append((name: "WWW-Authenticate", value: "Bearer realm=\"https://accounts.google.com/\""))
        return reply
    }

    private static func errorInfo(_ reason: String, service: String, method: String) -> JSON {
        [
            "@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": .string(reason), "domain": "googleapis.com",
            "metadata": ["service": .string(service), "method": .string(method)],
        ]
    }
}
