import Testing

@testable import darkroomd

/// The names of the set that was proposed for gateways of this kind, `app_` written as `darkroom_`.
@Suite struct MetricNameTests {
    private static let proposed: Set<String> = [
        "build_info", "requests_total", "request_duration_seconds", "queue_wait_seconds", "upstream_duration_seconds",
        "overhead_seconds", "images_total", "image_bytes_total", "image_bytes", "tokens_total", "cost_usd_total",
        "cost_held_usd", "cost_saved_usd_total", "unpriced_refusals_total", "quota_limit", "quota_used",
        "quota_remaining_ratio", "quota_reset_timestamp_seconds", "rate_limited_total", "queue_depth", "inflight",
        "jobs_unknown_outcome", "retries_total", "param_mismatch_total", "cache_hits_total", "cache_misses_total",
        "coalesced_total", "cache_bytes", "key_state", "spool_bytes", "spool_free_bytes", "clients_connected",
        "rejected_connections_total",
    ]

    /// What is not there, and why.
    private static let leftOut = [
        "image_bytes": "OpenMetrics allows a name once, and a counter has it: the histogram is image_size_bytes",
        "cache_bytes": "what is used again is no copy, but the artifacts themselves",
        "spool_bytes": "the state directory would have to be walked at each look",
    ]

    /// What this daemon tells beyond them.
    private static let own: Set<String> = [
        "image_size_bytes", "ready", "calls_total", "denied_total", "spend_limit_usd", "spend_used_usd",
    ]

    @Test func everyProposedNameIsThereOrLeftOutForAReason() {
        let names = MetricFamily.all.map { family in
            let suffix =
                switch family.kind {
                case .counter: "_total"
                case .info: "_info"
                case .gauge, .histogram: ""
                }
            return "\(family.name)\(suffix)"
        }
        let expected = Self.proposed.subtracting(Self.leftOut.keys).union(Self.own)
        #expect(Set(names) == Set(expected.map { "darkroom_\($0)" }))
        #expect(Set(names).count == names.count)
        #expect(Self.proposed.isSuperset(of: Self.leftOut.keys))
    }
}
