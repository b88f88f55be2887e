// What happens to a request whose row of the record cannot be written: refused before anything is spent, unless the
// configuration prefers images.

import Foundation
import TestKit
import Testing
import Wire

@Suite(.serialized) struct FailModeTests {
    private func edit(_ daemon: RunningDaemon, _ sql: String) throws -> String {
        try ChildProcess.python(
            """
            import sqlite3, sys
            with sqlite3.connect(sys.argv[1], timeout=30) as c:
                for row in c.execute(sys.argv[2]): print(*row)
            """, daemon.directory.file("state/darkroom.sqlite"), sql)
    }

    private func refuseRows(_ daemon: RunningDaemon) throws {
        _ = try edit(daemon, "CREATE TRIGGER t BEFORE INSERT ON audit BEGIN SELECT RAISE(ABORT, 'x'); END")
    }

    @Test(.backs(.everyActIsOnRecord)) func whatCannotBePutOnRecordIsNotDone() throws {
        let simulator = try RunningSimulator()
        let daemon = try RunningDaemon(configuration: RunningDaemon.configuration(simulator))
        let socket = try RawSocket(daemon.socket)
        let admin = try RawSocket(daemon.adminSocket)
        try refuseRows(daemon)
        let refused = try #require(try socket.call(1, "image.generate", #"{"prompt":"p"}"#).error)
        #expect(refused.kind == .auditUnavailable && refused.job == nil && refused.charged == nil, "\(refused)")
        #expect(try admin.call(1, "project.pause", #"{"project":"default"}"#).error?.kind == .auditUnavailable)
        #expect(try simulator.spending() == [])
        let status = try socket.call(2, "server.status").decode(GetStatus.Result.self)
        #expect(status.recording == false && !status.ready && status.projects.map(\.paused) == [false])
        _ = try edit(daemon, "DROP TRIGGER t")
        #expect(try socket.call(3, "image.generate", #"{"prompt":"p","delivery":"none"}"#).error == nil)
        let healed = try socket.call(4, "server.status").decode(GetStatus.Result.self)
        #expect(healed.recording == nil && healed.ready)
        #expect(try edit(daemon, "SELECT count(*) FROM audit WHERE event = 'gap'") == "0\n")
    }

    @Test func whereImagesComeFirstTheRecordTellsWhatItLacks() throws {
        let simulator = try RunningSimulator()
        let daemon = try RunningDaemon(
            configuration: RunningDaemon.configuration(simulator, extra: "fail_mode = \"open\""))
        let socket = try RawSocket(daemon.socket)
        try refuseRows(daemon)
        let made = try socket.call(1, "image.generate", #"{"prompt":"p","delivery":"none"}"#).decode(JobResult.self)
        #expect(made.state == .done)
        let status = try socket.call(2, "server.status").decode(GetStatus.Result.self)
        // accepted, sent, ended
        #expect(status.recording == false && status.unrecorded == 3 && status.ready)
        #expect(try edit(daemon, "SELECT count(*) FROM usage") == "1\n")
        _ = try edit(daemon, "DROP TRIGGER t")
        #expect(try socket.call(3, "image.generate", #"{"prompt":"q","delivery":"none"}"#).error == nil)
        let rows = try edit(daemon, "SELECT event, details FROM audit ORDER BY sequence DESC LIMIT 4")
            .split(separator: "\n")
        #expect(rows.map { $0.prefix { $0 != " " } } == ["ended", "sent", "accepted", "gap"])
        #expect(rows.last == #"gap {"lostRows":3}"#)
        #expect(try socket.call(4, "server.status").decode(GetStatus.Result.self).recording == nil)
        let verdict = try RawSocket(daemon.adminSocket).call(1, "audit.verify").decode(VerifyAudit.Result.self)
        #expect(verdict.ok)
    }
}
