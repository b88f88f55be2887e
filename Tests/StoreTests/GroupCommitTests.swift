// Many writers at once: all durable, each undone alone, none lost by a cancelled caller.

import GRDB
import Store
import Testing
import Wire

struct GroupCommitTests {
    @Test func twoHundredConcurrentAdmissionsAreAllThereAndChained() async throws {
        let state = try StateFixture()
        let store = try state.open()
        try await withThrowingTaskGroup(of: Admitted.self) { group in
            for number in 0..<200 {
                group.addTask { try await store.admit(newJob("job\(number)"), started: 0) }
            }
            for try await admitted in group { #expect(admitted == .new) }
        }
        #expect(try await store.openJobs().jobs.count == 200)
        #expect(try await store.verifyAudit() == AuditVerdict(rows: 200, firstBroken: nil))
    }

    @Test func oneThatFailsDoesNotSpoilTheOthers() async throws {
        let state = try StateFixture()
        let store = try state.open()
        _ = try await store.admit(newJob("taken"), started: 0)
        let outcomes = await withTaskGroup(of: Bool.self) { group in
            for number in 0..<100 {
                group.addTask {
                    // Every fifth has an id that is taken: the unique index refuses it.
                    let job = newJob(number % 5 == 0 ? "taken" : "job\(number)")
                    return (try? await store.admit(job, started: 0)) == .new
                }
            }
            return await group.reduce(into: [Bool: Int]()) { $0[$1, default: 0] += 1 }
        }
        #expect(outcomes == [true: 80, false: 20])
        #expect(try await store.openJobs().jobs.count == 81)
        #expect(try await store.verifyAudit() == AuditVerdict(rows: 81, firstBroken: nil))
    }

    @Test func aCancelledCallerLosesNothing() async throws {
        let state = try StateFixture()
        let store = try state.open()
        let task = Task {
            unsafe withUnsafeCurrentTask { unsafe $0?.cancel() }
            return try await store.admit(newJob("a"), started: 0)
        }
        #expect(try await task.value == .new)
        #expect(try await store.job(JobID(rawValue: "a"))?.result.state == .queued)
    }

    @Test func oneThatMakesSqliteUndoTheWholeGroupFailsAlone() async throws {
        let state = try StateFixture()
        let store = try state.open()
        // As a full disk does: the transaction is gone, not the statement alone.
        try state.edit { database in
            try database.execute(
                sql: """
                    CREATE TRIGGER full BEFORE INSERT ON job WHEN NEW.label = 'huge'
                    BEGIN SELECT RAISE(ROLLBACK, 'no room'); END
                    """)
        }
        let outcomes = await withTaskGroup(of: Bool.self) { group in
            for number in 0..<100 {
                group.addTask {
                    let job = newJob("job\(number)", label: number % 50 == 7 ? "huge" : nil)
                    return (try? await store.admit(job, started: 0)) == .new
                }
            }
            return await group.reduce(into: [Bool: Int]()) { $0[$1, default: 0] += 1 }
        }
        #expect(outcomes == [true: 98, false: 2])
        #expect(try await store.openJobs().jobs.count == 98)
        #expect(try await store.verifyAudit() == AuditVerdict(rows: 98, firstBroken: nil))
    }

    @Test func aCancelledReaderIsAnswered() async throws {
        let state = try StateFixture()
        let store = try state.open()
        _ = try await store.admit(newJob("a"), started: 0)
        let task = Task {
            unsafe withUnsafeCurrentTask { unsafe $0?.cancel() }
            return try await store.job(JobID(rawValue: "a"))?.owner
        }
        #expect(try await task.value == 1000)
    }
}
