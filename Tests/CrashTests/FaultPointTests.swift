// The crash matrix: the daemon is ended at every place of a request's life, and started again.

import Foundation
import GRDB
import Glibc
import Store
import TestKit
import Testing
import Wire

@Suite(.serialized) struct FaultPointTests {
    private let simulator: RunningSimulator

    init() throws { simulator = try RunningSimulator() }

    @Test(.backs(.paidForOnceAndKept)) func nothingIsLostOrDoubledWhereverTheDaemonEnds() throws {
        var table = ["| # | ended at | \(Books.heading) |"]
        for (number, point) in FaultPoint.allCases.enumerated() {
            // The same places are come to by an input and by the image of an answer.
            for hasInput in Self.isAboutFiles(point) ? [true, false] : [true] {
                let title = hasInput ? "\(point)" : "\(point) of the answer"
                let row = try check(point, title, hasInput: hasInput)
                table.append("| \(number + 1) | \(title) | \(row) |")
            }
        }
        print(table.joined(separator: "\n"))
    }

    /// Whether an image had come whole and was known to be the answer when the daemon ended.
    private static func hasTheWholeImage(_ point: FaultPoint, hasInput: Bool) -> Bool {
        switch point {
        case .artifactBeforeFlush, .artifactBeforeRename, .artifactAfterRename, .artifactAfterNameFlush, .parentMade,
            .parentFlushed:
            !hasInput
        case .receiptAfter, .finishBeforeCommit, .finishAfterCommit, .receiptRemoval, .recoveryBeforeRename: true
        default: false
        }
    }

    private static func isAboutFiles(_ point: FaultPoint) -> Bool {
        ["artifact", "parent", "firstByte"].contains { "\(point)".hasPrefix($0) }
    }

    /// Ends a daemon at a point, starts the next one, and audits what is there.
    private func check(_ point: FaultPoint, _ title: String, hasInput: Bool) throws -> String {
        let isTimeout = point == .timeoutBeforeCommit || point == .timeoutAfterCommit
        let scene = try Scene(
            simulator,
            extra: (isTimeout ? "[limits]\nunknown_hold_seconds = 1\n" : "") + "[retention]\nmax_age_days = 5\n",
            project: "max_concurrent = 1")
        var caller = Caller(scene.socket)
        let requests = requests(point, title, hasInput: hasInput)
        let output = try live(until: point, requests, in: scene, &caller)
        #expect(output.wasKilled, "\(title) was not reached: \(output)")
        if isAboutRetention(point) {
            // What it was kept from: the audit chain has it under the id of its making.
            try scene.edit { try $0.execute(sql: "UPDATE job SET id = '01' || substr(id, 3) WHERE id LIKE '00%'") }
        }
        let daemon = try scene.start()
        if point == .pauseBeforeCommit || point == .pauseAfterCommit {
            var admin = Caller(daemon.adminSocket)
            _ = admin.ask("project.resume", #"{"project":"default"}"#)
        }
        for request in requests where request.isAskedAgain {
            _ = caller.generate(request.prompt, key: request.key, request.more)
        }
        caller.waitForAll()
        let books = try Books(
            of: scene.state, calls: try simulator.calls(), accepted: caller.knowledge.accepted,
            answered: caller.knowledge.images, mayBeRefused: "overloaded")
        #expect(books.isClean, "\(title): \(books)")
        if Self.hasTheWholeImage(point, hasInput: hasInput) {
            #expect(books.states == ["done": 1], "\(title): its image was whole")
        }
        daemon.crash()
        #expect(try scene.orphansOfTheNextRun() == [], "\(title)")
        return books.row
    }

    private struct Asked {
        let prompt: String
        var more = ""
        var isAskedAgain = true
        /// That it has a key of its own, although another has its prompt.
        var isSecond = false

        var key: String { isSecond ? prompt + " again" : prompt }
    }

    private func isAboutRetention(_ point: FaultPoint) -> Bool { "\(point)".hasPrefix("retention") }

    private func requests(_ point: FaultPoint, _ title: String, hasInput: Bool) -> [Asked] {
        switch point {
        case .failureBeforeCommit, .failureAfterCommit:
            [Asked(prompt: #"\#(point) {sim:{"answer":{"textOnly":true}}}"#)]
        case .requeueBeforeCommit, .requeueAfterCommit: [Asked(prompt: "\(point) overloaded")]
        case .recoveryBeforeCommit, .recoveryAfterCommit:
            [Asked(prompt: #"\#(point) {sim:{"neverAnswer":true}}"#, more: #","wait":false"#)]
        case .recoveryBeforeRename: [Asked(prompt: title)]
        case .reuseBeforeCommit, .reuseAfterCommit:
            [Asked(prompt: title), Asked(prompt: title, more: #","reuse":"prefer""#, isSecond: true)]
        // The second has no slot at its admission, so it is marked as sent later.
        case .sentBeforeCommit, .sentAfterCommit:
            [
                Asked(prompt: #"\#(point) {sim:{"latencyMilliseconds":400}}"#, more: #","wait":false"#),
                Asked(prompt: "\(point) next"),
            ]
        case .cancelBeforeCommit, .cancelAfterCommit:
            [
                Asked(prompt: #"\#(point) {sim:{"latencyMilliseconds":4000}}"#, more: #","wait":false"#),
                Asked(prompt: "\(point) next", more: #","wait":false"#),
            ]
        case .resolveBeforeCommit, .resolveAfterCommit, .timeoutBeforeCommit, .timeoutAfterCommit:
            [Asked(prompt: #"\#(point) {sim:{"closeBeforeHead":true}}"#)]
        case .retentionBeforeCommit, .retentionAfterCommit, .retentionAfterFiles:
            [Asked(prompt: "\(point) old", isAskedAgain: false), Asked(prompt: "\(point) new")]
        default: [Asked(prompt: title, more: hasInput ? onePixel : "")]
        }
    }

    /// Lives as far as a point, and gives back how the daemon ended.
    private func live(
        until point: FaultPoint, _ requests: [Asked], in scene: Scene, _ caller: inout Caller
    ) throws -> ChildProcess.Output {
        func ask(_ request: Asked) { _ = caller.generate(request.prompt, key: request.key, request.more) }
        var environment: [String: String] = [:]
        switch point {
        case .migrationBefore, .migrationAfter: return try startAndEnd(scene, point)
        case .recoveryBeforeRename:
            let before = try scene.start(FaultPoint.artifactBeforeRename.rawValue)
            ask(requests[0])
            _ = before.process.finish(within: .seconds(20))
            return try startAndEnd(scene, point)
        case .timeoutBeforeCommit, .timeoutAfterCommit: environment["DARKROOM_CLOCK_SCALE"] = "10"
        case .recoveryBeforeCommit, .recoveryAfterCommit:
            let before = try scene.start()
            ask(requests[0])
            try waitUntilCalled(requests[0].prompt)
            before.crash()
            return try startAndEnd(scene, point)
        case .retentionBeforeCommit, .retentionAfterCommit, .retentionAfterFiles:
            let before = try scene.start()
            // What retention takes away is nobody's any more.
            var other = Caller(scene.socket)
            _ = other.generate(requests[0].prompt, key: requests[0].prompt)
            ask(requests[1])
            _ = before.stop()
            try scene.edit { database in
                // An id begins with the time of its making.
                try database.execute(
                    sql: """
                        UPDATE job SET id = '00' || substr(id, 3), ended_ms = ended_ms - 864000000,
                          created_ms = created_ms - 864000000 WHERE number = 1
                        """)
            }
            // Nothing is removed in the first hour of a run, which is a tenth of a second here.
            return try startAndEnd(scene, point, environment: ["DARKROOM_CLOCK_SCALE": "36000"])
        case .requeueBeforeCommit, .requeueAfterCommit:
            try simulator.addRule(
                #"{"match":{"prompt":"\#(requests[0].prompt)"},"times":1,"do":{"fixture":"overloaded"}}"#)
        default: break
        }
        let daemon = try scene.start(point.rawValue, environment: environment)
        for request in requests { ask(request) }
        switch point {
        case .cancelBeforeCommit, .cancelAfterCommit:
            let job = try #require(try ids(scene).last)
            _ = caller.ask("job.cancel", #"{"job":"\#(job)"}"#)
        case .resolveBeforeCommit, .resolveAfterCommit:
            var admin = Caller(daemon.adminSocket)
            let job = try #require(try ids(scene).first)
            _ = admin.ask("job.resolve", #"{"job":"\#(job)","charged":true}"#)
        case .pauseBeforeCommit, .pauseAfterCommit:
            var admin = Caller(daemon.adminSocket)
            _ = admin.ask("project.pause", #"{"project":"default"}"#)
        case .stopBegun, .stoppedBeforeRow, .stoppedAfterRow: daemon.process.signal(SIGTERM)
        default: break
        }
        return daemon.process.finish(within: .seconds(20))
    }

    private func startAndEnd(
        _ scene: Scene, _ point: FaultPoint, environment: [String: String] = [:]
    ) throws -> ChildProcess.Output {
        do {
            let daemon = try scene.start(point.rawValue, environment: environment)
            // Who lets go of it ends it.
            return withExtendedLifetime(daemon) { $0.process.finish(within: .seconds(20)) }
        } catch let error as RunningDaemon.NotReady {
            return ChildProcess.Output(
                status: error.status ?? -1, standardOutput: "", standardError: error.standardError)
        }
    }

    private func ids(_ scene: Scene) throws -> [String] {
        try scene.edit { try String.fetchAll($0, sql: "SELECT id FROM job ORDER BY number") }
    }

    private func waitUntilCalled(_ prompt: String) throws {
        for _ in 0..<200 {
            if try simulator.calls()[prompt] != nil { return }
        }
        Issue.record("upstream was not asked")
    }
}
