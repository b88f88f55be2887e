// What goes when: by age, number and bytes, of one and of all, and what never does.

import Foundation
import GRDB
import Store
import Testing
import Wire

struct RetentionTests {
    private static let hour = Store.graceMilliseconds
    private static let now: Int64 = 1_800_000_000_000

    private let state: StateFixture
    private let store: Store

    init() throws {
        state = try StateFixture()
        store = try state.open(at: Self.now)
    }

    /// A job that ended some hours ago, and the image that it alone has, of so many bytes.
    @discardableResult
    private func endedJob(
        _ hoursAgo: Int64, bytes: Int = 10, origin: Origin = alice, continues: JobID? = nil
    ) async throws -> (id: JobID, image: String) {
        let time = time(Self.now - hoursAgo * Self.hour)
        var job = newJob(JobID.make(at: time).rawValue, origin: origin, at: time.milliseconds)
        job.continues = continues
        _ = try await store.admit(job, started: 1)
        let image = try await keep((0..<bytes).map { _ in UInt8.random(in: 0...255) }, in: store)
        var end = finished(job.id.rawValue, image)
        end.at = time
        end.artifacts[0].entry.bytes = bytes
        _ = try await store.finish(end)
        return (job.id, image)
    }

    /// The newest job of all never goes, so it is somebody else's.
    private func addNewest() async throws { try await endedJob(0, bytes: 0, origin: bob) }

    private func remove(_ retention: Retention, since start: Int64 = 0) async throws -> Removed {
        try await store.removeExpired(retention, since: time(start), at: time(Self.now))
    }

    private func isThere(_ image: String) -> Bool {
        FileManager.default.fileExists(atPath: "\(state.path)/artifacts/\(image.prefix(2))/\(image)")
    }

    private var jobs: [JobID] {
        get throws { try state.edit { try String.fetchAll($0, sql: "SELECT id FROM job ORDER BY id") }.map(JobID.init) }
    }

    @Test func inTheFirstHourOfARunNothingGoesButWhatEndedADayAgo() async throws {
        try await endedJob(30)
        let younger = try await endedJob(20).id
        try await addNewest()
        let retention = Retention(maxAge: .seconds(3600), maxJobs: 1)
        #expect(try await remove(retention, since: Self.now - Store.leastGraceMilliseconds + 1) == Removed())
        #expect(try await remove(retention, since: Self.now - Self.hour + 1) == Removed(jobs: 1, files: 1))
        #expect(try jobs.first == younger)
        #expect(try await remove(retention, since: Self.now - Self.hour) == Removed(jobs: 1, files: 1))
    }

    @Test func whatIsOlderThanTheAgeGoesWithItsImageAndItsCostStays() async throws {
        let old = try await endedJob(30)
        let young = try await endedJob(20)
        try await addNewest()
        #expect(try await remove(Retention(maxAge: .seconds(25 * 3600))) == Removed(jobs: 1, files: 1))
        #expect(try await store.job(old.id) == nil)
        #expect(!isThere(old.image) && isThere(young.image))
        #expect(try await store.job(young.id)?.result.images.count == 1)
        let counts = try state.edit { database in
            try ["usage", "call", "hold", "artifact"].map {
                try Int.fetchOne(database, sql: "SELECT count(*) FROM \($0)") ?? -1
            }
        }
        #expect(counts == [3, 2, 2, 2])
        #expect(try await store.verifyAudit().firstBroken == nil)
    }

    @Test func theOldestGoUntilTheNumberIsRight() async throws {
        var made: [JobID] = []
        for hours in stride(from: Int64(9), to: 2, by: -1) { made.append(try await endedJob(hours).id) }
        try await addNewest()
        #expect(try await remove(Retention(maxJobs: 5)).jobs == 3)
        #expect(try jobs.prefix(4) == made.suffix(4))
        #expect(try await remove(Retention(maxJobsPerUser: 1)).jobs == 3)
        #expect(try jobs.first == made.last)
        #expect(try jobs.count == 2)
    }

    @Test func theOldestGoUntilTheBytesAreRightForEachUserAndForAll() async throws {
        let first = try await endedJob(9, bytes: 100)
        let second = try await endedJob(8, bytes: 100)
        let others = try await endedJob(7, bytes: 100, origin: bob)
        try await addNewest()
        #expect(try await remove(Retention(maxBytesPerUser: 150)) == Removed(jobs: 1, files: 1))
        #expect(!isThere(first.image) && isThere(second.image) && isThere(others.image))
        #expect(try await remove(Retention(maxBytes: 100)) == Removed(jobs: 1, files: 1))
        #expect(!isThere(second.image) && isThere(others.image))
        #expect(try await remove(Retention(maxBytes: 100)) == Removed())
    }

    @Test func whatSomebodyIsOwedStays() async throws {
        let strict = Retention(maxAge: .zero, maxJobs: 0, maxBytes: 0)
        let long = Self.now - 100 * Self.hour
        // One that waits, one of unknown outcome, and the conversation in which the waiting one goes on.
        let begun = try await endedJob(102)
        let middle = try await endedJob(101, continues: begun.id)
        var waiting = newJob(JobID.make(at: time(long)).rawValue, at: long)
        waiting.continues = middle.id
        _ = try await store.admit(waiting, started: 0)
        let unknown = newJob(JobID.make(at: time(long)).rawValue, at: long)
        _ = try await store.admit(unknown, started: 1)
        _ = try await store.end(
            .lose, failure(unknown.id.rawValue, .outcomeUnknown, charged: .unknown, at: long))
        let owed = try await endedJob(0)
        try await addNewest()
        let before = try jobs
        #expect(try await remove(strict) == Removed())
        #expect(try jobs == before)
        #expect(isThere(begun.image) && isThere(middle.image) && isThere(owed.image))
        // Decided and ended, they are like any other.
        _ = try await store.resolve(unknown.id, charged: false, at: time(long), by: alice)
        _ = try await store.end(.cancel, failure(waiting.id.rawValue, .cancelled, charged: .no, at: long))
        #expect(try await remove(strict) == Removed(jobs: 4, files: 2))
    }

    @Test func aFileThatAnotherJobHasTooStays() async throws {
        let old = try await endedJob(50)
        let young = try await endedJob(2)
        try state.edit { database in
            try database.execute(
                sql: "UPDATE artifact SET sha256 = ? WHERE sha256 = ?", arguments: [old.image, young.image])
        }
        try await addNewest()
        #expect(try await remove(Retention(maxAge: .seconds(10 * 3600))) == Removed(jobs: 1, files: 0))
        #expect(isThere(old.image))
    }

    @Test func moreJobsThanOneBatchAllGo() async throws {
        for _ in 0..<250 { try await endedJob(40, bytes: 1) }
        try await addNewest()
        #expect(try await remove(Retention(maxAge: .seconds(3600))).jobs == 250)
        #expect(try jobs.count == 1)
    }

    @Test func whatADaysLimitHasToKnowOfRemovedJobsIsKeptForAsLongAsThat() async throws {
        for hours in [30, 20, 2] as [Int64] { try await endedJob(hours) }
        try await addNewest()
        let since = time(Self.now - Store.sentKept)
        func sent() async throws -> [Int64] {
            let reckoning = try await store.reckoning(
                spentSince: since, sentSince: since, newest: time(Self.now))
            #expect(reckoning.sent.allSatisfy { $0.project == "default" && $0.model == "gemini-x" && !$0.isBulk })
            return reckoning.sent.map { Self.now - $0.at }.sorted()
        }
        let all = try await sent()
        #expect(all == [0, 2 * Self.hour, 20 * Self.hour])
        #expect(try await remove(Retention(maxJobs: 0)).jobs == 3)
        #expect(try await sent() == all)
        let rows = try state.edit { try Int64.fetchAll($0, sql: "SELECT cost_micros FROM sent_before") }
        #expect(rows == [300, 300])
    }
}
