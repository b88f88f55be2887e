import Dispatch
import FoundationEssentials
import Glibc
import Synchronization
import Testing

@testable import Systemd

@Suite struct JournalWriterTests {
    /// A journal that keeps what it gets, refuses when told to, and stands still while it is frozen.
    private final class FakeJournal: Sendable {
        private let rows = Mutex<[[String]]>([])
        let refuses = Mutex(false)
        private let frozen = DispatchSemaphore(value: 0)
        private let arrived = DispatchSemaphore(value: 0)
        private let freezes: Bool

        init(frozen freezes: Bool = false) { self.freezes = freezes }

        func deliver(_ entry: JournalEntry) -> Bool {
            if freezes {
                arrived.signal()
                frozen.wait()
            }
            if refuses.withLock({ $0 }) { return false }
            rows.withLock { $0.append(entry.fields) }
            return true
        }

        /// Waits until a row has come and is held up.
        func awaitRow() { arrived.wait() }
        func thaw(rowCount: Int) { for _ in 0..<rowCount { frozen.signal() } }
        var messages: [String] { rows.withLock { $0.map { $0[0] } } }
        var fields: [[String]] { rows.withLock { $0 } }
    }

    private static func row(_ number: Int) -> JournalEntry { JournalEntry(message: "\(number)", priority: 6) }

    @Test func rowsArriveInTheirOrder() {
        let journal = FakeJournal()
        let writer = JournalWriter { journal.deliver($0) }
        for number in 0..<1000 { writer.write(Self.row(number)) }
        #expect(writer.finish(within: .seconds(60)) == 0)
        #expect(journal.messages == (0..<1000).map { "MESSAGE=\($0)" })
    }

    @Test func aFrozenJournalHoldsUpNobodyAndTheGapIsCountedAndToldLater() {
        let journal = FakeJournal(frozen: true)
        let rowBytes = Self.row(0).bytes.count
        let writer = JournalWriter(queueBytes: 3 * rowBytes) { journal.deliver($0) }
        writer.write(Self.row(0))
        journal.awaitRow()
        for number in 1...7 { writer.write(Self.row(number)) }
        #expect(writer.finish(within: .zero) == 7)
        journal.thaw(rowCount: 100)
        #expect(writer.finish(within: .seconds(60)) == 0)
        #expect(
            journal.messages == [
                "MESSAGE=0", "MESSAGE=journal rows were lost before this one", "MESSAGE=1", "MESSAGE=2",
            ])
        #expect(journal.fields[1].last == "DARKROOM_LOST_ROWS=5")
    }

    @Test func rowsThatTheJournalRefusesAreToldOnceItTakesRowsAgain() {
        let journal = FakeJournal()
        let writer = JournalWriter { journal.deliver($0) }
        journal.refuses.withLock { $0 = true }
        for number in 0..<3 { writer.write(Self.row(number)) }
        #expect(writer.finish(within: .seconds(60)) == 3)
        journal.refuses.withLock { $0 = false }
        writer.write(Self.row(3))
        #expect(writer.finish(within: .seconds(60)) == 0)
        #expect(journal.messages == ["MESSAGE=journal rows were lost before this one", "MESSAGE=3"])
        #expect(journal.fields[0].last == "DARKROOM_LOST_ROWS=3")
    }

    /// Whether this test may stand in for journald: in a container that has none, as root.
    static let mayPlayJournald = geteuid() == 0 && !FileManager.default.fileExists(atPath: "/run/systemd/journal")

    @Test(.enabled(if: mayPlayJournald, "needs root, and a machine without journald"))
    func theSystemJournalGetsEveryFieldWhole() throws {
        let entry: JournalEntry = {
            var entry = JournalEntry(message: "two\nlines", priority: 4)
            entry.add(JournalFieldName(metadataKey: "job.id"), "7")
            return entry
        }()
        #expect(!SystemJournal.deliver(entry), "a row for which there is no journal was said to have arrived")

        let directory = "/run/systemd/journal"
        try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: directory) }
        let journal = try boundSocket(type: SOCK_DGRAM, path: SystemJournal.socketPath)
        defer { close(journal) }
        #expect(SystemJournal.deliver(entry))
        var bytes = [UInt8](repeating: 0, count: 4096)
        let count = unsafe recv(journal, &bytes, bytes.count, Int32(MSG_DONTWAIT))
        // The native protocol: a value with a line break is sent with its length, so that it cannot forge a field.
        let length: [UInt8] = [9, 0, 0, 0, 0, 0, 0, 0]
        let expected =
            Array("MESSAGE\n".utf8) + length
            + Array("two\nlines\nPRIORITY=4\nSYSLOG_IDENTIFIER=darkroomd\nDARKROOM_JOB_ID=7\n".utf8)
        #expect(Array(bytes.prefix(max(count, 0))) == expected)
    }
}
