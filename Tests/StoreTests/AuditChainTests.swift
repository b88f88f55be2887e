// The chain holds as written and breaks at every edit.

import GRDB
import Store
import TestKit
import Testing
import Wire

struct AuditChainTests {
    private func written() async throws -> StateFixture {
        let state = try StateFixture()
        let store = try state.open()
        try await store.record(AuditEntry(.started, at: 1, details: "{}"))
        _ = try await store.admit(newJob("a"), started: 1)
        _ = try await store.finish(finished("a"))
        try await store.record(AuditEntry(.denied, at: 5, origin: bob, model: "pro"))
        return state
    }

    @Test(.backs(.everyActIsOnRecord)) func theEventsOfAJobAreInTheChainInOrder() async throws {
        let state = try await written()
        let events = try state.edit { try String.fetchAll($0, sql: "SELECT event FROM audit ORDER BY sequence") }
        #expect(events == ["started", "accepted", "sent", "ended", "denied"])
        let store = try state.open()
        #expect(try await store.verifyAudit() == AuditVerdict(rows: 5, firstBroken: nil))
        #expect(try await store.auditHead()?.sequence == 5)
    }

    @Test func aCallThatWaitedIsOnRecordAsSentBeforeItIs() async throws {
        let state = try StateFixture()
        let store = try state.open()
        _ = try await store.admit(newJob("a"), started: 0)
        #expect(try await store.start(JobID(rawValue: "a"), call: 0, at: time(2000)))
        let rows = try state.edit {
            try String.fetchAll($0, sql: "SELECT event || ' ' || at_ms || ' ' || uid FROM audit ORDER BY sequence")
        }
        #expect(rows == ["accepted 1000 1000", "sent 2000 1000"])
    }

    /// Computed here once more from what the chain is said to be, so that both sides cannot forget the same.
    @Test func eachHashIsOfTheOneBeforeAndTheWholeRow() async throws {
        let state = try await written()
        let answer = try ChildProcess.python(
            """
            import hashlib, sqlite3, struct, sys
            previous = bytes(32)
            for row in sqlite3.connect(sys.argv[1]).execute(
                    "SELECT sequence, at_ms, event, uid, gid, pid, unit, socket, job, project, model, details, hash"
                    " FROM audit ORDER BY sequence"):
                data = previous
                for value in row[:-1]:
                    if value is None: data += b"\\0"
                    elif isinstance(value, int): data += b"\\1" + struct.pack(">q", value)
                    else: data += b"\\2" + struct.pack(">I", len(value.encode())) + value.encode()
                previous = hashlib.sha256(data).digest()
                print(previous == row[-1])
            """, state.path + "/darkroom.sqlite")
        #expect(answer == String(repeating: "True\n", count: 5))
    }

    @Test func aCancelledJobNamesWhoCancelledIt() async throws {
        let state = try StateFixture()
        let store = try state.open()
        for id in ["a", "b"] { _ = try await store.admit(newJob(id), started: 0) }
        _ = try await store.end(.cancel, failure("a", .cancelled, charged: .no), by: bob)
        _ = try await store.end(.cancel, failure("b", .cancelled, charged: .no))
        let uids = try state.edit { database in
            try Int.fetchAll(database, sql: "SELECT uid FROM audit WHERE event = 'cancelled' ORDER BY job")
        }
        #expect(uids == [2000, 1000])
    }

    @Test(arguments: [
        "UPDATE audit SET at_ms = at_ms + 1 WHERE sequence = 3", "UPDATE audit SET event = 'denied' WHERE sequence = 3",
        "UPDATE audit SET uid = 0 WHERE sequence = 3", "UPDATE audit SET gid = 0 WHERE sequence = 3",
        "UPDATE audit SET pid = 1 WHERE sequence = 3", "UPDATE audit SET unit = NULL WHERE sequence = 3",
        "UPDATE audit SET socket = 'admin' WHERE sequence = 3", "UPDATE audit SET job = 'b' WHERE sequence = 3",
        "UPDATE audit SET project = 'p' WHERE sequence = 3", "UPDATE audit SET model = 'm' WHERE sequence = 3",
        "UPDATE audit SET details = '' WHERE sequence = 3", "UPDATE audit SET hash = x'00' WHERE sequence = 3",
        "UPDATE audit SET previous = x'00' WHERE sequence = 3",
        "UPDATE audit SET model = project || model, project = '' WHERE sequence = 3",
        // Of other types than were ever written.
        "UPDATE audit SET hash = 7 WHERE sequence = 3", "UPDATE audit SET previous = 'x' WHERE sequence = 3",
        "UPDATE audit SET uid = -1 WHERE sequence = 3", "UPDATE audit SET event = 2.5 WHERE sequence = 3",
    ])
    func anyEditBreaksTheChainThere(edit: String) async throws {
        let state = try await written()
        try state.edit { try $0.execute(sql: edit) }
        let store = try state.open()
        #expect(try await store.verifyAudit().firstBroken == 3)
        let rows = try await store.auditRows(after: 0, limit: 10)
        #expect(rows.map(\.sequence) == [1, 2, 3, 4, 5])
    }

    @Test(arguments: ["hash = 7", "hash = 0.5"]) func nothingFollowsARowWhoseHashCannotBeRead(edit: String) async throws
    {
        let state = try await written()
        try state.edit { try $0.execute(sql: "UPDATE audit SET \(edit) WHERE sequence = 5") }
        let store = try state.open()
        await #expect(throws: StoreError.corrupt("the newest row of the audit chain")) {
            try await store.record(AuditEntry(.denied, at: 6))
        }
        await #expect(throws: StoreError.corrupt("the newest row of the audit chain")) { try await store.auditHead() }
        #expect(try await store.auditRows(after: 4, limit: 10).map(\.event) == [AuditRow.unreadableEvent])
        #expect(try await store.verifyAudit().firstBroken == 5)
    }

    @Test(.backs(.everyActIsOnRecord)) func aMissingRowBreaksTheChain() async throws {
        let state = try await written()
        try state.edit { try $0.execute(sql: "DELETE FROM audit WHERE sequence = 3") }
        #expect(try await state.open().verifyAudit().firstBroken == 4)
    }
}
