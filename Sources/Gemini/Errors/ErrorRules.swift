// The rules for 400, for 401 and 403, and for 404.

enum BadRequestRules {
    static func kind(of status: ErrorStatus, _ message: String) -> GeminiError {
        func answered(_ kind: GeminiError.Kind, _ sentence: String, hint: String? = nil) -> GeminiError {
            GeminiError(kind, reach: .answered, charged: .no, sentence, hint: hint)
        }
        if status.reason == "API_KEY_INVALID"
            || ["API key not valid", "API key expired", "API Key not found"].contains(where: message.contains)
        {
            return answered(
                .keyRejected, message.contains("expired") ? "the key has expired" : "Google does not know this key",
                hint: "put a valid key into the credential and restart the daemon")
        }
        // The flat form of OAuth, RFC 6749 section 5.2: the assertion or the account is refused.
        if let status = status.status, ["invalid_grant", "invalid_client", "unauthorized_client"].contains(status) {
            return answered(.keyRejected, "Google did not accept the service account (\(status))")
        }
        if message.contains("User location is not supported") {
            return answered(
                .region, "Google does not serve the region of this host's address",
                hint: "the address that counts is the one the request leaves from; IPv4 and IPv6 can differ")
        }
        if message.contains("free tier is not available in your country")
            || message.contains("only accessible to billed users")
        {
            return answered(.noQuota, "this project needs billing", hint: "enable billing for the key's project")
        }
        if message.contains("thought_signature") || message.contains("thought signature") {
            var error = answered(.upstreamRejected, "Google did not accept the conversation's thought signatures")
            error.fields = ["contents"]
            return error
        }
        if ["image is not valid", "MIME type must be", "Unable to process input image"].contains(
            where: message.contains)
        {
            return answered(.badInput, "Google could not read an input image")
        }
        var error = answered(.upstreamRejected, "Google rejected the request")
        error.fields = fields(of: status, message)
        return error
    }

    /// What the message names, which is finer than the field violations; else those.
    static func fields(of status: ErrorStatus, _ message: String) -> [String] {
        let unknown = message.matches(of: /Unknown name "([^"]+)"(?: at '([^']*)')?/).map { match in
            match.output.2.map { $0.isEmpty ? String(match.output.1) : "\($0).\(match.output.1)" }
                ?? String(match.output.1)
        }
        let invalid = message.matches(of: /Invalid value at '([^']+)'/).map { String($0.output.1) }
        let starred = message.matches(of: /\* GenerateContentRequest\.([A-Za-z0-9_.\[\]]+):/).map {
            String($0.output.1)
        }
        let named = unknown + invalid + starred
        if !named.isEmpty { return named }
        if message.contains("Aspect ratio is not enabled") { return ["generation_config.image_config.aspect_ratio"] }
        return status.details.flatMap { $0.fieldViolations ?? [] }.compactMap(\.field)
    }
}

enum CredentialRules {
    /// What comes as 400 and as 401 when a request has more than one credential; nil for anything else.
    ///
    /// It says nothing against the key.
    static func conflict(of status: ErrorStatus, _ message: String) -> GeminiError? {
        guard message.contains("Multiple authentication credentials") || status.reason == "OVERLOADED_CREDENTIALS"
        else { return nil }
        return GeminiError(
            .upstreamRejected, reach: .answered, charged: .no, "more than one credential arrived at Google",
            hint: "the daemon sends one: something between it and Google adds another")
    }

    static func kind(
        of status: ErrorStatus, _ message: String, httpStatus: Int, route: RouteKind
    ) -> GeminiError {
        func answered(_ kind: GeminiError.Kind, _ sentence: String, hint: String? = nil) -> GeminiError {
            GeminiError(kind, reach: .answered, charged: .no, sentence, hint: hint)
        }
        switch status.reason {
        case "CREDENTIALS_MISSING", "ACCESS_TOKEN_TYPE_UNSUPPORTED", "CREDENTIAL_TYPE_UNSUPPORTED":
            return answered(
                .wrongHost, "this kind of key does not belong to this host",
                hint: "keys of AI Studio go with the native route, express keys with route = \"vertex\"")
        case "SERVICE_DISABLED", "BILLING_DISABLED":
            let address =
                status.details.lazy.compactMap { $0.metadata?["activationUrl"] }.first
                ?? status.details.lazy.compactMap { $0.links?.lazy.compactMap(\.url).first }.first
            let what = status.reason == "BILLING_DISABLED" ? "billing" : "the Gemini API"
            return answered(
                .serviceDisabled, "\(what) is switched off in the key's project",
                hint: address.map { "switch it on at \($0)" } ?? "switch it on in the Google Cloud console")
        case "API_KEY_SERVICE_BLOCKED", "API_KEY_HTTP_REFERRER_BLOCKED", "API_KEY_IP_ADDRESS_BLOCKED",
            "API_KEY_ANDROID_APP_BLOCKED", "API_KEY_IOS_APP_BLOCKED":
            return answered(
                .keyRestricted, "the key's restrictions do not allow this",
                hint: "change the key's API and address restrictions in the Google Cloud console")
        case "CONSUMER_SUSPENDED", "CONSUMER_INVALID", "GCP_SUSPENDED":
            return answered(
                .keyRejected, "Google has suspended the key's project", hint: "use a key of another project")
        case "ACCESS_TOKEN_SCOPE_INSUFFICIENT":
            return answered(
                .keyRestricted, "the access token does not reach this API",
                hint: "give the machine's service account the scope cloud-platform")
        case "IAM_PERMISSION_DENIED":
            return permissionDenied(route)
        case "LOCATION_POLICY_VIOLATED", "LOCATION_ORG_POLICY_VIOLATED":
            return answered(.region, "a location policy forbids this")
        default: break
        }
        if message.contains("reported as leaked") {
            return answered(
                .keyLeaked, "Google says that this key has leaked", hint: "make a new key and delete this one")
        }
        if message.contains("aiplatform.endpoints.predict") { return permissionDenied(route) }
        if message.contains("unregistered callers") {
            return answered(
                .keyRejected, "no key arrived at Google", hint: "something between the daemon and Google takes it out")
        }
        if message.contains("API keys are not supported by this API") {
            return answered(.wrongHost, "this host does not take API keys of this kind")
        }
        if message.contains("has not been used in project") || message.contains("it is disabled") {
            return answered(.serviceDisabled, "the Gemini API is switched off in the key's project")
        }
        if httpStatus == 401, route == .vertex {
            return answered(
                .keyRejected, "Google rejected the access token or the key",
                hint: "check that the service account exists and is enabled")
        }
        return httpStatus == 401
            ? answered(.keyRejected, "Google rejected the key")
            : answered(.keyRestricted, "Google refused this key", hint: "check what the key is allowed to do")
    }

    private static func permissionDenied(_ route: RouteKind) -> GeminiError {
        GeminiError(
            .keyRestricted, reach: .answered, charged: .no, "the account may not use this model in this project",
            hint: route == .vertex
                ? "give it the role roles/aiplatform.user; image models are in the location global only" : nil)
    }
}

enum ModelRules {
    static func kind(_ message: String, route: RouteKind) -> GeminiError {
        let hint =
            switch route {
            case .native: "`darkroom models` lists what can be asked for"
            case .openai: "this route has few image models and none for certain: use the native route"
            case .vertex: "image models are in the location global only; `darkroom models` lists what there is"
            }
        return GeminiError(
            .modelUnavailable, reach: .answered, charged: .no,
            message.contains("no longer available")
                ? "Google does not offer this model to new users any more"
                : "Google does not offer this model to this key", hint: hint)
    }
}
