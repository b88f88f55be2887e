import Store
import Testing
import Wire

/// What metrics are made of.
struct MeasuredTests {
    @Test func whatIsHeldIsKnownByModelUntilItIsSettled() async throws {
        let state = try StateFixture()
        let store = try state.open()
        #expect(try await store.heldMicros() == [:])
        var job = newJob("a")
        job.callCount = 2
        _ = try await store.admit(job, started: 1)
        #expect(try await store.heldMicros() == ["gemini-x": 1000])
        _ = try await store.end(.fail, failure("a", .blocked, charged: .no))
        #expect(try await store.heldMicros() == ["gemini-x": 500])
    }

    @Test func theRecordSaysWhyACallWentBack() async throws {
        let state = try StateFixture()
        let store = try state.open()
        let id = JobID(rawValue: "a")
        _ = try await store.admit(newJob("a"), started: 1)
        #expect(try await store.requeue(id, call: 0, at: time(1500), reason: .quotaMinute))
        let row = try #require(try await store.auditRows(after: 0, limit: 10).last)
        #expect(row.event == "requeued" && row.details == #"{"call":0,"reason":"quota_minute"}"#)
    }
}
