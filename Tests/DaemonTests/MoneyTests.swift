// Class, price and what was spent, at the built daemon: each sentence of protocol sections 2 and 3 about them.

import Foundation
import TestKit
import Testing
import Wire

@Suite(.serialized) struct MoneyTests {
    private let simulator: RunningSimulator

    init() throws { simulator = try RunningSimulator() }

    private func daemon(
        _ project: String = "", extra: String = "", key: String? = RunningSimulator.key, scale: Int = 1,
        in directory: TemporaryDirectory? = nil
    ) throws -> RunningDaemon {
        try RunningDaemon(
            configuration: RunningDaemon.configuration(simulator, extra: extra, project: project), key: key,
            directory: directory, environment: ["DARKROOM_CLOCK_SCALE": "\(scale)"])
    }

    /// The class of every job in the daemon's books, the oldest first.
    private func classes(_ daemon: RunningDaemon) throws -> [String] {
        try ChildProcess.python(
            """
            import sqlite3, sys
            for row, in sqlite3.connect(sys.argv[1]).execute("SELECT priority FROM job ORDER BY number"): print(row)
            """, daemon.directory.file("state/darkroom.sqlite")
        ).split(separator: "\n").map(String.init)
    }

    private func retry(_ job: JobID, _ socket: RawSocket) throws {
        _ = try socket.call(9, "job.retry", #"{"job":"\#(job.rawValue)","delivery":"none"}"#).decode(JobResult.self)
    }

    @Test func aRulesBulkHoldsForWhatIsAskedForAndForWhatIsAskedForAgain() throws {
        let daemon = try daemon("[[rule]]\nsocket = \"api\"\npriority = \"bulk\"")
        let socket = try RawSocket(daemon.socket)
        for more in ["", #","priority":"interactive""#] {
            let made = try socket.call(1, "image.generate", #"{"prompt":"p","delivery":"none"\#(more)}"#)
                .decode(JobResult.self)
            try retry(made.job, socket)
        }
        #expect(try classes(daemon) == ["bulk", "bulk", "bulk", "bulk"])
    }

    @Test func aJobThatIsAskedForAgainKeepsItsClassUnlessARuleSaysOtherwise() throws {
        let daemon = try daemon()
        let socket = try RawSocket(daemon.socket)
        var jobs: [JobID] = []
        for more in [#""priority":"bulk""#, #""label":"l""#] {
            jobs.append(
                try socket.call(1, "image.generate", #"{"prompt":"p","delivery":"none",\#(more)}"#)
                    .decode(JobResult.self).job)
        }
        for job in jobs { try retry(job, socket) }
        #expect(try classes(daemon) == ["bulk", "interactive", "bulk", "interactive"])
        _ = try daemon.directory.write(
            "darkroom.toml",
            RunningDaemon.configuration(simulator, project: "[[rule]]\nsocket = \"api\"\npriority = \"bulk\""),
            mode: 0o644)
        #expect(try RawSocket(daemon.adminSocket).call(1, "server.reload").error == nil)
        try retry(jobs[1], socket)
        #expect(try classes(daemon).last == "bulk")
    }

    @Test func whatSendsNothingNeedsNoKey() throws {
        let first = try daemon()
        let params = #"{"prompt":"p","delivery":"none","idempotencyKey":"k"}"#
        let made = try RawSocket(first.socket).call(1, "image.generate", params).decode(JobResult.self)
        #expect(first.stop().status == 0)
        let daemon = try daemon(key: nil, in: first.directory)
        let socket = try RawSocket(daemon.socket)
        let price = try socket.call(1, "image.price", #"{"prompt":"p"}"#).decode(PriceImage.Result.self)
        #expect(price.expectedUSD > 0 && price.holdUSD >= price.expectedUSD)
        for reuse in ["prefer", "only"] {
            let again = try socket.call(
                2, "image.generate", #"{"prompt":"p","delivery":"none","reuse":"\#(reuse)"}"#
            ).decode(JobResult.self)
            #expect(again.reused && again.images == made.images)
        }
        #expect(try socket.call(3, "image.generate", params).decode(JobResult.self).job == made.job)
        for params in [#"{"prompt":"p"}"#, #"{"prompt":"other","reuse":"prefer"}"#] {
            let error = try #require(try socket.call(4, "image.generate", params).error)
            #expect(error.kind == .keyMissing && error.job == nil && error.charged == nil, "\(error)")
        }
        let only = try socket.call(5, "image.generate", #"{"prompt":"other","reuse":"only"}"#).error
        #expect(only?.kind == .notFound)
    }

    @Test func whatDecidesTheImageOrItsPriceIsPartOfTheSameRequest() throws {
        let daemon = try daemon()
        let socket = try RawSocket(daemon.socket)
        let base = #""prompt":"p","idempotencyKey":"k","delivery":"none""#
        let first = try socket.call(1, "image.generate", "{\(base)}").decode(JobResult.self)
        let others = [
            #""count":2"#, #""reuse":"prefer""#, #""maxCostUSD":5"#, #""model":"lite""#, #""imageSize":"1K""#,
            #""exact":true,"model":"gemini-3.1-flash-image""#, #""aspectRatio":"16:9""#, #""seed":1"#,
        ]
        for more in others {
            let error = try socket.call(2, "image.generate", "{\(base),\(more)}").error
            #expect(error?.kind == .conflict && error?.path == "idempotencyKey" && error?.job == first.job, "\(more)")
        }
        #expect(try simulator.spending().count == 1)
    }

    @Test func whatHasNoPriceIsRefusedWhereTheConfigurationSaysSo() throws {
        let price = #"{"prompt":"p","grounding":["web"],"model":"gemini-3.1-flash-image"}"#
        let daemon = try daemon(extra: "refuse_unpriced = true")
        let socket = try RawSocket(daemon.socket)
        let error = try #require(try socket.call(1, "image.generate", price).error)
        #expect(error.kind == .unpriced && error.path == "grounding" && error.job == nil && error.charged == nil)
        #expect(try socket.call(2, "image.price", price).error?.kind == .unpriced)
        #expect(try simulator.spending() == [])
    }

    @Test func usageIsOfTheTimeThatIsAskedFor() throws {
        let daemon = try daemon()
        let socket = try RawSocket(daemon.socket)
        let made = try socket.call(1, "image.generate", #"{"prompt":"p","delivery":"none"}"#).decode(JobResult.self)
        let ended = try #require(made.endedAt)
        func jobs(_ params: String) throws -> Int {
            try socket.call(2, "usage.report", params).decode(ReportUsage.Result.self).rows.map(\.jobs).reduce(0, +)
        }
        let after = Timestamp(milliseconds: ended.milliseconds + 1)
        #expect(try jobs("{}") == 1)
        #expect(try jobs(#"{"since":"2020-01-01T00:00:00Z","until":"\#(after)"}"#) == 1)
        #expect(try jobs(#"{"since":"\#(after)"}"#) == 0)
        #expect(try jobs(#"{"until":"2020-01-01T00:00:00Z"}"#) == 0)
        #expect(try socket.call(3, "usage.report", #"{"since":"yesterday"}"#).error?.path == "since")
    }

    @Test func aJobOfUnknownOutcomeIsSettledByAnAdminOrByTime() throws {
        try simulator.addRule(#"{"match":{"prompt":"cut"},"do":{"closeAfterBytes":2000}}"#)
        let daemon = try daemon(extra: "[limits]\nunknown_hold_seconds = 3600\n")
        let socket = try RawSocket(daemon.socket)
        let admin = try RawSocket(daemon.adminSocket)
        let lost = try #require(try socket.call(1, "image.generate", #"{"prompt":"cut"}"#).error?.job)
        #expect(try admin.call(1, "server.status").decode(GetStatus.Result.self).unknown == 1)
        let params = #"{"job":"\#(lost.rawValue)","charged":false}"#
        #expect(try socket.call(2, "job.resolve", params).error?.kind == .notPermitted)
        let settled = try admin.call(2, "job.resolve", params).decode(JobResult.self)
        #expect(settled.state == .unknown && settled.error?.charged == .no && settled.cost?.usd == 0)
        #expect(try admin.call(3, "job.resolve", params).error?.kind == .conflict)
        #expect(try admin.call(4, "server.status").decode(GetStatus.Result.self).unknown == 0)
        let second = try #require(try socket.call(5, "image.generate", #"{"prompt":"cut again"}"#).error?.job)
        #expect(daemon.stop().status == 0)
        // An hour in a second: what nobody has decided about counts as charged.
        let fast = try self.daemon(
            extra: "[limits]\nunknown_hold_seconds = 3600\n", scale: 3600, in: daemon.directory)
        let later = try RawSocket(fast.socket)
        var charged: Charged?
        while charged != .yes {
            charged = try later.call(1, "job.get", #"{"job":"\#(second.rawValue)"}"#).decode(JobResult.self)
                .error?.charged
        }
        #expect(try later.call(2, "server.status").decode(GetStatus.Result.self).unknown == 0)
    }

    @Test func aLabelIsInListsAndOnRecord() throws {
        let daemon = try daemon()
        let socket = try RawSocket(daemon.socket)
        let made = try socket.call(1, "image.generate", #"{"prompt":"p","delivery":"none","label":"of mine"}"#)
            .decode(JobResult.self)
        #expect(try socket.call(2, "job.list").decode(ListJobs.Result.self).jobs.map(\.label) == ["of mine"])
        let text = try ChildProcess.python(
            """
            import json, sqlite3, sys
            for row, in sqlite3.connect(sys.argv[1]).execute(
                "SELECT details FROM audit WHERE event = 'accepted' AND job = ?", sys.argv[2:]):
                print(json.loads(row).get("label"))
            """, daemon.directory.file("state/darkroom.sqlite"), made.job.rawValue)
        #expect(text == "of mine\n")
    }

    @Test func aPageHasFiftyJobsUnlessOneIsAskedFor() throws {
        let daemon = try daemon()
        let socket = try RawSocket(daemon.socket)
        _ = try socket.call(0, "image.generate", #"{"prompt":"p","delivery":"none","imageSize":"512"}"#)
        for id in 1...50 {
            let params = #"{"prompt":"p","imageSize":"512","reuse":"only","wait":false,"idempotencyKey":"\#(id)"}"#
            #expect(try socket.call(id, "image.generate", params).error == nil)
        }
        let page = try socket.call(99, "job.list").decode(ListJobs.Result.self)
        let cursor = try #require(page.cursor)
        #expect(page.jobs.count == 50)
        let last = try socket.call(100, "job.list", #"{"cursor":"\#(cursor)"}"#).decode(ListJobs.Result.self)
        #expect(last.jobs.count == 1 && last.cursor == nil)
    }
}
