// The room that is kept for what is paid for.

import Foundation
import GRDB
import Glibc
import Store
import Testing
import Wire

struct ReserveTests {
    private func open(_ state: StateFixture, reserveBytes: Int64?) throws -> Store {
        try Store(path: state.path, reserveBytes: reserveBytes, now: time(1000))
    }

    private func size(_ state: StateFixture) -> Int64? {
        (try? FileManager.default.attributesOfItem(atPath: state.path + "/reserve"))?[.size] as? Int64
    }

    @Test func theRoomIsTakenAtTheStartAndGivenBackWhenNoneIsWanted() throws {
        let state = try StateFixture()
        try open(state, reserveBytes: 1_000_000).close()
        #expect(size(state) == 1_000_000)
        try open(state, reserveBytes: nil).close()
        #expect(size(state) == 67_108_864)
        try open(state, reserveBytes: 0).close()
        #expect(size(state) == nil)
    }

    @Test func whatTheRunBeforeHasLeftOfItStaysWhereThereIsNoRoomForAllOfIt() throws {
        let state = try StateFixture()
        try open(state, reserveBytes: 1_000_000).close()
        // More than any disk has.
        try open(state, reserveBytes: 1 << 55).close()
        #expect(size(state) == 1_000_000)
        try open(state, reserveBytes: 500_000).close()
        #expect(size(state) == 500_000)
    }

    /// The index is the next run's, the log is empty, and the database has room for rows to come.
    @Test func logAndIndexOutlastARun() async throws {
        let state = try StateFixture()
        let store = try open(state, reserveBytes: 0)
        _ = try await store.admit(newJob("a"), started: 0)
        let backup = state.path + ".copy"
        try StoredState(path: state.path).backUp(to: backup)
        _ = try await store.admit(newJob("b"), started: 0)
        try store.close()
        func size(_ name: String) -> Int64? {
            (try? FileManager.default.attributesOfItem(atPath: "\(state.path)/\(name)"))?[.size] as? Int64
        }
        #expect(size("darkroom.sqlite-wal") == 0)
        #expect(size("darkroom.sqlite-shm") == 32_768)
        #expect(size("darkroom.sqlite") == 1_048_576)
        // So a copy that is put in its place is what is there.
        #expect(unsafe rename(backup, state.path + "/darkroom.sqlite") == 0)
        let restored = try open(state, reserveBytes: 0)
        #expect(try await restored.openJobs().jobs.map(\.id.rawValue) == ["a"])
        #expect(try await restored.verifyAudit().firstBroken == nil)
        try restored.close()
        #expect(try state.edit { try String.fetchAll($0, sql: "PRAGMA integrity_check") } == ["ok"])
    }

    @Test func nothingIsAdmittedWhenThereIsNoRoomBesides() async throws {
        let state = try StateFixture()
        // More than any disk has.
        let store = try open(state, reserveBytes: 1 << 55)
        #expect(size(state) == nil)
        await #expect(throws: StoreError.full) { try await store.admit(newJob("a"), started: 0) }
        #expect(try await store.jobs(of: nil, before: nil, state: nil, label: nil, limit: 5) == [])
        // What was admitted before is found by its key all the same.
        try store.close()
        let roomy = try open(state, reserveBytes: 0)
        #expect(try await roomy.admit(newJob("b", key: "k"), started: 0) == .new)
        try roomy.close()
        let full = try open(state, reserveBytes: 1 << 55)
        #expect(
            try await full.admit(newJob("c", key: "k"), started: 0)
                == .existing(JobID(rawValue: "b"), isSame: true))
        let cancelled = try await full.cancel(
            JobID(rawValue: "b"), error: WireError(.cancelled, "no", charged: .no), at: time(2000), by: alice)
        #expect(cancelled?.calls == [0])
    }
}
