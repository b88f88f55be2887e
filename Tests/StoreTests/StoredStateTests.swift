// A state directory looked at from outside: while its daemon runs, after it ended, and when there is nothing to see.

import Foundation
import GRDB
import Store
import TestKit
import Testing
import Wire

struct StoredStateTests {
    /// A store with one ended job and five rows of the chain, whose log has not been brought into the database.
    private func running(_ state: StateFixture) async throws -> Store {
        let store = try state.open()
        try await store.record(AuditEntry(.started, at: 1, details: "{}"))
        _ = try await store.admit(newJob("a"), started: 1)
        _ = try await store.finish(finished("a"))
        try await store.record(AuditEntry(.denied, at: 5, origin: bob, model: "pro"))
        return store
    }

    private func events(in file: String) throws -> [String] {
        try DatabaseQueue(path: file).read { try String.fetchAll($0, sql: "SELECT event FROM audit ORDER BY sequence") }
    }

    @Test func theChainIsVerifiedWhileADaemonHasTheState() async throws {
        let state = try StateFixture()
        let store = try await running(state)
        #expect(try StoredState(path: state.path).verifyAudit() == AuditVerdict(rows: 5, firstBroken: nil))
        try await store.record(AuditEntry(.stopped, at: 6))
        #expect(try StoredState(path: state.path).verifyAudit() == AuditVerdict(rows: 6, firstBroken: nil))
    }

    @Test func anEditIsFoundWhenNoDaemonRuns() async throws {
        let state = try StateFixture()
        try await running(state).close()
        try state.edit { try $0.execute(sql: "UPDATE audit SET uid = 0 WHERE sequence = 3") }
        #expect(try StoredState(path: state.path).verifyAudit().firstBroken == 3)
    }

    @Test func aBackupHasWhatWasCommittedAndIsForItsOwnerOnly() async throws {
        let state = try StateFixture()
        let directory = try TemporaryDirectory()
        let store = try await running(state)
        let file = directory.file("backup.sqlite")
        try StoredState(path: state.path).backUp(to: file)
        try await store.record(AuditEntry(.stopped, at: 6))
        #expect(try events(in: file) == ["started", "accepted", "sent", "ended", "denied"])
        let mode = try FileManager.default.attributesOfItem(atPath: file)[.posixPermissions] as? Int
        #expect(mode == 0o600)
        // The next one takes its place.
        try StoredState(path: state.path).backUp(to: file)
        #expect(try events(in: file).count == 6)
        #expect(
            try FileManager.default.contentsOfDirectory(atPath: directory.path).filter { $0.hasSuffix("partial") } == []
        )
    }

    @Test func aBackupIsAStateThatADaemonStartsFrom() async throws {
        let state = try StateFixture()
        let store = try await running(state)
        let directory = try TemporaryDirectory()
        try directory.makeDirectory("restored")
        try StoredState(path: state.path).backUp(to: directory.file("restored/darkroom.sqlite"))
        let restored = try Store(path: directory.file("restored"), now: time(2000))
        let original = try await store.job(JobID(rawValue: "a"))
        #expect(try await restored.job(JobID(rawValue: "a")) == original)
        #expect(try await restored.verifyAudit() == AuditVerdict(rows: 5, firstBroken: nil))
    }

    @Test func whatIsNoStateIsNotMadeOne() throws {
        let directory = try TemporaryDirectory()
        #expect(throws: StoreError.file(operation: "find the database", errno: 2)) {
            try StoredState(path: directory.path)
        }
        #expect(try FileManager.default.contentsOfDirectory(atPath: directory.path) == [])
    }

    @Test func aNewerDatabaseIsLeftAlone() async throws {
        let state = try StateFixture()
        try await running(state).close()
        try state.edit { try $0.execute(sql: "INSERT INTO grdb_migrations VALUES ('999')") }
        #expect(throws: StoreError.newerSchema) { try StoredState(path: state.path) }
    }
}
