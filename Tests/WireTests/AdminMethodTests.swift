// The methods beside the making of images: each params object read by name and written as the protocol shows it.

import Testing
import Wire

@Suite struct AdminMethodTests {
    /// Reads params as the daemon does and writes them again.
    private func roundTrip<M: Method>(_ method: M.Type, _ json: String) throws -> String {
        guard case .object(let members) = try WireJSON.decode(JSONValue.self, from: Array(json.utf8)) else { return "" }
        var reader = ParamReader(members)
        let params = try M.Params(from: &reader)
        try reader.finish()
        return String(decoding: WireJSON.encode(params), as: UTF8.self)
    }

    @Test func everyParamsObjectComesBackAsItWas() throws {
        func check<M: Method>(_ method: M.Type, _ json: String) throws { #expect(try roundTrip(method, json) == json) }
        try check(RetryJob.self, #"{"delivery":"fd","job":"j","wait":false}"#)
        try check(ResolveJob.self, #"{"charged":true,"job":"j"}"#)
        try check(PauseProject.self, #"{"project":"p"}"#)
        try check(ResumeProject.self, #"{"project":"p"}"#)
        try check(PriceImage.self, #"{"count":2,"prompt":"p"}"#)
        try check(GetQuota.self, #"{"project":"p"}"#)
        try check(ReportUsage.self, #"{"by":"day","since":"2026-11-22T00:00:00Z","until":"2026-11-23T00:00:00Z"}"#)
        try check(ExplainPolicy.self, #"{"imageSize":"4K","prompt":"p","user":"ci"}"#)
        try check(Diagnose.self, #"{"spend":true}"#)
    }

    @Test func aTimeThatIsNoneIsRefusedWithAnExample() {
        #expect(throws: WireError.self) { try roundTrip(ReportUsage.self, #"{"since":"yesterday"}"#) }
        #expect(throws: WireError.self) { try roundTrip(ResolveJob.self, #"{"job":"j"}"#) }
    }

    @Test func absentMembersOfTheContractAreNull() {
        let step = Diagnose.Step(.network, project: nil, verdict: .ok, found: "f")
        #expect(
            String(decoding: WireJSON.encode(step), as: UTF8.self)
                == #"{"found":"f","meaning":null,"next":null,"project":null,"step":"network","verdict":"ok"}"#)
        let verified = VerifyAudit.Result(ok: true, rows: 3, firstBroken: nil)
        #expect(
            String(decoding: WireJSON.encode(verified), as: UTF8.self) == #"{"firstBroken":null,"ok":true,"rows":3}"#)
    }

    @Test func theWorstStepIsTheVerdict() {
        #expect([Diagnose.Verdict.skipped, .ok, .fault, .warning].max() == .fault)
        #expect([Diagnose.Verdict.skipped, .ok].max() == .ok)
    }

    @Test func thePriceAndTheAdminsMethodsAreWhoseTheProtocolSays() {
        #expect([PriceImage.access, Diagnose.access] == [.policy, .policy])
        #expect(
            [
                ResolveJob.access, PauseProject.access, ResumeProject.access, ReloadConfiguration.access,
                ExplainPolicy.access, ReadAuditHead.access, VerifyAudit.access,
            ].allSatisfy { $0 == .admin })
        #expect([GetQuota.access, ReadMetrics.access].allSatisfy { $0 == .anyone })
        #expect([RetryJob.access, ReportUsage.access].allSatisfy { $0 == .owner })
    }
}
