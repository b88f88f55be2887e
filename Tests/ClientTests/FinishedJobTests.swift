import Glibc
import LineSocket
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
        var losses: [JobID?] = []
        var states: [JobState] = []
        let received = try DarkroomConnection(daemon.path).generate(
            request, onEvent: { states.append($0.state) }, onLoss: { losses.append($0) })
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
        let received = try DarkroomConnection(daemon.path).generate(request)
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
        let received = try DarkroomConnection(daemon.path).generate(request)
        daemon.stop()
        #expect(received.result == Sample.result())
        #expect(daemon.requests.map(\.method) == ["image.generate", "image.generate"])
    }

    @Test func aLossBeforeTheIDIsAskedForAgainUnderTheSameKey() throws {
        let daemon = try ScriptedDaemon(directory.file("s")) { connection, number in
            let request = try connection.receive()
            if number == 2 { try connection.answer(request, Sample.result()) }
        }
        var losses: [JobID?] = []
        let received = try DarkroomConnection(daemon.path).generate(request, onLoss: { losses.append($0) })
        daemon.stop()
        #expect(received.result == Sample.result())
        #expect(losses == [nil])
        #expect(daemon.requests.map(\.method) == ["image.generate", "image.generate", "image.generate"])
        #expect(Set(daemon.requests.map(\.params)).count == 1)
        #expect(Self.key(of: daemon.requests[0])?.hasPrefix("auto-") == true)
    }

    @Test func eachRequestHasAKeyOfItsOwnUnlessItBroughtOne() throws {
        let daemon = try ScriptedDaemon(directory.file("s")) { connection, _ in
            for _ in 1...3 { try connection.answer(try connection.receive(), Sample.result()) }
        }
        let connection = try DarkroomConnection(daemon.path)
        var mine = request
        mine.idempotencyKey = "mine"
        for request in [request, request, mine] { _ = try connection.generate(request) }
        daemon.stop()
        let keys = daemon.requests.map(Self.key)
        #expect(Set(keys).count == 3)
        #expect(keys.last == "mine")
    }

    @Test func theFilesGoAlongAgain() throws {
        let daemon = try ScriptedDaemon(directory.file("s")) { connection, number in
            let request = try connection.receive()
            if number == 1 { try connection.answer(request, Sample.result()) }
        }
        let inputs = try ["sketch", "style"].map { try ScriptedConnection.open($0) }
        var request = request
        request.inputs = [.descriptor(0), .descriptor(1)]
        _ = try DarkroomConnection(daemon.path).generate(request, descriptors: inputs.map(\.rawValue))
        daemon.stop()
        #expect(daemon.requests.map(\.attachments) == [["sketch", "style"], ["sketch", "style"]])
    }

    @Test func anAdmissionIsAskedForAgainUnderTheSameKey() throws {
        let daemon = try ScriptedDaemon(directory.file("s")) { connection, number in
            let request = try connection.receive()
            if number == 1 {
                try connection.answer(request, GenerateImage.Accepted(job: Sample.job, state: .queued))
            }
        }
        let received = try DarkroomConnection(daemon.path).admit(request)
        daemon.stop()
        #expect(received.result == GenerateImage.Accepted(job: Sample.job, state: .queued))
        #expect(daemon.requests.count == 2 && Set(daemon.requests.map(\.params)).count == 1)
        guard case .object(let params)? = daemon.requests.first?.params else {
            Issue.record("no parameters")
            return
        }
        #expect(params["wait"] == .bool(false) && params["delivery"] == .string("none"))
    }

    /// Another method has no key under which a daemon could tell that it was asked before.
    @Test func aRetryThatIsLostBeforeItsIDIsNeverAskedForAgain() throws {
        let daemon = try ScriptedDaemon(directory.file("s")) { connection, _ in _ = try connection.receive() }
        #expect(throws: ClientError.lost(job: nil)) {
            try DarkroomConnection(daemon.path).finish(RetryJob.self, RetryJob.Params(job: Sample.job))
        }
        daemon.stop()
        #expect(daemon.requests.map(\.method) == ["job.retry"])
    }

    @Test func aRetryThatADrainingDaemonRefusedIsAskedForAgain() throws {
        let daemon = try ScriptedDaemon(directory.file("s")) { connection, number in
            let request = try connection.receive()
            if number == 0 {
                try connection.fail(request, WireError(.stopping, "the daemon is stopping"))
            } else {
                try connection.answer(request, Sample.result())
            }
        }
        let received = try DarkroomConnection(daemon.path).finish(RetryJob.self, RetryJob.Params(job: Sample.job))
        daemon.stop()
        #expect(received.result == Sample.result())
        #expect(daemon.requests.map(\.method) == ["job.retry", "job.retry"])
    }

    @Test func whoIsNeverAnsweredKeepsTheKey() throws {
        let path = directory.file("s")
        let daemon = try ScriptedDaemon(path) { connection, _ in
            _ = try connection.receive()
            unsafe unlink(path)
        }
        var request = request
        request.idempotencyKey = "mine"
        #expect(throws: ClientError.unanswered(key: "mine")) {
            try DarkroomConnection(path).generate(request, patience: .milliseconds(50))
        }
        daemon.stop()
        #expect(daemon.requests.count == 1)
    }

    @Test func aDaemonInACircleOfCrashesIsGivenUp() throws {
        let daemon = try ScriptedDaemon(directory.file("s")) { connection, _ in _ = try connection.receive() }
        var losses = 0
        #expect(throws: ClientError.unanswered(key: "mine")) {
            var request = request
            request.idempotencyKey = "mine"
            _ = try DarkroomConnection(daemon.path).generate(
                request, patience: .milliseconds(300), onLoss: { _ in losses += 1 })
        }
        daemon.stop()
        #expect(losses == 1)
        #expect(daemon.requests.count > 1)
    }

    private static func key(of request: ScriptedRequest) -> String? {
        guard case .object(let params) = request.params, case .string(let key)? = params["idempotencyKey"] else {
            return nil
        }
        return key
    }

    @Test func aDaemonThatDoesNotComeBackLosesTheJobByName() throws {
        let path = directory.file("s")
        let daemon = try ScriptedDaemon(path) { connection, _ in
            let request = try connection.receive()
            unsafe unlink(path)
            try connection.notify(request, JobEvent(job: Sample.job, state: .queued, position: 1))
        }
        var losses: [JobID?] = []
        #expect(throws: ClientError.lost(job: Sample.job)) {
            try DarkroomConnection(path).generate(
                request, patience: .milliseconds(50), onLoss: { losses.append($0) })
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
            try DarkroomConnection(daemon.path).generate(request)
        }
        daemon.stop()
        #expect(daemon.requests.count == 1)
    }
}
