// What went wrong, as a client decides by it: `data.kind` of an error (protocol section 5). Kinds are never renamed.

/// The kind of an error; open, so that an older client reads a newer kind.
public struct ErrorKind: RawRepresentable, Sendable, Hashable, Codable {
    public let rawValue: String

    public init(rawValue: String) { self.rawValue = rawValue }

    // Framing and parameters.
    public static let lineTooLong = ErrorKind(rawValue: "line_too_long")
    public static let parseError = ErrorKind(rawValue: "parse_error")
    public static let invalidRequest = ErrorKind(rawValue: "invalid_request")
    public static let unknownMethod = ErrorKind(rawValue: "unknown_method")
    public static let invalidParams = ErrorKind(rawValue: "invalid_params")

    // Refused before anything is spent.
    public static let notPermitted = ErrorKind(rawValue: "not_permitted")
    public static let overBudget = ErrorKind(rawValue: "over_budget")
    public static let unpriced = ErrorKind(rawValue: "unpriced")
    public static let unsupportedParameter = ErrorKind(rawValue: "unsupported_parameter")
    public static let unknownModel = ErrorKind(rawValue: "unknown_model")
    public static let modelUnavailable = ErrorKind(rawValue: "model_unavailable")
    public static let badInput = ErrorKind(rawValue: "bad_input")
    public static let tooLarge = ErrorKind(rawValue: "too_large")
    public static let queueFull = ErrorKind(rawValue: "queue_full")
    public static let paused = ErrorKind(rawValue: "paused")
    public static let auditUnavailable = ErrorKind(rawValue: "audit_unavailable")
    public static let storageFull = ErrorKind(rawValue: "storage_full")
    public static let conflict = ErrorKind(rawValue: "conflict")
    public static let notFound = ErrorKind(rawValue: "not_found")

    // Quota, as a 429 was understood.
    public static let quotaMinute = ErrorKind(rawValue: "quota_minute")
    public static let quotaDay = ErrorKind(rawValue: "quota_day")
    public static let noQuota = ErrorKind(rawValue: "no_quota")
    public static let spendCap = ErrorKind(rawValue: "spend_cap")

    // The credential or the project; an admin must act.
    public static let keyMissing = ErrorKind(rawValue: "key_missing")
    public static let keyRejected = ErrorKind(rawValue: "key_rejected")
    public static let keyRestricted = ErrorKind(rawValue: "key_restricted")
    public static let keyLeaked = ErrorKind(rawValue: "key_leaked")
    public static let region = ErrorKind(rawValue: "region")
    public static let serviceDisabled = ErrorKind(rawValue: "service_disabled")
    public static let wrongHost = ErrorKind(rawValue: "wrong_host")

    // What upstream answered, or did not.
    public static let mismatch = ErrorKind(rawValue: "mismatch")
    public static let upstreamRejected = ErrorKind(rawValue: "upstream_rejected")
    public static let blocked = ErrorKind(rawValue: "blocked")
    public static let noImage = ErrorKind(rawValue: "no_image")
    public static let upstreamUnavailable = ErrorKind(rawValue: "upstream_unavailable")
    public static let upstreamTimeout = ErrorKind(rawValue: "upstream_timeout")
    public static let upstreamInvalid = ErrorKind(rawValue: "upstream_invalid")
    public static let outcomeUnknown = ErrorKind(rawValue: "outcome_unknown")

    // The life of a job and of the daemon.
    public static let deadline = ErrorKind(rawValue: "deadline")
    public static let cancelled = ErrorKind(rawValue: "cancelled")
    public static let stopping = ErrorKind(rawValue: "stopping")
    public static let invalidConfiguration = ErrorKind(rawValue: "invalid_configuration")
    public static let `internal` = ErrorKind(rawValue: "internal")

    /// Every kind of protocol section 5; tests walk it.
    public static let all: [ErrorKind] = [
        .lineTooLong, .parseError, .invalidRequest, .unknownMethod, .invalidParams, .notPermitted, .overBudget,
        .unpriced,
        .unsupportedParameter, .unknownModel, .modelUnavailable, .badInput, .tooLarge, .queueFull, .paused,
        .auditUnavailable, .storageFull, .conflict, .notFound, .quotaMinute, .quotaDay, .noQuota, .spendCap,
        .keyMissing,
        .keyRejected, .keyRestricted, .keyLeaked, .region, .serviceDisabled, .wrongHost, .mismatch, .upstreamRejected,
        .blocked, .noImage, .upstreamUnavailable, .upstreamTimeout, .upstreamInvalid, .outcomeUnknown, .deadline,
        .cancelled, .stopping, .invalidConfiguration, .internal,
    ]

    /// The JSON-RPC code that goes with this kind.
    public var code: Int {
        switch self {
        case .parseError: -32700
        case .invalidRequest, .lineTooLong: -32600
        case .unknownMethod: -32601
        case .invalidParams: -32602
        case .internal: -32603
        default: -32000
        }
    }

    /// Whether the same request may succeed later with nothing changed by a person; an error may say otherwise.
    public var isRetryable: Bool {
        switch self {
        case .queueFull, .paused, .auditUnavailable, .storageFull, .quotaMinute, .quotaDay, .upstreamUnavailable,
            .upstreamTimeout, .noImage, .deadline, .stopping:
            true
        default: false
        }
    }
}

/// Whether a request can have cost money.
public enum Charged: String, Sendable, Hashable, Codable, CaseIterable {
    case no, yes, unknown
}
