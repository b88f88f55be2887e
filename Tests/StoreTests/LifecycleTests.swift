// Each transaction of a job's life: what it writes, and what it refuses.

import GRDB
import Store
import Testing
import Wire

struct LifecycleTests {
    @Test func aFinishedJobReadsBackWhole() async throws {
        let state = try StateFixture()
        let store = try state.open()
        let id = JobID(rawValue: "a")
        #expect(try await store.admit(newJob("a", label: "cover"), isStarted: false) == .new)
        #expect(try await store.start(id, call: 0, at: time(2000)))
        let ended = try await store.finish(finished("a"))
        let whole = JobResult(
            job: id, state: .done, route: "native", project: "default", label: "cover",
            model: JobModel(asked: "flash", sent: "gemini-x", answered: "gemini-x"),
            images: [ImageEntry(sha256: "ab", mimeType: "image/png", width: 16, height: 9, bytes: 3)], text: "here",
            warnings: [Warning(.typeDiffers, "another type")], requested: Requested(aspectRatio: "16:9"),
            usage: Usage(promptTokens: 1, outputTokens: 2, imageTokens: 3, thoughtTokens: 4),
            cost: Cost(micros: 300, basis: .usage), attempts: 1,
            timing: Timing(queuedMs: 1, upstreamMs: 2, overheadMs: 3), createdAt: time(1000), startedAt: time(2000),
            endedAt: time(3000))
        #expect(ended == whole)
        #expect(try await store.job(id) == JobRecord(owner: 1000, result: whole))
    }

    @Test func twoWorkersCannotStartOneJob() async throws {
        let state = try StateFixture()
        let store = try state.open()
        _ = try await store.admit(newJob("a"), isStarted: false)
        let wins = try await withThrowingTaskGroup(of: Bool.self) { group in
            for _ in 0..<20 {
                group.addTask { try await store.start(JobID(rawValue: "a"), call: 0, at: time(2000)) }
            }
            return try await group.reduce(0) { $0 + ($1 ? 1 : 0) }
        }
        #expect(wins == 1)
        #expect(try await store.job(JobID(rawValue: "a"))?.result.attempts == 1)
    }

    @Test func onlyTheMovesOfTheTableChangeAnything() async throws {
        for transition in Transition.all {
            for origin in JobState.allCases {
                let state = try StateFixture()
                let store = try state.open()
                _ = try await store.admit(newJob("a"), isStarted: false)
                try state.edit { database in
                    try database.execute(sql: "UPDATE call SET state = ?", arguments: [origin.rawValue])
                }
                let before = try state.edit { try Int.fetchOne($0, sql: "SELECT count(*) FROM audit") }
                let isDone = try await attempt(transition, on: store)
                let after = try state.edit { try Int.fetchOne($0, sql: "SELECT count(*) FROM audit") }
                #expect(isDone == transition.from.contains(origin), "\(origin) to \(transition.to)")
                if !isDone { #expect(before == after) }
            }
        }
    }

    private func attempt(_ transition: Transition, on store: Store) async throws -> Bool {
        let id = JobID(rawValue: "a")
        switch transition {
        case .start: return try await store.start(id, call: 0, at: time(2000))
        case .receive: return try await store.receive(id, call: 0, at: time(2000))
        case .requeue: return try await store.requeue(id, call: 0, at: time(2000))
        case .finish: return try await store.finish(finished("a")) != nil
        default: return try await store.end(transition, failure("a", .internal, charged: .no)) != nil
        }
    }

    @Test(arguments: [
        (Charged.no, "released", Int64(0), Int64(500)), (.yes, "settled", 200, 300), (.unknown, "held", 0, 0),
    ])
    func theHoldFollowsWhatWasCharged(charged: Charged, hold: String, settled: Int64, released: Int64) async throws {
        let state = try StateFixture()
        let store = try state.open()
        _ = try await store.admit(newJob("a"), isStarted: true)
        _ = try await store.end(.fail, failure("a", .blocked, charged: charged, cost: 200))
        let row = try state.edit { database in
            try Row.fetchOne(database, sql: "SELECT state, settled_micros, released_micros FROM hold")
        }
        #expect(row == ["state": hold, "settled_micros": settled, "released_micros": released])
    }

    @Test func theSameKeyIsTheSameJobAndAnotherRequestIsNot() async throws {
        let state = try StateFixture()
        let store = try state.open()
        let first = JobID(rawValue: "a")
        #expect(try await store.admit(newJob("a", key: "k", request: "{1}"), isStarted: false) == .new)
        #expect(
            try await store.admit(newJob("b", key: "k", request: "{1}"), isStarted: false)
                == .existing(first, isSame: true))
        #expect(
            try await store.admit(newJob("c", key: "k", request: "{2}"), isStarted: false)
                == .existing(first, isSame: false))
        #expect(try await store.admit(newJob("d", origin: bob, key: "k"), isStarted: false) == .new)
        #expect(try await store.job(JobID(rawValue: "b")) == nil)
    }

    @Test func pagesAreNewestFirstAndMeetWithoutOverlap() async throws {
        let state = try StateFixture()
        let store = try state.open()
        for number in 10..<20 {
            _ = try await store.admit(newJob("a\(number)", label: number % 2 == 0 ? "even" : nil), isStarted: false)
        }
        _ = try await store.admit(newJob("a15x", origin: bob), isStarted: true)
        func ids(_ owner: UInt32?, _ before: String?, _ state: JobState?, _ label: String?) async throws -> [String] {
            try await store.jobs(
                of: owner, before: before.map(JobID.init(rawValue:)), state: state, label: label, limit: 3
            ).map { $0.result.job.rawValue }
        }
        #expect(try await ids(1000, nil, nil, nil) == ["a19", "a18", "a17"])
        #expect(try await ids(1000, "a17", nil, nil) == ["a16", "a15", "a14"])
        #expect(try await ids(1000, nil, .queued, "even") == ["a18", "a16", "a14"])
        #expect(try await ids(1000, nil, .sent, nil) == [])
        #expect(try await ids(nil, "a17", nil, nil) == ["a16", "a15x", "a15"])
        #expect(try await ids(2000, nil, .sent, nil) == ["a15x"])
    }

    @Test func everyListReadsAnIndexInOrder() throws {
        let state = try StateFixture()
        _ = try state.open()
        let filters = [
            "", "WHERE id < 'x'", "WHERE uid = 1 AND id < 'x'", "WHERE uid = 1 AND state = 'done' AND id < 'x'",
            "WHERE state = 'done' AND id < 'x'", "WHERE uid = 1 AND label = 'l' AND id < 'x'",
        ]
        for filter in filters {
            let plan = try state.edit { database in
                try Row.fetchAll(
                    database, sql: "EXPLAIN QUERY PLAN SELECT text FROM job \(filter) ORDER BY id DESC LIMIT 3"
                ).map { $0["detail"] as String }
            }
            #expect(plan.count == 1 && plan.allSatisfy { $0.contains("USING INDEX") }, "\(filter): \(plan)")
        }
        let open = try state.edit { database in
            try Row.fetchAll(
                database, sql: "EXPLAIN QUERY PLAN SELECT id, state FROM job WHERE ended_ms IS NULL ORDER BY id"
            ).map { $0["detail"] as String }
        }
        #expect(open == ["SCAN job USING INDEX job_open"])
    }
}
