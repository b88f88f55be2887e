// Why an exchange gave no image. One type for everything that can go wrong upstream, whether it happened before a byte
// went out, in an HTTP status, or inside a 200.

package struct GeminiError: Error, Sendable {
    /// What happened, in the words of the protocol; the raw value is the wire's `kind`.
    package enum Kind: String, Sendable, CaseIterable {
        /// 429: a limit that opens again within minutes; see `retryAfter`.
        case quotaMinute = "quota_minute"
        /// 429: used up until the day's reset, or for longer than is worth waiting.
        case quotaDay = "quota_day"
        /// 429 with a limit of zero, or 400 "enable billing": this tier never had any.
        case noQuota = "no_quota"
        /// 429 or 402: billing stopped it until an operator acts or the month ends.
        case spendCap = "spend_cap"
        /// The key is wrong, expired, suspended, or did not arrive.
        case keyRejected = "key_rejected"
        /// The key is good but may not do this.
        case keyRestricted = "key_restricted"
        /// Google says that the key was published.
        case keyLeaked = "key_leaked"
        /// Google does not serve the place that this host's address is in.
        case region
        /// The API or billing is switched off in the project.
        case serviceDisabled = "service_disabled"
        /// This kind of key, or this path, belongs to another host.
        case wrongHost = "wrong_host"
        /// No such model for this key: retired, renamed or not offered.
        case modelUnavailable = "model_unavailable"
        /// 400 to a request that was held to be right; see `fields`.
        case upstreamRejected = "upstream_rejected"
        /// An input image was not accepted.
        case badInput = "bad_input"
        /// The request was too large.
        case tooLarge = "too_large"
        /// 200, and a filter kept the image back; see `finishReason`.
        case blocked
        /// 200, and no image in it; see `finishReason` and `text`.
        case noImage = "no_image"
        /// No connection, no capacity, or an error on Google's side.
        case upstreamUnavailable = "upstream_unavailable"
        /// Google, or the connection before anything was sent, was too slow.
        case upstreamTimeout = "upstream_timeout"
        /// A redirect, or an answer that arrived whole and makes no sense.
        case upstreamInvalid = "upstream_invalid"
        /// The request went out and what became of it is not known.
        case outcomeUnknown = "outcome_unknown"
        /// The caller cancelled; `reach` says whether the request had gone out.
        case cancelled
        /// The caller's sink could not take the image; see `sinkError`. Never sent to a peer as such.
        case sinkFailed = "sink_failed"
    }

    /// How far the request can have come.
    package enum Reach: String, Sendable {
        /// Not one byte of it left: safe to send again.
        case notSent
        /// Google's answer, or its front end's, arrived.
        case answered
        /// It may have been received, and may be worked on and billed.
        case unknown
    }

    package enum Charged: String, Sendable { case no, yes, unknown }

    /// What upstream said, redacted; for `data.upstream`.
    package struct Upstream: Sendable, Equatable {
        package var httpStatus: Int
        /// `RESOURCE_EXHAUSTED` and the like.
        package var status: String?
        /// `ErrorInfo.reason`.
        package var reason: String?
        package var message: String?
    }

    package var kind: Kind
    package var reach: Reach
    /// That asking again, now or after `retryAfter`, can help.
    package var isRetryable = false
    package var charged = Charged.unknown
    /// A sentence for a person, without capital or full stop; no key, no path.
    package var message: String
    /// Something to do about it.
    package var hint: String?
    package var upstream: Upstream?
    /// What a 400 named, as it named it.
    package var fields: [String] = []
    /// How long upstream asks to wait.
    package var retryAfter: Duration?
    /// The limits that a 429 named with a number.
    package var quotas: [Quota] = []
    /// That a spending cap is that of the month, which ends with it.
    package var endsWithMonth = false
    package var finishReason: String?
    /// What the model said instead of an image.
    package var text: String?
    package var usage: Usage?
    /// Images that came and cannot be given, drafts included; for the price.
    package var imageCount = 0
    package var sinkError: (any Error)?

    /// A limit behind a 429.
    package struct Quota: Sendable, Equatable {
        /// `GenerateRequestsPerDayPerProjectPerModel` and the like.
        package var id: String
        /// `quotaValue`: the limit, not what is left.
        package var limit: Int64
    }

    init(
        _ kind: Kind, reach: Reach, charged: Charged, isRetryable: Bool = false, _ message: String, hint: String? = nil
    ) {
        self.kind = kind
        self.reach = reach
        self.charged = charged
        self.isRetryable = isRetryable
        self.message = message
        self.hint = hint
    }

    /// That sending the same request again soon may help and cannot cost anything a second time.
    ///
    /// So it never left, or 429 or 503 came back and it is not the day that is used up.
    package var isSafeToResend: Bool {
        isRetryable && kind != .quotaDay
            && (reach == .notSent || (charged == .no && [429, 503].contains(upstream?.httpStatus)))
    }
}

extension GeminiError {
    /// An answer that arrived whole and cannot be understood.
    static func invalidAnswer(_ message: String, usage: Usage? = nil, imageCount: Int = 0) -> GeminiError {
        var error = GeminiError(.upstreamInvalid, reach: .answered, charged: .unknown, message)
        error.usage = usage
        error.imageCount = imageCount
        if usage != nil { error.charged = .yes }
        return error
    }

    static func sinkFailed(_ underlying: any Error) -> GeminiError {
        var error = GeminiError(
            .sinkFailed, reach: .answered, charged: .unknown, "the image could not be kept while it arrived")
        error.sinkError = underlying
        return error
    }

    /// A 200 that holds no image to give back: blocked, talked away, or drafts only.
    static func withoutImage(
        _ envelope: AnswerEnvelope, text: String, usage: Usage?, draftCount: Int, redaction: Redaction
    ) -> GeminiError {
        let candidate = envelope.candidates?.first
        let feedback = envelope.promptFeedback?.value
        let blockReason = (feedback?.blockReason?.text).map { redaction.apply(to: $0) }
        let stopReason = (candidate?.finishReason?.text).map { redaction.apply(to: $0) }
        let finishReason = blockReason ?? stopReason
        let explanation = candidate?.finishMessage?.text ?? feedback?.blockReasonMessage?.text
        var error = FinishReason.error(blockReason: blockReason, finishReason: stopReason)
        if draftCount > 0 { error.message = "the model made \(draftCount) drafts and no final image" }
        error.finishReason = finishReason
        error.text = (text.isEmpty ? explanation : text).map {
            redaction.withoutSecrets($0).cut(toBytes: AnswerLimits.explanationBytes)
        }
        error.usage = usage
        error.imageCount = draftCount
        error.upstream = Upstream(
            httpStatus: 200, status: nil, reason: finishReason, message: explanation.map { redaction.apply(to: $0) })
        if explanation?.contains("not be charged") == true {
            error.charged = .no
        } else if usage != nil {
            // What Google counted it bills, the prompt of a request that it blocked as well.
            error.charged = .yes
        }
        return error
    }
}

/// The reasons that an answer without image gives, as kinds (https://ai.google.dev/api/generate-content#FinishReason,
/// read 2026-11-22; unknown ones count as OTHER).
enum FinishReason {
    static func error(blockReason: String?, finishReason: String?) -> GeminiError {
        if let blockReason {
            return blocked("Google blocked the prompt (\(safe(blockReason)))")
        }
        switch finishReason {
        case "SAFETY", "RECITATION", "LANGUAGE", "BLOCKLIST", "PROHIBITED_CONTENT", "SPII", "ESCALATION", "MODEL_ARMOR":
            return blocked("Google stopped the answer (\(safe(finishReason)))")
        case "IMAGE_SAFETY":
            var error = blocked("Google made an image and held it to be unsafe")
            error.isRetryable = true
            error.hint = "the filter judges each image anew: the same prompt may pass, a milder one more likely"
            return error
        case "IMAGE_PROHIBITED_CONTENT", "IMAGE_RECITATION":
            return blocked("Google kept the image back (\(safe(finishReason)))")
        case "PUP_LIMITED_DISABLED":
            return GeminiError(
                .keyRestricted, reach: .answered, charged: .unknown,
                "Google has limited this account for prohibited use",
                hint: "stop using this key until the account is cleared with Google")
        case "MAX_TOKENS":
            return noImage("the answer ended at its token limit before an image came", isRetryable: false)
        case "MISSING_THOUGHT_SIGNATURE":
            return GeminiError(
                .upstreamRejected, reach: .answered, charged: .unknown,
                "Google misses a thought signature in the conversation")
        case "STOP":
            return noImage("the model answered without an image", isRetryable: true)
        case "MALFORMED_FUNCTION_CALL", "UNEXPECTED_TOOL_CALL", "TOO_MANY_TOOL_CALLS":
            var error = noImage("the model went astray in its search (\(safe(finishReason)))", isRetryable: true)
            error.hint = "ask again, without grounding if there was any"
            return error
        case nil, "NO_IMAGE", "IMAGE_OTHER", "MALFORMED_RESPONSE", "CONTINUATION", "FINISH_REASON_UNSPECIFIED":
            return noImage("the model made no image (\(safe(finishReason ?? "no reason given")))", isRetryable: true)
        default:
            var error = blocked("Google stopped the answer (\(safe(finishReason)))")
            error.isRetryable = true
            error.hint = "the same prompt may pass once more; if not, rephrase it"
            return error
        }
    }

    private static func blocked(_ message: String) -> GeminiError {
        GeminiError(
            .blocked, reach: .answered, charged: .unknown, message,
            hint: "rephrase the prompt; it will be refused again")
    }

    private static func noImage(_ message: String, isRetryable: Bool) -> GeminiError {
        GeminiError(
            .noImage, reach: .answered, charged: .unknown, isRetryable: isRetryable, message,
            hint: "say in the prompt that an image is wanted, and what is on it")
    }

    /// An open string from upstream, made fit for a sentence.
    private static func safe(_ reason: String?) -> String {
        String(
            (reason ?? "").filter { $0.isASCII && ($0.isLetter || $0.isNumber || $0 == "_" || $0 == " ") }.prefix(60))
    }
}
