// What a 429 means; the first rule that matches wins. The order is that of gemini-cli's googleQuotaErrors.ts, with the
// billing cases that came since in front. A retry hint beside a limit of zero, or beside a used-up day, is a lie.

enum QuotaRules {
    /// Longer waits than this are not a minute's quota.
    static let longestWait = Duration.seconds(300)

    static func kind(of status: ErrorStatus?, _ message: String, retryAfterHeader: Duration?) -> GeminiError {
        let violations = status?.violations ?? []
        let identifiers = violations.compactMap(\.quotaId)
        var error = base(status, message, violations, identifiers, retryAfterHeader)
        error.quotas = violations.compactMap { violation in
            guard let id = violation.quotaId, let value = violation.quotaValue, let limit = Int64(value) else {
                return nil
            }
            return GeminiError.Quota(id: id, limit: limit)
        }
        return error
    }

    private static func base(
        _ status: ErrorStatus?, _ message: String, _ violations: [ErrorStatus.Violation], _ identifiers: [String],
        _ retryAfterHeader: Duration?
    ) -> GeminiError {
        let lowered = message.lowercased()
        if lowered.contains("prepayment credits are depleted") {
            return answered(.spendCap, "the prepaid credit is used up", hint: "see https://ai.studio/spend")
        }
        if lowered.contains("monthly spending cap") {
            var error = answered(
                .spendCap, "the project's monthly spending cap is reached",
                hint: "raise it at https://ai.studio/spend or wait for the month to end")
            error.endsWithMonth = true
            return error
        }
        // Every model here makes images, of which the free tier has none; a limit that is not even named is that one.
        let isZero =
            message.contains(/limit:\s*0\b/)
            || violations.contains { $0.quotaValue == "0" }
            || violations.contains { $0.quotaValue == nil && $0.quotaId?.contains("FreeTier") == true }
        if isZero {
            return answered(
                .noQuota, "this key's tier has no quota for image models", hint: "enable billing for the key's project")
        }
        if identifiers.contains(where: { $0.contains("PerDay") || $0.contains("Daily") }) {
            return GeminiError(
                .quotaDay, reach: .answered, charged: .no, isRetryable: true, "the daily quota is used up",
                hint: "it opens again at midnight Pacific time")
        }
        if let wait = status?.retryDelay ?? hinted(in: message) {
            return waiting(wait)
        }
        if identifiers.contains(where: { $0.contains("PerMinute") }) { return waiting(.seconds(60)) }
        switch status?.reason {
        case "RATE_LIMIT_EXCEEDED": return waiting(.seconds(60))
        case "MODEL_CAPACITY_EXHAUSTED":
            return GeminiError(
                .upstreamUnavailable, reach: .answered, charged: .no, isRetryable: true,
                "Google has no capacity for this model")
        default: break
        }
        if let retryAfterHeader { return waiting(retryAfterHeader) }
        return GeminiError(
            .quotaMinute, reach: .answered, charged: .no, isRetryable: true,
            "Google's rate limit is reached and it does not say for how long")
    }

    private static func waiting(_ wait: Duration) -> GeminiError {
        var error =
            wait <= longestWait
            ? GeminiError(
                .quotaMinute, reach: .answered, charged: .no, isRetryable: true, "Google's rate limit is reached")
            : GeminiError(
                .quotaDay, reach: .answered, charged: .no, isRetryable: true,
                "Google's quota is used up for longer than is waited for")
        error.retryAfter = wait
        return error
    }

    private static func answered(_ kind: GeminiError.Kind, _ message: String, hint: String? = nil) -> GeminiError {
        GeminiError(kind, reach: .answered, charged: .no, message, hint: hint)
    }

    /// "Please retry in 7.967587226s." and "try again after 15 minutes".
    private static func hinted(in message: String) -> Duration? {
        if let match = message.firstMatch(of: /retry in ([0-9.]+m?s)/) {
            return Duration(protobuf: match.output.1.hasSuffix(".") ? "" : String(match.output.1))
        }
        if let match = message.firstMatch(of: /try again after ([0-9]{1,4}) minutes/) {
            return Int(match.output.1).map { .seconds($0 * 60) }
        }
        return nil
    }
}
