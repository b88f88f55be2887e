// Limits, money and pauses through the real daemon, against a simulator that enforces limits as Google does and counts
// what it was sent too many; both on clocks that are so many times as fast.

import Foundation
import TestKit
import Testing
import Wire

@Suite(.serialized) struct LimitTests {
    private static let model = "gemini-3.1-flash-image"

    private func running(
        quota: String, scale: Int, project: String = "", extra: String = ""
    ) throws -> (RunningSimulator, RunningDaemon) {
        let simulator = try RunningSimulator()
        _ = try simulator.call("POST", "/quota", body: quota)
        let daemon = try RunningDaemon(
            configuration: RunningDaemon.configuration(simulator, extra: extra, project: project),
            environment: ["DARKROOM_CLOCK_SCALE": "\(scale)"])
        return (simulator, daemon)
    }

    /// Asks for as many images at once, and waits for all; the error kinds of those that failed.
    private func ask(_ count: Int, _ daemon: RunningDaemon, _ more: String = "") throws -> [ErrorKind] {
        let socket = try RawSocket(daemon.socket)
        var ids: [JobID] = []
        var kinds: [ErrorKind] = []
        for number in 0..<count {
            let reply = try socket.call(
                number, "image.generate",
                #"{"prompt":"p\#(number)","wait":false,"deadlineSeconds":36000\#(more)}"#)
            if let error = reply.error {
                kinds.append(error.kind)
            } else {
                ids.append(try reply.decode(GenerateImage.Accepted.self).job)
            }
        }
        for (number, id) in ids.enumerated() {
            let reply = try socket.call(count + number, "job.wait", #"{"job":"\#(id.rawValue)","delivery":"none"}"#)
            if let error = reply.error { kinds.append(error.kind) }
        }
        return kinds
    }

    private struct Counts: Decodable {
        var sent: Int
        var accepted: Int
        var refused: [String: Int]

        var tooMany: Int { refused.values.reduce(0, +) }
    }

    private func counts(_ simulator: RunningSimulator) throws -> Counts {
        try WireJSON.decode(Counts.self, from: Array(try simulator.call("GET", "/quota").utf8))
    }

    @Test(.backs(.noLimitIsCrossed)) func ofALimitThatIsKnownNothingIsSentTooMany() throws {
        let (simulator, daemon) = try running(
            quota: #"{"models":{"*":{"rpm":12,"ipm":12}},"clockScale":10}"#, scale: 10,
            project: """
                [project.limits."\(Self.model)"]
                requests_per_minute = 12
                images_per_minute = 12
                """)
        #expect(try ask(30, daemon) == [])
        let counts = try counts(simulator)
        #expect(counts.sent == 30 && counts.accepted == 30 && counts.tooMany == 0, "\(counts)")
    }

    @Test func ofTheMoneyOfTenMinutesNothingIsSpentTooMuch() throws {
        let (simulator, daemon) = try running(
            quota: #"{"spendUSD":0.5,"clockScale":60}"#, scale: 60, project: "[project.spend]\nper_10_minutes = 0.5")
        #expect(try ask(12, daemon) == [])
        let counts = try counts(simulator)
        #expect(counts.sent == 12 && counts.tooMany == 0, "\(counts)")
    }

    @Test func aLimitThatIsNotKnownIsLearntAndThenKept() throws {
        let (simulator, daemon) = try running(
            quota: #"{"models":{"*":{"rpm":12}},"clockScale":10}"#, scale: 10, project: "max_concurrent = 4")
        #expect(try ask(30, daemon) == [])
        // Those that were under way when the first of them was refused, and no more.
        let counts = try counts(simulator)
        #expect(counts.accepted == 30 && (1...4).contains(counts.tooMany), "\(counts)")
        let socket = try RawSocket(daemon.socket)
        let quota = try socket.call(1, "quota.get").decode(GetQuota.Result.self)
        let window = try #require(quota.projects.first?.models.first?.windows.first)
        #expect(window.kind == "requests_per_minute" && window.limit == 12 && window.source == .learnt)
    }

    @Test func aBareRefusalIsTriedByOneAtATime() throws {
        let (simulator, daemon) = try running(
            quota: #"{"models":{"*":{"rpm":12}},"clockScale":20,"bare":true}"#, scale: 20,
            project: "max_concurrent = 4")
        #expect(try ask(20, daemon) == [])
        // Up to four at once, and then one probe after one, two, four … seconds until the minute is over.
        let counts = try counts(simulator)
        #expect(counts.accepted == 20 && (1...12).contains(counts.tooMany), "\(counts)")
    }

    @Test func aUsedUpDayIsNotAskedForAgainAlsoAfterACrash() throws {
        let project = "[project.limits.flash]\nrequests_per_day = 3"
        let (simulator, daemon) = try running(quota: #"{"models":{"*":{"rpd":3}}}"#, scale: 1, project: project)
        #expect(try ask(2, daemon) == [])
        daemon.crash()
        let again = try RunningDaemon(
            configuration: RunningDaemon.configuration(simulator, project: project), directory: daemon.directory)
        #expect(try ask(3, again) == [.quotaDay, .quotaDay])
        let counts = try counts(simulator)
        #expect(counts.sent == 3 && counts.tooMany == 0, "\(counts)")
    }

    @Test func aBudgetOfARuleIsForEachOfItsUsersAndThePriceIsToldBefore() throws {
        let (simulator, daemon) = try running(
            quota: "{}", scale: 1, project: "\n[[rule]]\nsocket = \"api\"\nper_day = 0.2")
        let socket = try RawSocket(daemon.socket)
        let price = try socket.call(1, "image.price", #"{"prompt":"p","count":2}"#).decode(PriceImage.Result.self)
        #expect(price.model == Self.model && price.project == "default" && price.route == "native")
        #expect(price.expectedUSD > 0.12 && price.holdUSD > price.expectedUSD && price.startsInSeconds == 0)
        #expect(try simulator.spending() == [])
        let error = try #require(try socket.call(2, "image.generate", #"{"prompt":"p","count":9}"#).error)
        #expect(error.kind == .overBudget && error.resetsAt != nil && error.job == nil)
        #expect(try socket.call(3, "image.generate", #"{"prompt":"p","delivery":"none"}"#).error == nil)
        let own = try socket.call(4, "quota.get").decode(GetQuota.Result.self).you.spend
        #expect(own.map(\.kind) == ["per_day"] && own.map(\.limitUSD) == [0.2] && own.map(\.heldUSD) == [0])
        let usage = try socket.call(5, "usage.report", #"{"by":"model"}"#).decode(ReportUsage.Result.self)
        #expect(usage.rows.map(\.model) == [Self.model] && usage.rows.map(\.images) == [1])
        #expect(usage.totalUSD == own.first?.spentUSD)
        #expect(try daemon.holdCount == 1)
    }

    @Test func budgetsAddUpAndTheFirstThatIsUsedUpDecides() throws {
        let (simulator, daemon) = try running(
            quota: "{}", scale: 1, project: "\n[[rule]]\nsocket = \"api\"\nper_day = 5",
            extra: "[[budget]]\nuser = \"\(getuid())\"\nper_day = 0.2")
        let socket = try RawSocket(daemon.socket)
        let error = try #require(try socket.call(1, "image.generate", #"{"prompt":"p","count":9}"#).error)
        #expect(error.kind == .overBudget && error.message.contains("is $0.2"))
        #expect(try socket.call(2, "image.generate", #"{"prompt":"p","delivery":"none"}"#).error == nil)
        let own = try socket.call(3, "quota.get").decode(GetQuota.Result.self).you.spend
        #expect(own.map(\.limitUSD) == [5, 0.2] && Set(own.map(\.spentUSD)).count == 1)
        #expect(try simulator.spending().count == 1)
    }

    @Test func twoEntriesOfOneKeyShareItsLimit() throws {
        let simulator = try RunningSimulator()
        _ = try simulator.call("POST", "/quota", body: #"{"models":{"*":{"rpm":6}},"clockScale":20}"#)
        let second =
            "[project.limits.\"\(Self.model)\"]\nrequests_per_minute = 6\n[[project]]\nname = \"second\"\n"
            + "base_url = \"\(simulator.url)\"\nca_file = \"\(simulator.caFile)\""
        let daemon = try RunningDaemon(
            configuration: RunningDaemon.configuration(simulator, project: second),
            environment: ["DARKROOM_CLOCK_SCALE": "20"])
        #expect(try ask(6, daemon, #","project":"second""#) == [])
        #expect(try ask(4, daemon) == [])
        let counts = try counts(simulator)
        #expect(counts.sent == 10 && counts.tooMany == 0, "\(counts)")
        let quota = try RawSocket(daemon.socket).call(1, "quota.get").decode(GetQuota.Result.self)
        #expect(quota.projects.map { $0.models.first?.windows.map(\.limit) } == [[6], [6]])
    }

    /// Grounding without a word is sent with a warning: see `groundingIsAnsweredWithItsSources`.
    @Test func whatHasNoWholePriceIsRefusedWhereTheConfigurationSaysSo() throws {
        let (simulator, daemon) = try running(quota: "{}", scale: 1, extra: "refuse_unpriced = true")
        let socket = try RawSocket(daemon.socket)
        let error = try socket.call(1, "image.generate", #"{"prompt":"p","grounding":["web"]}"#).error
        #expect(error?.kind == .unpriced && error?.path == "grounding" && error?.job == nil)
        #expect(try simulator.spending() == [])
        #expect(try socket.call(2, "image.generate", #"{"prompt":"p","delivery":"none"}"#).error == nil)
    }

    @Test func aPausedProjectSendsNothing() throws {
        let (simulator, daemon) = try running(quota: "{}", scale: 1)
        let admin = try RawSocket(daemon.adminSocket)
        let paused = try admin.call(1, "project.pause", #"{"project":"default"}"#).decode(PauseProject.Result.self)
        #expect(paused == PauseProject.Result(project: "default", paused: true))
        let client = try RawSocket(daemon.socket)
        let refused = try client.call(1, "project.resume", #"{"project":"default"}"#)
        #expect(refused.error?.kind == .notPermitted)
        let late = try client.call(2, "image.generate", #"{"prompt":"p","deadlineSeconds":0.5}"#)
        #expect(late.error?.kind == .paused && late.error?.charged == .no)
        #expect(late.events.contains { $0["reason"] == .string("paused") })
        #expect(try client.call(3, "server.status").decode(GetStatus.Result.self).projects.map(\.paused) == [true])
        #expect(try simulator.spending() == [])
        let unknown = try admin.call(2, "project.pause", #"{"project":"other"}"#)
        #expect(unknown.error?.kind == .notFound)
        #expect(try admin.call(3, "project.resume", #"{"project":"default"}"#).error == nil)
        #expect(try client.call(4, "image.generate", #"{"prompt":"p","delivery":"none"}"#).error == nil)
    }
}
