// Where Gemini's errors cross to the wire: once, here.

import Gemini
import Wire

extension WireError {
    /// What a peer is told when Gemini gave no image.
    init(_ error: GeminiError, project: ProjectConfiguration) {
        let kind =
            switch error.kind {
            case .sinkFailed: ErrorKind.storageFull
            case .quotaMinute, .quotaDay, .noQuota, .spendCap, .keyRejected, .keyRestricted, .keyLeaked, .region,
                .serviceDisabled, .wrongHost, .modelUnavailable, .upstreamRejected, .badInput, .tooLarge, .blocked,
                .noImage, .upstreamUnavailable, .upstreamTimeout, .upstreamInvalid, .outcomeUnknown, .cancelled:
                ErrorKind(rawValue: error.kind.rawValue)
            }
        let charged: Charged =
            switch error.charged {
            case .no: .no
            case .yes: .yes
            case .unknown: .unknown
            }
        self.init(
            kind, error.message, hint: Self.hint(of: error, kind, project), retryable: error.isRetryable,
            charged: charged)
        upstream = error.upstream.map {
            Upstream(httpStatus: $0.httpStatus, status: $0.status, reason: $0.reason, message: $0.message)
        }
        fields = error.fields.isEmpty ? nil : error.fields
        finishReason = error.finishReason
        text = error.text
    }

    private static func hint(of error: GeminiError, _ kind: ErrorKind, _ project: ProjectConfiguration) -> String? {
        guard kind == .keyRejected else { return error.hint ?? adminHint(kind, project) }
        // Google's reason says what is wrong, and the command mends it.
        return [error.hint, adminHint(kind, project)].compactMap { $0 }.joined(separator: "; ")
    }

    /// What an admin types when the credential is at fault.
    private static func adminHint(_ kind: ErrorKind, _ project: ProjectConfiguration) -> String? {
        switch kind {
        case .keyRejected, .keyRestricted, .keyLeaked:
            KeyWatch.mending(project.credential)
        case .storageFull: "an admin has to make room on the daemon's disk"
        default: nil
        }
    }
}

extension Wire.Usage {
    init(_ usage: Gemini.Usage) {
        self.init(
            promptTokens: usage.promptTokens, outputTokens: usage.outputTokens, imageTokens: usage.imageTokens,
            thoughtTokens: usage.thoughtTokens)
    }
}

extension Wire.GroundingResult {
    init(_ grounding: SearchFindings) {
        self.init(
            sources: grounding.sources.map { Source(title: $0.title, uri: $0.uri) }, queries: grounding.queries,
            renderedChip: grounding.renderedChip)
    }
}
