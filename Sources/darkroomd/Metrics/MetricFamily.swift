// Every metric of the daemon by name, as an operator meets them: one prefix, base units, no users, jobs or prompts as
// labels. darkroomd(8) lists the same names.

/// One family of OpenMetrics: a name, what it means, and how it is written.
struct MetricFamily: Sendable, Hashable {
    enum Kind: String, Sendable { case counter, gauge, histogram, info }

    let name: String
    let kind: Kind
    let help: String
    /// Upper bounds of a histogram's buckets, in the family's unit, ascending.
    var buckets: [Double] = []

    /// What it costs to be between a program and Google: from 50 µs.
    private static let small = [
        0.00005, 0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1,
    ]
    /// As long as an image can take.
    private static let image = [0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20.48, 40.96, 81.92, 163.84, 327.68, 655.36]
    /// From a draft to the largest image that is accepted.
    private static let bytes: [Double] = [
        65_536, 262_144, 524_288, 1_048_576, 2_097_152, 4_194_304, 8_388_608, 16_777_216, 33_554_432,
    ]
    private static let wait = [0.001, 0.01, 0.1, 1, 5, 15, 60, 300, 900, 3600]

    static let build = MetricFamily(name: "darkroom_build", kind: .info, help: "The daemon's version and protocol.")
    static let requests = MetricFamily(
        name: "darkroom_requests", kind: .counter, help: "Requests answered, by method, model and outcome.")
    static let requestDuration = MetricFamily(
        name: "darkroom_request_duration_seconds", kind: .histogram,
        help: "From a request's line to its answer, by model.",
        buckets: image)
    static let queueWait = MetricFamily(
        name: "darkroom_queue_wait_seconds", kind: .histogram,
        help: "From admission to sending, of jobs that somebody waited for.", buckets: wait)
    static let upstreamDuration = MetricFamily(
        name: "darkroom_upstream_duration_seconds", kind: .histogram,
        help: "What upstream took, of jobs that somebody waited for, by model and the size asked for.",
        buckets: image)
    static let overhead = MetricFamily(
        name: "darkroom_overhead_seconds", kind: .histogram, help: "What the daemon itself took, by stage.",
        buckets: small)
    static let calls = MetricFamily(
        name: "darkroom_calls", kind: .counter, help: "Calls that ended, by model and outcome.")
    static let images = MetricFamily(
        name: "darkroom_images", kind: .counter,
        help: "Images by model and outcome: delivered, cached, blocked or lost.")
    static let cost = MetricFamily(
        name: "darkroom_cost_usd", kind: .counter, help: "What ended calls have cost, in US dollars, by model.")
    static let held = MetricFamily(
        name: "darkroom_cost_held_usd", kind: .gauge,
        help: "What is held for calls whose cost is not known yet, in US dollars, by model.")
    static let saved = MetricFamily(
        name: "darkroom_cost_saved_usd", kind: .counter,
        help: "What reused results had cost, in US dollars, by model.")
    static let imageBytes = MetricFamily(
        name: "darkroom_image_bytes", kind: .counter, help: "Bytes of the images kept, by model.")
    static let imageSize = MetricFamily(
        name: "darkroom_image_size_bytes", kind: .histogram,
        help: "How large an image is that was kept, the mean of its call, by model.", buckets: bytes)
    static let tokens = MetricFamily(
        name: "darkroom_tokens", kind: .counter,
        help: "Tokens as upstream counted them, by model, direction and modality.")
    static let mismatches = MetricFamily(
        name: "darkroom_param_mismatch", kind: .counter,
        help: "Results that differ from what was asked, by model and field.")
    static let cacheHits = MetricFamily(
        name: "darkroom_cache_hits", kind: .counter, help: "Requests that an earlier result answered, by model.")
    static let cacheMisses = MetricFamily(
        name: "darkroom_cache_misses", kind: .counter,
        help: "Requests that would have taken an earlier result, and found none.")
    static let coalesced = MetricFamily(
        name: "darkroom_coalesced", kind: .counter,
        help: "Requests that were led to the job of an earlier one, by their idempotency key.")
    static let unpriced = MetricFamily(
        name: "darkroom_unpriced_refusals", kind: .counter,
        help: "Requests refused because nobody told their price, by model.")
    static let retries = MetricFamily(
        name: "darkroom_retries", kind: .counter,
        help: "Calls that went back to wait for another attempt, by model and reason.")
    static let rateLimited = MetricFamily(
        name: "darkroom_rate_limited", kind: .counter, help: "Calls that ended at a limit, by model and scope.")
    static let denied = MetricFamily(
        name: "darkroom_denied", kind: .counter, help: "Requests that were refused on record, by reason.")
    static let inFlight = MetricFamily(
        name: "darkroom_inflight", kind: .gauge, help: "Calls under way, by project.")
    static let queueDepth = MetricFamily(
        name: "darkroom_queue_depth", kind: .gauge, help: "Calls that wait, by project and priority.")
    static let unknown = MetricFamily(
        name: "darkroom_jobs_unknown_outcome", kind: .gauge, help: "Jobs whose outcome nobody knows.")
    static let ready = MetricFamily(name: "darkroom_ready", kind: .gauge, help: "Whether images can be had now.")
    static let keyState = MetricFamily(
        name: "darkroom_key_state", kind: .gauge, help: "1 for the state that a project's key is in.")
    static let quotaLimit = MetricFamily(
        name: "darkroom_quota_limit", kind: .gauge, help: "What a limit allows, by project, model and dimension.")
    static let quotaUsed = MetricFamily(
        name: "darkroom_quota_used", kind: .gauge, help: "What is used and held of a limit.")
    static let quotaRemaining = MetricFamily(
        name: "darkroom_quota_remaining_ratio", kind: .gauge, help: "What is left of a limit, from 0 to 1.")
    static let quotaReset = MetricFamily(
        name: "darkroom_quota_reset_timestamp_seconds", kind: .gauge,
        help: "When a used limit has room again, in seconds since 1970.")
    static let spendLimit = MetricFamily(
        name: "darkroom_spend_limit_usd", kind: .gauge, help: "What a project may cost, by window, in US dollars.")
    static let spendUsed = MetricFamily(
        name: "darkroom_spend_used_usd", kind: .gauge,
        help: "What a project has cost and holds, by window, in US dollars.")
    static let spoolFree = MetricFamily(
        name: "darkroom_spool_free_bytes", kind: .gauge, help: "Room on the state directory's file system.")
    static let clients = MetricFamily(
        name: "darkroom_clients_connected", kind: .gauge, help: "Connections that are served.")
    static let rejected = MetricFamily(
        name: "darkroom_rejected_connections", kind: .counter,
        help: "Connections that were refused or dropped, by reason.")

    static let all = [
        build, ready, requests, requestDuration, queueWait, upstreamDuration, overhead, calls, images, imageBytes,
        imageSize, tokens,
        cost, held, saved, cacheHits, cacheMisses, coalesced, mismatches, unpriced, retries,
        rateLimited, denied, inFlight, queueDepth, unknown, keyState, spoolFree, clients, rejected,
        quotaLimit, quotaUsed, quotaRemaining, quotaReset, spendLimit, spendUsed,
    ]
}

/// The labels of one sample, in the order in which they are written.
struct MetricLabels: Sendable, Hashable, ExpressibleByDictionaryLiteral {
    private let text: String

    init(dictionaryLiteral elements: (String, String)...) {
        text = elements.map { "\($0)=\"\(Self.escaped($1))\"" }.joined(separator: ",")
    }

    /// With one more, if it is given.
    func written(_ more: String? = nil) -> String {
        let parts = [text, more ?? ""].filter { !$0.isEmpty }
        return parts.isEmpty ? "" : "{\(parts.joined(separator: ","))}"
    }

    private static func escaped(_ value: String) -> String {
        value.reduce(into: "") { text, character in
            switch character {
            case "\\": text += "\\\\"
            case "\"": text += "\\\""
            case "\n": text += "\\n"
            default: text.append(character)
            }
        }
    }
}
