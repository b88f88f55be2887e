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
        #expect(try await store.admit(newJob("a", label: "cover"), started: 0) == .new)
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
        _ = try await store.admit(newJob("a"), started: 0)
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
                _ = try await store.admit(newJob("a"), started: 0)
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
        case .requeue: return try await store.requeue(id, call: 0, at: time(2000))
        case .finish: return try await store.finish(finished("a")) != nil
        default: return try await store.end(transition, failure("a", .internal, charged: .no)) != nil
        }
    }

    @Test func aJobOfAnEarlierVersionIsTheSameRequestStill() async throws {
        let store = try StateFixture().open()
        // Hashed with what the policy added.
        _ = try await store.admit(newJob("a", key: "k", request: #"{"project":"p","prompt":"x"}"#), started: 0)
        var again = newJob("b", key: "k", request: #"{"project":"p","prompt":"x"}"#)
        again.sameness = Array(#"{"prompt":"x"}"#.utf8)
        #expect(try await store.admit(again, started: 0) == .existing(JobID(rawValue: "a"), isSame: true))
        let known = try #require(try await store.job(under: "k", of: alice.uid))
        #expect(known.id.rawValue == "a" && known.wasAsked([[], again.request]) && !known.wasAsked([[]]))
        #expect(try await store.job(under: "k", of: bob.uid) == nil)
    }

    @Test func aConversationThatLostATurnMeanwhileIsNotGoneOnWith() async throws {
        let store = try StateFixture().open()
        _ = try await store.admit(newJob("a"), started: 1)
        _ = try await store.finish(finished("a"))
        var next = newJob("b")
        (next.continues, next.conversation) = (JobID(rawValue: "a"), ["gone", "a"].map(JobID.init(rawValue:)))
        #expect(try await store.admit(next, started: 0) == .broken(JobID(rawValue: "gone")))
        next.conversation.removeFirst()
        #expect(try await store.admit(next, started: 0) == .new)
    }

    @Test(arguments: [
        (Transition.fail, Charged.no, "released", Int64(0), Int64(500), nil), (.fail, .yes, "settled", 200, 300, 200),
        (.fail, .unknown, "settled", 500, 0, 500), (.lose, .unknown, "held", 0, 0, nil),
    ])
    func theHoldFollowsWhatWasCharged(
        end: Transition, charged: Charged, hold: String, settled: Int64, released: Int64, used: Int64?
    ) async throws {
        let state = try StateFixture()
        let store = try state.open()
        _ = try await store.admit(newJob("a"), started: 1)
        _ = try await store.end(end, failure("a", .blocked, charged: charged, cost: 200))
        let row = try state.edit { database in
            try Row.fetchOne(
                database,
                sql: """
                    SELECT state, settled_micros, released_micros, (SELECT cost_micros FROM usage) AS used FROM hold
                    """)
        }
        #expect(row == ["state": hold, "settled_micros": settled, "released_micros": released, "used": used])
    }

    @Test func theLabelOfAJobIsInItsAuditRow() async throws {
        let state = try StateFixture()
        let store = try state.open()
        _ = try await store.admit(newJob("a", label: "a \"b\"\n"), started: 0)
        _ = try await store.admit(newJob("b"), started: 0)
        let details = try state.edit { try String.fetchAll($0, sql: "SELECT details FROM audit ORDER BY sequence") }
        #expect(
            details == [
                #"{"count":1,"holdMicros":500,"label":"a \"b\"\n"}"#, #"{"count":1,"holdMicros":500}"#,
            ])
    }

    @Test func theSameKeyIsTheSameJobAndAnotherRequestIsNot() async throws {
        let state = try StateFixture()
        let store = try state.open()
        let first = JobID(rawValue: "a")
        #expect(try await store.admit(newJob("a", key: "k", request: "{1}"), started: 0) == .new)
        #expect(
            try await store.admit(newJob("b", key: "k", request: "{1}"), started: 0)
                == .existing(first, isSame: true))
        #expect(
            try await store.admit(newJob("c", key: "k", request: "{2}"), started: 0)
                == .existing(first, isSame: false))
        #expect(try await store.admit(newJob("d", origin: bob, key: "k"), started: 0) == .new)
        #expect(try await store.job(JobID(rawValue: "b")) == nil)
    }
}
