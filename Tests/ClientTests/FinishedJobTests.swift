import Glibc
import Testing
import TestKit
import Wire

@testable import Client

struct FinishedJobTests {
    let directory: TemporaryDirectory

    init() throws { directory = try TemporaryDirectory() }

    private let request = {
        var request = GenerateImage.Params(prompt: "a cat")
        request.delivery = .fd
        return request
    }()

    @Test func aLostJobIsTakenUpAgainByItsID() throws {
        let daemon = try ScriptedDaemon(directory.file("s")) { connection, number in
            let request = try connection.receive()
            try connection.notify(request, JobEvent(job: Sample.job, state: .sent, attempt: 1))
            if number < 2 { return }
            try connection.answer(request, Sample.result(images: [Sample.image("cat", fd: 0)]), files: ["cat"])
        }
        var losses: [JobID] = []
        var states: [JobState] = []
        let received = try DarkroomConnection(daemon.path).finish(
            GenerateImage.self, request, onEvent: { states.append($0.state) }, onLoss: { losses.append($0) })
        daemon.stop()
        #expect(received.result == Sample.result(images: [Sample.image("cat", fd: 0)]))
        #expect(received.files.count == 1)
        #expect(losses == [Sample.job, Sample.job])
        #expect(states == [.sent, .sent, .sent])
        let wait: JSONValue = .object(["job": .string("j1"), "delivery": .string("fd")])
        #expect(daemon.requests.map(\.method) == ["image.generate", "job.wait", "job.wait"])
        #expect(daemon.requests.dropFirst().map(\.params) == [wait, wait])
    }

    @Test func aDaemonThatStopsKeepsTheJob() throws {
        let daemon = try ScriptedDaemon(directory.file("s")) { connection, number in
            let request = try connection.receive()
            if number == 0 {
                try connection.fail(request, WireError(.stopping, "darkroomd is stopping", job: Sample.job))
            } else {
                try connection.answer(request, Sample.result())
            }
        }
        let received = try DarkroomConnection(daemon.path).finish(GenerateImage.self, request)
        daemon.stop()
        #expect(received.result == Sample.result())
        #expect(daemon.requests.map(\.method) == ["image.generate", "job.wait"])
    }

    @Test func aDaemonThatAdmitsNothingWhileItDrainsIsAskedAgain() throws {
        let daemon = try ScriptedDaemon(directory.file("s")) { connection, number in
            let request = try connection.receive()
            if number == 0 {
                try connection.fail(request, WireError(.stopping, "the daemon is stopping"))
            } else {
                try connection.answer(request, Sample.result())
            }
        }
        let received = try DarkroomConnection(daemon.path).finish(GenerateImage.self, request)
        daemon.stop()
        #expect(received.result == Sample.result())
        #expect(daemon.requests.map(\.method) == ["image.generate", "image.generate"])
    }

    @Test func aLossBeforeTheIDIsNeverAskedForAgain() throws {
        let daemon = try ScriptedDaemon(directory.file("s")) { connection, _ in _ = try connection.receive() }
        #expect(throws: ClientError.lost(job: nil)) {
            try DarkroomConnection(daemon.path).finish(GenerateImage.self, request)
        }
        daemon.stop()
        #expect(daemon.requests.map(\.method) == ["image.generate"])
    }

    @Test func aDaemonThatDoesNotComeBackLosesTheJobByName() throws {
        let path = directory.file("s")
        let daemon = try ScriptedDaemon(path) { connection, _ in
            let request = try connection.receive()
            unsafe unlink(path)
            try connection.notify(request, JobEvent(job: Sample.job, state: .queued, position: 1))
        }
        var losses: [JobID] = []
        #expect(throws: ClientError.lost(job: Sample.job)) {
            try DarkroomConnection(path).finish(
                GenerateImage.self, request, patience: .milliseconds(50), onLoss: { losses.append($0) })
        }
        daemon.stop()
        #expect(losses == [Sample.job])
    }

    @Test func anErrorOfTheJobIsNoLoss() throws {
        let daemon = try ScriptedDaemon(directory.file("s")) { connection, _ in
            let request = try connection.receive()
            try connection.notify(request, JobEvent(job: Sample.job, state: .sent, attempt: 1))
            try connection.fail(request, WireError(.blocked, "blocked", charged: .no, job: Sample.job))
        }
        #expect(throws: WireError(.blocked, "blocked", charged: .no, job: Sample.job)) {
            try DarkroomConnection(daemon.path).finish(GenerateImage.self, request)
        }
        daemon.stop()
        #expect(daemon.requests.count == 1)
    }
}
