// Opening: one daemon at a time, durable or not at all, and what the run before left.

import Foundation
import GRDB
import Store
import Testing
import Wire

struct RecoveryTests {
    @Test func whatWasSentIsUnknownAndWhatWasQueuedStays() async throws {
        let state = try StateFixture()
        do {
            let store = try state.open()
            for id in ["done", "queued", "receiving", "sent", "waiting"] {
                _ = try await store.admit(newJob(id), started: id == "queued" ? 0 : 1)
            }
            _ = try await store.finish(finished("done"))
            _ = try await store.requeue(JobID(rawValue: "waiting"), call: 0, at: time(1500))
            // Today's daemon does not write it.
            try state.edit { database in
                try database.execute(
                    sql: """
                        UPDATE call SET state = 'receiving' WHERE job = (SELECT number FROM job WHERE id = 'receiving');
                        UPDATE job SET state = 'receiving' WHERE id = 'receiving'
                        """)
            }
        }
        let store = try state.open(at: 9000)
        #expect(store.lostAtStart.map(\.rawValue) == ["receiving", "sent"])
        var states: [JobState] = []
        for record in try await store.jobs(of: nil, before: nil, state: nil, label: nil, limit: 9) {
            states.append(record.result.state)
        }
        #expect(states == [.waiting, .unknown, .unknown, .queued, .done])
        let lost = try #require(try await store.job(JobID(rawValue: "sent"))).result
        #expect(lost.error?.kind == .outcomeUnknown && lost.error?.charged == .unknown)
        #expect(lost.cost == Cost(micros: 500, basis: .hold))
        #expect(lost.endedAt == time(9000))
        #expect(try await store.openJobs().jobs.map(\.id.rawValue) == ["queued", "waiting"])
        #expect(try await store.unknownCount() == 2)
        let holds = try state.edit { database in
            try String.fetchAll(database, sql: "SELECT hold.state FROM hold JOIN job ON job = job.number ORDER BY id")
        }
        #expect(holds == ["settled", "held", "held", "held", "held"])
        #expect(try await store.verifyAudit().firstBroken == nil)
    }

    @Test func aCallThatWasLentAndRefusedWaitsAtHomeWithItsMoney() async throws {
        let state = try StateFixture()
        let id = JobID(rawValue: "a")
        do {
            let store = try state.open()
            var job = newJob("a")
            job.callCount = 2
            _ = try await store.admit(job, started: 0)
            for call in 0..<2 {
                #expect(try await store.start(id, call: call, at: time(1500), by: (project: "spare", route: "openai")))
            }
            #expect(try await store.job(id)?.result.project == "spare")
            #expect(try await holders(store) == ["spare", "spare"])
            #expect(try await store.requeue(id, call: 0, at: time(1600)))
        }
        let store = try state.open(at: 9000)
        #expect(try await store.openJobs().jobs.map(\.home) == ["default"])
        #expect(try await holders(store) == ["default", "spare"])
    }

    private func holders(_ store: Store) async throws -> [String] {
        try await store.reckoning(spentSince: time(0), sentSince: time(0), newest: time(0)).holds
            .sorted { $0.call < $1.call }.map(\.project)
    }

    @Test func whatWasCancelledUnderWayAndRefusedThenIsNotSentAgain() async throws {
        let state = try StateFixture()
        let id = JobID(rawValue: "a")
        do {
            let store = try state.open()
            _ = try await store.admit(newJob("a"), started: 1)
            let asked = try await store.cancel(id, error: .jobCancelled(id), at: time(1500), by: alice)
            #expect(asked?.calls == [] && asked?.result.state == .sent)
            #expect(try await store.requeue(id, call: 0, at: time(1600)))
        }
        let store = try state.open(at: 9000)
        let job = try #require(try await store.job(id)).result
        #expect(job.state == .cancelled && job.error?.kind == .cancelled && job.cost == nil)
        #expect(try await store.openJobs().jobs == [] && store.lostAtStart == [])
        let hold = try state.edit { try String.fetchOne($0, sql: "SELECT state FROM hold") }
        #expect(hold == "released")
    }

    @Test func aSecondDaemonIsToldWhoHasTheState() throws {
        let state = try StateFixture()
        let first = try state.open()
        #expect(throws: StoreError.inUse(pid: getpid())) { try state.open() }
        withExtendedLifetime(first) {}
    }

    @Test func aNewerSchemaIsRefused() throws {
        let state = try StateFixture()
        _ = try state.open()
        try state.edit { try $0.execute(sql: "INSERT INTO grdb_migrations VALUES ('9999')") }
        #expect(throws: StoreError.newerSchema) { try state.open() }
    }

    @Test func temporaryFilesOfTheRunBeforeAreRemoved() throws {
        let state = try StateFixture()
        try FileManager.default.createDirectory(atPath: state.path + "/temporary", withIntermediateDirectories: true)
        #expect(FileManager.default.createFile(atPath: state.path + "/temporary/half", contents: Data([1])))
        _ = try state.open()
        #expect(try FileManager.default.contentsOfDirectory(atPath: state.path + "/temporary") == [])
    }
}
