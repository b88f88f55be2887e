// What outlasts a run of what upstream has said, and when it goes.

import Store
import Testing
import Wire

struct UpstreamMemoryTests {
    private func gate(until: Int64, model: String? = "m", _ message: String = "used up") -> KeptGate {
        KeptGate(
            project: "p", model: model, until: until, patience: 3000, isOfCalendar: true,
            error: WireError(.quotaDay, message))
    }

    private let limit = KeptLimit(project: "p", model: "m", kind: "requests_per_day", value: 250, until: 9000)

    private func reckoning(_ store: Store) async throws -> Reckoning {
        try await store.reckoning(spentSince: time(0), sentSince: time(0), newest: time(0))
    }

    @Test func aGateThatIsShutForLongerStaysSoAndAnOpenedOneGoes() async throws {
        let state = try StateFixture()
        let store = try state.open()
        defer { withExtendedLifetime(state) {} }
        try await store.keep(gate(until: 5000), [limit], at: time(1000))
        try await store.keep(gate(until: 4000, "sooner"), [], at: time(1000))
        #expect(try await reckoning(store).gates == [gate(until: 5000)])
        #expect(try await reckoning(store).limits == [limit])
        try await store.keep(gate(until: 8000, model: nil), [], at: time(5000))
        #expect(try await reckoning(store).gates == [gate(until: 8000, model: nil)])
        #expect(try await reckoning(store).limits == [limit])
    }

    @Test func toResumeForgetsWhatALimitHasShutAndNothingElse() async throws {
        let state = try StateFixture()
        let store = try state.open()
        defer { withExtendedLifetime(state) {} }
        try await store.keep(gate(until: .max), [], at: time(1000))
        try await store.keep(gate(until: 5000, model: nil), [], at: time(1000))
        // One without room for the model, which nobody at this end can mend.
        var breaker = gate(until: 5000, model: "other")
        breaker.patience = nil
        try await store.keep(breaker, [], at: time(1000))
        try await store.setPaused(false, project: "second", gatesOf: "p", at: time(2000), by: alice)
        #expect(try await reckoning(store).gates == [breaker])
    }

    @Test func anotherKeyIsOnRecordAndForgetsWhatWasSaidOfTheLastOnesProject() async throws {
        let state = try StateFixture()
        let store = try state.open()
        defer { withExtendedLifetime(state) {} }
        let upload = KeptUpload(sha256: "ab", name: "files/a", uri: "u", expires: time(9000))
        func note(_ key: UInt8, of project: String = "p") async throws -> Bool {
            try await store.noteKey(of: project, digest: { salt in [key] + salt }, at: time(1000), details: nil)
        }
        #expect(try await !note(1))
        try await store.keep(gate(until: 5000), [limit], at: time(1000))
        try await store.keep(upload, of: "p", at: time(1000))
        #expect(try await !note(1))
        #expect(try await !note(2, of: "other"))
        #expect(try await reckoning(store).gates.count == 1)
        #expect(try await store.uploads(of: "p") == [upload])
        #expect(try await note(2))
        let left = try await reckoning(store)
        #expect(left.gates.isEmpty && left.limits.isEmpty)
        #expect(try await store.uploads(of: "p").isEmpty)
        #expect(try await !note(2))
        let events = try await store.auditRows(after: 0, limit: 10).map(\.event)
        #expect(events == ["key_loaded", "key_loaded", "key_loaded", "key_changed", "key_loaded"])
        #expect(try await store.verifyAudit().firstBroken == nil)
    }

    @Test func anUploadIsForgottenByItsNameOrWhenItHasEnded() async throws {
        let state = try StateFixture()
        let store = try state.open()
        defer { withExtendedLifetime(state) {} }
        for (number, end) in [2000, 9000, 9000].enumerated() {
            let upload = KeptUpload(
                sha256: "\(number)", name: "files/\(number)", uri: "u", expires: time(Int64(end)))
            try await store.keep(upload, of: "p", at: time(number == 0 ? 1000 : 3000))
        }
        #expect(try await store.uploads(of: "p").map(\.sha256) == ["1", "2"])
        try await store.forgetUploads(["files/1"], of: "p")
        #expect(try await store.uploads(of: "p").map(\.sha256) == ["2"])
    }
}
