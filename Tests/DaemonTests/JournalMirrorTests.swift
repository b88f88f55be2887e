import Foundation
import LineSocket
import Logging
import Store
import Synchronization
import Systemd
import TestKit
import Testing
import Wire

@testable import darkroomd

/// A journal that keeps what it is given, and may refuse.
private final class KeptJournal: Sendable {
    private struct State {
        var entries: [[String]] = []
        var isThere = true
    }

    private let state = Mutex(State())
    private let (arrivals, input) = AsyncStream.makeStream(of: Void.self)

    var entries: [[String]] { state.withLock { $0.entries } }

    func set(isThere: Bool) { state.withLock { $0.isThere = isThere } }

    func deliver(_ entry: JournalEntry) -> Bool {
        let isThere = state.withLock { state in
            if state.isThere { state.entries.append(entry.fields) }
            return state.isThere
        }
        input.yield()
        return isThere
    }

    /// Returns when so many deliveries have been tried since the last call.
    func tries(_ count: Int) async {
        var iterator = arrivals.makeAsyncIterator()
        for _ in 0..<count { _ = await iterator.next() }
    }
}

@Suite struct JournalMirrorTests {
    private let directory: TemporaryDirectory
    private let store: Store

    init() throws {
        directory = try TemporaryDirectory()
        store = try Store(path: directory.path + "/state", now: Timestamp(milliseconds: 1000))
    }

    private func mirror(
        _ journal: KeptJournal, backlog: Int64 = 1000, pause: @escaping @Sendable () async -> Bool = { false }
    ) -> JournalMirror {
        JournalMirror(
            store, position: MirrorPosition(in: store), backlog: backlog, pause: pause,
            logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }, deliver: journal.deliver)
    }

    private func denied(_ pid: Int32) -> AuditEntry {
        AuditEntry(
            .denied, at: 5, origin: Origin(uid: 1001, gid: 100, pid: pid, unit: "build.service", socket: "api"),
            project: "default", model: "gemini-3-pro-image", details: #"{"kind":"not_permitted","costMicros":7}"#)
    }

    @Test func everyRowArrivesInOrderWithItsFields() async throws {
        let journal = KeptJournal()
        for pid in [Int32(7), 8] { try await store.record(denied(pid)) }
        let running = Task { await mirror(journal).run() }
        await journal.tries(2)
        try await store.record(denied(9))
        await journal.tries(1)
        running.cancel()
        await running.value
        let rows = journal.entries
        #expect(
            rows.map { $0.first { $0.hasPrefix("DARKROOM_PEER_PID=") } } == [7, 8, 9].map { "DARKROOM_PEER_PID=\($0)" })
        let head = try #require(try await store.auditHead())
        let last = try #require(rows.last)
        #expect(last.contains("DARKROOM_HASH=\(head.hash)"))
        for field in [
            "MESSAGE=the policy denied a request (uid 1001)", "MESSAGE_ID=bfa2995ab66140a6aaebc10a940d6cef",
            "PRIORITY=4",
            "SYSLOG_FACILITY=10", "SYSLOG_IDENTIFIER=darkroomd", "DARKROOM_EVENT=denied", "DARKROOM_SEQUENCE=3",
            "DARKROOM_PEER_UNIT=build.service", "DARKROOM_COST_MICROS=7", "DARKROOM_KIND=not_permitted",
        ] {
            #expect(last.contains(field), "\(field) in \(last)")
        }
    }

    @Test func aJournalThatIsNotThereDelaysNobodyAndGetsTheRowsLater() async throws {
        let journal = KeptJournal()
        journal.set(isThere: false)
        try await store.record(denied(7))
        let running = Task { await mirror(journal).run() }
        await journal.tries(1)
        journal.set(isThere: true)
        // Recording works all the while, and is what makes the mirror look again.
        try await store.record(denied(8))
        await journal.tries(2)
        running.cancel()
        await running.value
        #expect(
            journal.entries.map { $0.first { $0.hasPrefix("DARKROOM_SEQUENCE=") } } == [
                "DARKROOM_SEQUENCE=1", "DARKROOM_SEQUENCE=2",
            ])
    }

    @Test func aJournalThatIsBackGetsTheRowsWithoutANewOne() async throws {
        let journal = KeptJournal()
        journal.set(isThere: false)
        try await store.record(denied(7))
        let (pauses, end) = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingNewest(1))
        let mirror = mirror(journal) {
            var iterator = pauses.makeAsyncIterator()
            return await iterator.next() != nil
        }
        let running = Task { await mirror.run() }
        await journal.tries(1)
        journal.set(isThere: true)
        // As many as it takes: that the delivery failed is noted after it was tried.
        while MirrorPosition(in: store).read() < 1 {
            end.yield()
            await Task.yield()
        }
        running.cancel()
        await running.value
        #expect(journal.entries.count == 1)
    }

    @Test func anOlderLedgerThatWasPutBackIsToldAndMirrored() async throws {
        for pid in Int32(1)...3 { try await store.record(denied(pid)) }
        MirrorPosition(in: store).write(7)
        let journal = KeptJournal()
        let mirror = mirror(journal)
        await mirror.lookBack()
        try await store.record(denied(9))
        let running = Task { await mirror.run() }
        await journal.tries(2)
        running.cancel()
        await running.value
        let gap = try #require(journal.entries.first)
        #expect(gap.contains("DARKROOM_EVENT=gap") && gap.contains("DARKROOM_LEDGER_SHORTER_BY=4"), "\(gap)")
        #expect(gap.contains("DARKROOM_SEQUENCE=4"))
        #expect(journal.entries.last?.contains("DARKROOM_SEQUENCE=5") == true)
        // What is not shorter is left alone.
        await mirror.lookBack()
        #expect(try await store.auditHead()?.sequence == 5)
    }

    @Test func aRowThatSomebodyEditedIsMirroredAsUnreadable() async throws {
        for pid in Int32(1)...2 { try await store.record(denied(pid)) }
        _ = try ChildProcess.python(
            """
            import sqlite3, sys
            with sqlite3.connect(sys.argv[1]) as c: c.execute("UPDATE audit SET uid = -1 WHERE sequence = 1")
            """, directory.path + "/state/darkroom.sqlite")
        let journal = KeptJournal()
        let running = Task { await mirror(journal).run() }
        await journal.tries(2)
        running.cancel()
        await running.value
        #expect(journal.entries.first?.contains("MESSAGE=a row of the record cannot be read") == true)
        #expect(journal.entries.last?.contains("DARKROOM_SEQUENCE=2") == true)
    }

    @Test func theNextRunGoesOnWhereThisOneEnded() async throws {
        let first = KeptJournal()
        try await store.record(denied(7))
        let mirror = mirror(first)
        var running = Task { await mirror.run() }
        // What was delivered counts only once its position is written.
        await mirror.rest(for: .seconds(10))
        running.cancel()
        await running.value
        #expect(MirrorPosition(in: store).read() == 1)
        try await store.record(denied(8))
        let second = KeptJournal()
        running = Task { await self.mirror(second).run() }
        await second.tries(1)
        running.cancel()
        await running.value
        #expect(second.entries.count == 1)
        #expect(second.entries.first?.contains("DARKROOM_SEQUENCE=2") == true)
    }

    @Test func whatIsGivenUpIsOnRecordAsAGap() async throws {
        let journal = KeptJournal()
        for pid in Int32(1)...10 { try await store.record(denied(pid)) }
        let running = Task { await mirror(journal, backlog: 4).run() }
        // Rows 7 to 10, and the gap itself.
        await journal.tries(5)
        running.cancel()
        await running.value
        let last = try #require(journal.entries.last)
        #expect(last.contains("DARKROOM_EVENT=gap"))
        #expect(last.contains("DARKROOM_FIRST_SEQUENCE=1"))
        #expect(last.contains("DARKROOM_LAST_SEQUENCE=6"))
    }

    @Test func everyMessageHasItsEntryInTheCatalogAndTheOtherWayRound() throws {
        let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent()
        let catalog = try String(contentsOf: root.appending(path: "systemd/darkroom.catalog"), encoding: .utf8)
        let explained = catalog.matches(of: /(?m)^-- ([0-9a-f]{32})$/).map { String($0.output.1) }
        var said =
            AuditMessage.events.values.map(\.id) + AuditMessage.kinds.values.map(\.id) + [AuditMessage.unreadable.id]
        said += LineServer.Dropped.Reason.allCases.map(\.messageID)
        #expect(Set(explained) == Set(said))
        #expect(Set(said).count == said.count)
        #expect(explained.count == said.count)
        #expect(Set(AuditMessage.events.keys) == Set(AuditEvent.allCases))
    }
}
