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

    @Test func whatAJobAndItsCallerDoNotKnowIsNullAndIsReadBack() throws {
        func check<Value: Codable & Hashable>(_ value: Value, _ json: String) throws {
            #expect(String(decoding: WireJSON.encode(value), as: UTF8.self) == json)
            #expect(try WireJSON.decode(Value.self, from: WireJSON.encode(value)) == value)
        }
        let job = JobID(rawValue: "j")
        try check(
            JobResult(
                job: job, state: .queued, route: "native", project: "p", label: nil,
                model: JobModel(asked: "a", sent: "s"), requested: Requested()),
            #"{"attempts":0,"cost":null,"createdAt":null,"endedAt":null,"extraImages":[],"failed":[],"images":[],"#
                + #""job":"j","label":null,"model":{"answered":null,"asked":"a","sent":"s"},"project":"p","#
                + #""requested":{"aspectRatio":null,"imageSize":null},"reused":false,"route":"native","#
                + #""startedAt":null,"state":"queued","text":null,"timing":null,"usage":null,"warnings":[]}"#)
        try check(
            Hello.You(uid: 1, gid: 2, user: nil, unit: nil, roles: []),
            #"{"gid":2,"roles":[],"uid":1,"unit":null,"user":null}"#)
        try check(
            ExplainPolicy.Result(allowed: true, rule: nil, reason: "r"),
            #"{"allowed":true,"reason":"r","rule":null}"#)
        try check(
            GetQuota.Window(
                kind: "k", limit: 1, used: 0, held: 0, remaining: 1, resetsAt: nil, source: .learnt),
            #"{"held":0,"kind":"k","limit":1,"remaining":1,"resetsAt":null,"source":"learnt","used":0}"#)
        try check(
            GetQuota.Spend(kind: "k", limitUSD: 1, spentUSD: 0, heldUSD: 0, resetsAt: nil),
            #"{"heldUSD":0,"kind":"k","limitUSD":1,"resetsAt":null,"spentUSD":0}"#)
        try check(
            JobEvent(job: job, state: .waiting, reason: .paused),
            #"{"job":"j","reason":"paused","state":"waiting","until":null}"#)
        try check(
            JobEvent(job: job, state: .queued),
            #"{"job":"j","position":null,"startsInSeconds":null,"state":"queued"}"#)
    }

    @Test func whatAJobCostIsToldByItsErrorAndItsCost() {
        func charged(_ state: JobState, _ error: Charged?, _ micros: Int64?, _ basis: Cost.Basis = .usage) -> Charged {
            var job = JobResult(
                job: JobID(rawValue: "j"), state: state, route: "native", project: "p", label: nil,
                model: JobModel(asked: "a", sent: "s"), requested: Requested())
            job.error = error.map { WireError(.cancelled, "e", charged: $0) }
            job.cost = micros.map { Cost(micros: $0, basis: basis) }
            return job.charged
        }
        #expect(
            [charged(.queued, nil, nil), charged(.waiting, nil, nil), charged(.cancelled, .no, nil)] == [.no, .no, .no])
        #expect([charged(.sent, nil, nil), charged(.receiving, nil, nil)] == [.unknown, .unknown])
        #expect([charged(.done, nil, 300), charged(.done, nil, 0, .reused)] == [.yes, .no])
        #expect(
            [charged(.failed, .no, nil), charged(.failed, .yes, 400), charged(.failed, .unknown, 500)] == [
                .no, .yes, .unknown,
            ])
        // Another of its calls was charged, or may have been.
        #expect([charged(.failed, .no, 400), charged(.failed, .no, 400, .hold)] == [.yes, .unknown])
        // An unknown one, and what somebody found it to be.
        #expect([charged(.unknown, .unknown, 500, .hold), charged(.unknown, .yes, 500, .hold)] == [.unknown, .yes])
        #expect(charged(.unknown, .no, 0, .hold) == .no)
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
