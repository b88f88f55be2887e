// The error table: every kind has its code, and none is renamed.

import Testing
import Wire

@Suite struct WireErrorTests {
    @Test func theKindsAreThoseOfTheProtocol() {
        #expect(
            ErrorKind.all.map(\.rawValue).sorted() == [
                "audit_unavailable", "bad_input", "blocked", "cancelled", "conflict", "deadline", "internal",
                "invalid_configuration", "invalid_params", "invalid_request", "key_leaked", "key_missing",
                "key_rejected",
                "key_restricted", "line_too_long", "mismatch", "model_unavailable", "no_image", "no_quota",
                "not_found", "not_permitted", "outcome_unknown", "over_budget", "parse_error", "paused", "queue_full",
                "quota_day", "quota_minute", "region", "service_disabled", "spend_cap", "stopping", "storage_full",
                "too_large", "unknown_method", "unknown_model", "unpriced", "unsupported_parameter",
                "upstream_invalid", "upstream_rejected", "upstream_timeout", "upstream_unavailable", "wrong_host",
            ])
    }

    @Test func codesAreThoseOfJSONRPC() {
        let special: [ErrorKind: Int] = [
            .parseError: -32700, .invalidRequest: -32600, .lineTooLong: -32600, .unknownMethod: -32601,
            .invalidParams: -32602, .internal: -32603,
        ]
        for kind in ErrorKind.all { #expect(kind.code == special[kind, default: -32000], "\(kind.rawValue)") }
    }

    @Test func anErrorSurvivesTheWire() throws {
        var error = WireError(.invalidConfiguration, "m", hint: "h", retryable: true, charged: .unknown, path: "a.0.b")
        error.job = JobID(rawValue: "j")
        error.resetsAt = Timestamp(milliseconds: 1_795_420_800_250)
        error.upstream = .init(httpStatus: 500, status: "S", reason: "R", message: "M")
        error.fields = ["x"]
        error.finishReason = "IMAGE_SAFETY"
        error.text = "t"
        error.file = "f"
        error.line = 3
        #expect(try WireJSON.decode(WireError.self, from: WireJSON.encode(error)) == error)
    }

    @Test func timesAreRFC3339() throws {
        #expect(Timestamp(milliseconds: 1_795_420_800_000).description == "2026-11-23T08:00:00Z")
        #expect(Timestamp(milliseconds: 1_795_420_800_007).description == "2026-11-23T08:00:00.007Z")
        #expect(
            try WireJSON.decode(
                [Timestamp].self, from: Array(#"["2026-11-23T08:00:00.007Z","2026-11-23T08:00:00Z"]"#.utf8))
                == [Timestamp(milliseconds: 1_795_420_800_007), Timestamp(milliseconds: 1_795_420_800_000)])
    }
}
