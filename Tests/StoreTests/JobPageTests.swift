// Lists: in order, by an index, and small however long upstream's words were.

import GRDB
import Store
import Testing
import Wire

struct JobPageTests {
    @Test func pagesAreNewestFirstAndMeetWithoutOverlap() async throws {
        let state = try StateFixture()
        let store = try state.open()
        for number in 10..<20 {
            _ = try await store.admit(newJob("a\(number)", label: number % 2 == 0 ? "even" : nil), started: 0)
        }
        _ = try await store.admit(newJob("a15x", origin: bob), started: 1)
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
        let expected: [(UInt32?, JobState?, String?, String)] = [
            (nil, nil, nil, "sqlite_autoindex_job_1 (id<?)"),
            (1, nil, nil, "job_of_uid (uid=? AND id<?)"),
            (nil, .done, nil, "job_in_state (state=? AND id<?)"),
            (1, .done, nil, "job_of_uid_in_state (uid=? AND state=? AND id<?)"),
            (nil, nil, "l", "job_labelled (label=? AND id<?)"),
            (nil, .done, "l", "job_labelled (label=? AND id<?)"),
            (1, nil, "l", "job_labelled_of_uid (label=? AND uid=? AND id<?)"),
            (1, .done, "l", "job_labelled_of_uid_in_state (label=? AND uid=? AND state=? AND id<?)"),
        ]
        for (owner, job, label, index) in expected {
            let page = JobPage(owner: owner, before: JobID(rawValue: "x"), state: job, label: label, limit: 3)
            #expect(try plan(page.sql, in: state) == ["SEARCH job USING INDEX \(index)"])
        }
        #expect(
            try plan("SELECT id, state FROM job WHERE ended_ms IS NULL ORDER BY id", in: state) == [
                "SCAN job USING INDEX job_open"
            ])
    }

    private func plan(_ sql: String, in state: StateFixture) throws -> [String] {
        let arguments = StatementArguments(repeatElement("x", count: sql.count { $0 == "?" }))
        return try state.edit { database in
            try Row.fetchAll(database, sql: "EXPLAIN QUERY PLAN " + sql, arguments: arguments).map { $0["detail"] }
        }
    }

    @Test func aListLeavesTextOutAndCutsThatOfErrors() async throws {
        let state = try StateFixture()
        let store = try state.open()
        _ = try await store.admit(newJob("a"), started: 1)
        _ = try await store.finish(finished("a"))
        _ = try await store.admit(newJob("b"), started: 1)
        var end = failure("b", .noImage, charged: .yes)
        // Two bytes each, and an odd beginning: the bound falls into a character.
        let long = "x" + String(repeating: "é", count: 60_000)
        end.error.text = long
        end.error.upstream = WireError.Upstream(httpStatus: 200, message: long)
        _ = try await store.end(.fail, end)
        let listed = try await store.jobs(of: nil, before: nil, state: nil, label: nil, limit: 9).map(\.result)
        var failed = try #require(try await store.job(JobID(rawValue: "b"))).result
        #expect(failed.error?.text == long)
        let cut = "x" + String(repeating: "é", count: 511)
        failed.error?.text = cut
        failed.error?.upstream?.message = cut
        failed.failed = [failed.error].compactMap { $0 }
        var done = try #require(try await store.job(JobID(rawValue: "a"))).result
        #expect(done.text == "here")
        done.text = nil
        #expect(listed == [failed, done])
    }
}
