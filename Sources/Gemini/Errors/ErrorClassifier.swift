// From an HTTP status and a body to a kind. The rules and their order follow what Google's answers look like, collected
// from public reports and Google's own clients; messages are matched only where Google gives nothing better.

import FoundationEssentials

struct ErrorClassifier {
    /// Bytes of an error body that are read; Google's have a few kilobytes.
    static let bodyBytes = 65_536

    var httpStatus: Int
    /// The header of that name, which Google does not send but front ends do; seconds.
    var retryAfter: Duration?
    /// Whose rules hold where they differ.
    var route = RouteKind.native
    var key: ApiKey?

    /// Classifies the answer to a request that got no 2xx.
    ///
    /// - Parameter body: The body's first `bodyBytes`, cut or not.
    /// - Returns: The kind with what upstream said, redacted.
    func classify(body: [UInt8]) -> GeminiError {
        if let status = ErrorStatus(body: body) ?? ErrorStatus(salvagedFrom: body) { return classify(status) }
        let text = String(decoding: body.prefix(2_000), as: UTF8.self)
        let isMarkup = text.drop { $0.isWhitespace }.hasPrefix("<")
        // Google's own 404 says what was not found; any other comes from somebody else.
        if httpStatus == 404 {
            return finished(
                GeminiError(
                    .wrongHost, reach: .answered, charged: .no, "there is no Gemini API under the configured base URL",
                    hint: baseURLHint), nil, text: isMarkup ? nil : text)
        }
        return finished(kindOfPlainStatus(message: isMarkup ? "" : text), nil, text: isMarkup ? nil : text)
    }

    /// Classifies an error object, also one that came under a 200.
    func classify(_ status: ErrorStatus) -> GeminiError {
        var classifier = self
        if let code = status.code, (400...599).contains(code), (200...299).contains(httpStatus) {
            classifier.httpStatus = code
        }
        return classifier.finished(classifier.kind(of: status), status, text: status.message)
    }

    private func kind(of status: ErrorStatus) -> GeminiError {
        let message = status.message ?? ""
        if [400, 401].contains(httpStatus), let conflict = CredentialRules.conflict(of: status, message) {
            return conflict
        }
        switch httpStatus {
        case 400: return BadRequestRules.kind(of: status, message)
        case 401, 403: return CredentialRules.kind(of: status, message, httpStatus: httpStatus, route: route)
        case 404: return ModelRules.kind(message, route: route)
        case 429: return QuotaRules.kind(of: status, message, retryAfterHeader: retryAfter)
        default: return kindOfPlainStatus(message: message)
        }
    }

    private var baseURLHint: String {
        switch route {
        case .native: "check `base_url`: the native route ends in /v1beta"
        case .openai: "check `base_url`: the OpenAI-compatible route ends in /v1beta/openai"
        case .vertex: "check `base_url` and `location`: the Vertex route is a host alone"
        }
    }

    /// The kind that the number alone tells.
    private func kindOfPlainStatus(message: String) -> GeminiError {
        switch httpStatus {
        case 300...399: return answered(.upstreamInvalid, "upstream answered with a redirect, which is not followed")
        case 401: return answered(.keyRejected, "Google rejected the key")
        case 402: return answered(.spendCap, "Google wants to be paid first", hint: "see https://ai.studio/spend")
        case 403:
            return answered(.keyRestricted, "Google refused this key", hint: "check what the key is allowed to do")
        case 405: return answered(.wrongHost, "what answers under the configured base URL is not the Gemini API")
        case 408: return retryable(.upstreamUnavailable, "the front end did not get the request in time", charged: .no)
        case 413: return answered(.tooLarge, "the request was too large for Google")
        case 429: return QuotaRules.kind(of: nil, message, retryAfterHeader: retryAfter)
        case 499: return retryable(.upstreamUnavailable, "Google gave the request up", charged: .unknown)
        case 503 where message.contains("Deadline expired"), 504:
            return retryable(
                .upstreamTimeout, "Google did not finish in time", charged: httpStatus == 503 ? .no : .unknown,
                hint: "a smaller size is faster")
        case 503: return retryable(.upstreamUnavailable, "the model is overloaded", charged: .no)
        case 500...599: return retryable(.upstreamUnavailable, "Google had an internal error", charged: .unknown)
        case 400...499: return answered(.upstreamRejected, "Google rejected the request")
        default: return .invalidAnswer("upstream answered with an error that could not be understood")
        }
    }

    private func answered(_ kind: GeminiError.Kind, _ message: String, hint: String? = nil) -> GeminiError {
        GeminiError(kind, reach: .answered, charged: .no, message, hint: hint)
    }

    private func retryable(
        _ kind: GeminiError.Kind, _ message: String, charged: GeminiError.Charged, hint: String? = nil
    ) -> GeminiError {
        GeminiError(kind, reach: .answered, charged: charged, isRetryable: true, message, hint: hint)
    }

    /// Adds what upstream said, redacted, and the wait that a front end asks for.
    private func finished(_ error: GeminiError, _ status: ErrorStatus?, text: String?) -> GeminiError {
        var error = error
        let redaction = Redaction(key: key)
        error.upstream = GeminiError.Upstream(
            httpStatus: httpStatus, status: status?.status.map { redaction.apply(to: $0) },
            reason: status?.reason.map { redaction.apply(to: $0) },
            message: text.flatMap { $0.isEmpty ? nil : redaction.apply(to: $0) })
        error.hint = error.hint.map { redaction.apply(to: $0) }
        error.fields = error.fields.map { redaction.apply(to: $0) }
        error.quotas = error.quotas.map { GeminiError.Quota(id: redaction.apply(to: $0.id), limit: $0.limit) }
        // A used-up day may come with a short RetryInfo, which means nothing.
        if error.isRetryable, error.kind != .quotaDay, error.retryAfter == nil {
            error.retryAfter = status?.retryDelay ?? retryAfter
        }
        return error
    }
}
