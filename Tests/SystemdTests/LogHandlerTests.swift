import Glibc
import Logging
import Synchronization
import Testing

@testable import Systemd

@Suite struct LogHandlerTests {
    private struct DiskError: Error, CustomStringConvertible { var description: String { "the disk is full" } }

    @Test func aStatementIsARowWithItsMetadataAsFields() {
        let rows = Mutex<[[String]]>([])
        let writer = JournalWriter { entry in
            rows.withLock { $0.append(entry.fields) }
            return true
        }
        var logger = Logger(label: "darkroomd.engine") { JournalLogHandler(label: $0, writer: writer) }
        logger[metadataKey: "project"] = "default"
        logger.warning(
            "an image could not be kept", metadata: ["job.id": "7"], file: "Engine/Keep.swift", function: "keep()",
            line: 12)
        logger.debug("not logged at this level")
        #expect(writer.finish(within: .seconds(60)) == 0)
        #expect(
            rows.withLock { $0 } == [
                [
                    "MESSAGE=an image could not be kept", "PRIORITY=4", "SYSLOG_IDENTIFIER=darkroomd",
                    "CODE_FILE=Engine/Keep.swift", "CODE_LINE=12", "CODE_FUNC=keep()",
                    "DARKROOM_LOGGER=darkroomd.engine",
                    "DARKROOM_JOB_ID=7", "DARKROOM_PROJECT=default",
                ]
            ])
    }

    @Test func aMessageIDIsTheJournalsOwnField() {
        let rows = Mutex<[[String]]>([])
        let writer = JournalWriter { entry in
            rows.withLock { $0.append(entry.fields) }
            return true
        }
        let logger = Logger(label: "darkroomd") { JournalLogHandler(label: $0, writer: writer) }
        logger.warning("dropped", metadata: ["MESSAGE_ID": "0123456789abcdef0123456789abcdef"])
        #expect(writer.finish(within: .seconds(60)) == 0)
        #expect(rows.withLock { $0 }.first?.contains("MESSAGE_ID=0123456789abcdef0123456789abcdef") == true)
    }

    @Test func everyLevelHasItsPriority() {
        #expect(Logger.Level.allCases.map(\.priority) == [7, 7, 6, 5, 4, 3, 2])
    }

    /// What a handler writes, through a pipe.
    private func lines(_ log: (Logger) -> Void) throws -> String {
        var ends: [Int32] = [0, 0]
        try #require(unsafe pipe(&ends) == 0)
        defer { for end in ends { close(end) } }
        let descriptor = ends[1]
        log(Logger(label: "darkroomd") { _ in StderrLogHandler(descriptor: descriptor) })
        var bytes = [UInt8](repeating: 0, count: 4096)
        let count = unsafe read(ends[0], &bytes, bytes.count)
        return String(decoding: bytes[..<max(count, 0)], as: UTF8.self)
    }

    @Test func aStatementIsALine() throws {
        let text = try lines { logger in
            logger.debug("not logged at this level")
            logger.warning("no key", metadata: ["project": "default", "hint": "put one in place"])
            logger.error("it failed", error: DiskError())
        }
        #expect(
            text == """
                darkroomd: warning: no key hint="put one in place" project=default
                darkroomd: error: it failed error="the disk is full"

                """)
    }

    @Test func aLineBreakInAStatementForgesNoLine() throws {
        let text = try lines { logger in
            logger.info(
                "one\ntwo", metadata: ["a": "x\ndarkroomd: error: y", "b\n": "", "c": "say \"no\"", "d": "a\u{85}b"])
        }
        #expect(
            text
                == #"darkroomd: info: one two a="x\ndarkroomd: error: y" b ="" c="say \"no\"" d="a b""# + "\n")
    }

    @Test func theJournalIsUsedOnlyWhenStandardErrorIsTheJournal() throws {
        var ends: [Int32] = [0, 0]
        try #require(unsafe pipe(&ends) == 0)
        defer { for end in ends { close(end) } }
        var status = stat()
        try #require(unsafe fstat(ends[1], &status) == 0)
        let stream = "\(status.st_dev):\(status.st_ino)"
        func isJournal(_ variables: [String: String]) -> Bool {
            switch LogDestination(SystemdEnvironment(variables), standardError: ends[1]) {
            case .journal: true
            case .standardError: false
            }
        }
        #expect(isJournal(["JOURNAL_STREAM": stream]))
        #expect(!isJournal(["JOURNAL_STREAM": stream + "1"]))
        #expect(!isJournal([:]))
    }
}
