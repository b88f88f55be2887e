import Glibc
import LineSocket
import Synchronization
import Testing
import TestKit
import Wire

@testable import Client

/// What the scripts answer.
enum Sample {
    static let job = JobID(rawValue: "j1")

    static func result(_ state: JobState = .done, images: [ImageEntry] = []) -> JobResult {
        JobResult(
            job: job, state: state, route: "native", project: "default", label: nil,
            model: JobModel(asked: "flash", sent: "gemini-3.1-flash-image"), images: images, requested: Requested())
    }

    static func image(_ content: String, fd: Int) -> ImageEntry {
        ImageEntry(
            sha256: String(repeating: "0", count: 64), mimeType: "image/png", width: 1, height: 1,
            bytes: content.utf8.count, fd: fd)
    }

    static func hello(_ version: Int) -> Hello.Result {
        Hello.Result(
            protocol: version, server: Hello.Server(name: "darkroomd", version: "9"),
            you: Hello.You(uid: 0, gid: 0, user: nil, unit: nil, roles: ["client"]), maxLineBytes: 1024, maxInputs: 14,
            features: [])
    }
}

struct CallTests {
    let directory: TemporaryDirectory

    init() throws { directory = try TemporaryDirectory() }

    @Test func manyCallsGoOverOneConnection() throws {
        let daemon = try ScriptedDaemon(directory.file("s")) { connection, _ in
            for _ in 1...2 { try connection.fail(try connection.receive(), WireError(.notFound, "no such job")) }
            try connection.answer(try connection.receive(), Sample.result())
        }
        let connection = try DarkroomConnection(daemon.path)
        let params = GetJob.Params(job: Sample.job)
        for _ in 1...2 {
            #expect(throws: WireError(.notFound, "no such job")) { try connection.call(GetJob.self, params) }
        }
        #expect(try connection.call(GetJob.self, params).result == Sample.result())
        daemon.stop()
        #expect(daemon.requests.map(\.id) == [.integer(1), .integer(2), .integer(3)])
        #expect(daemon.trouble == [])
    }

    @Test func eventsAreDeliveredWhileTheAnswerIsAwaited() throws {
        let events = [
            JobEvent(job: Sample.job, state: .queued, position: 2),
            JobEvent(job: Sample.job, state: .sent, attempt: 1, usuallySeconds: [8, 20]),
            JobEvent(job: Sample.job, state: .receiving, bytes: 12),
        ]
        let daemon = try ScriptedDaemon(directory.file("s")) { connection, _ in
            let request = try connection.receive()
            for event in events { try connection.notify(request, event) }
            try connection.answer(request, Sample.result())
        }
        var heard: [JobEvent] = []
        _ = try DarkroomConnection(daemon.path).call(GenerateImage.self, GenerateImage.Params(prompt: "a cat")) {
            heard.append($0)
        }
        daemon.stop()
        #expect(
            heard
                == events.map { event in
                    var event = event
                    event.request = .integer(1)
                    return event
                })
    }

    @Test func whatALaterDaemonAddsIsPassedOver() throws {
        let daemon = try ScriptedDaemon(directory.file("s")) { connection, _ in
            let request = try connection.receive()
            try connection.send(Array(#"{"jsonrpc":"2.0","method":"server.news","params":{}}"#.utf8))
            try connection.send(
                Array(#"{"jsonrpc":"2.0","method":"job.event","params":{"job":"j1","state":"dreaming"}}"#.utf8))
            try connection.send(
                Array(#"{"jsonrpc":"2.0","id":99,"error":{"code":1,"message":"m","data":{"kind":"k"}}}"#.utf8))
            try connection.answer(request, Sample.result())
        }
        let received = try DarkroomConnection(daemon.path).call(GetJob.self, GetJob.Params(job: Sample.job))
        daemon.stop()
        #expect(received.result == Sample.result())
    }

    @Test func filesGoBothWays() throws {
        let daemon = try ScriptedDaemon(directory.file("s")) { connection, _ in
            try connection.answer(
                try connection.receive(),
                Sample.result(images: [Sample.image("first", fd: 0), Sample.image("second", fd: 1)]),
                files: ["first", "second"])
        }
        let input = try ScriptedConnection.open("sketch")
        let received = try DarkroomConnection(daemon.path).call(
            GenerateImage.self, GenerateImage.Params(prompt: "a cat"), descriptors: [input.rawValue])
        daemon.stop()
        #expect(daemon.requests.map(\.attachments) == [["sketch"]])
        var texts: [String] = []
        for image in received.result.images {
            let target = try ScriptedConnection.open("")
            try received.files[try #require(image.fd)].copy(to: target.rawValue, count: image.bytes)
            var bytes = [UInt8](repeating: 0, count: 100)
            let count = unsafe pread(target.rawValue, &bytes, bytes.count, 0)
            texts.append(String(decoding: bytes.prefix(count), as: UTF8.self))
        }
        #expect(texts == ["first", "second"])
    }

    @Test func aRefusalWithoutAnIDIsTheAnswer() throws {
        let daemon = try ScriptedDaemon(directory.file("s")) { connection, _ in
            try connection.send(Answer.failure(nil, WireError(.queueFull, "too many connections")))
        }
        #expect(throws: WireError(.queueFull, "too many connections")) {
            try DarkroomConnection(daemon.path).call(GetStatus.self, NoParams())
        }
        daemon.stop()
    }

    @Test func aConnectionThatEndsIsClosed() throws {
        let daemon = try ScriptedDaemon(directory.file("s")) { connection, _ in _ = try connection.receive() }
        #expect(throws: ClientError.closed) {
            try DarkroomConnection(daemon.path).call(GetStatus.self, NoParams())
        }
        daemon.stop()
    }

    @Test func aWaitHasAnEnd() throws {
        let daemon = try ScriptedDaemon(directory.file("s")) { connection, _ in try connection.waitForEnd() }
        #expect(throws: ClientError.timedOut) {
            try DarkroomConnection(daemon.path).call(GetStatus.self, NoParams(), within: .milliseconds(20))
        }
        daemon.stop()
    }

    @Test func theHeartbeatCanEndAWait() throws {
        struct Enough: Error {}
        let daemon = try ScriptedDaemon(directory.file("s")) { connection, _ in try connection.waitForEnd() }
        var count = 0
        #expect(throws: Enough.self) {
            try DarkroomConnection(daemon.path).call(
                GetStatus.self, NoParams(),
                heartbeat: Heartbeat(every: .milliseconds(1)) {
                    count += 1
                    if count == 3 { throw Enough() }
                })
        }
        #expect(count == 3)
        daemon.stop()
    }

    @Test(arguments: [(0, ClientError.protocolTooOld(daemon: 0)), (2, .protocolTooNew(daemon: 2))])
    func anotherProtocolIsNamedWhenSomethingIsNotUnderstood(version: Int, error: ClientError) throws {
        let daemon = try ScriptedDaemon(directory.file("s")) { connection, number in
            let request = try connection.receive()
            if number == 0 {
                try connection.fail(request, WireError(.unknownMethod, "there is no method server.status"))
            } else {
                try connection.answer(request, ["strange": true])
            }
            try connection.answer(try connection.receive(), Sample.hello(version))
        }
        for _ in 1...2 {
            #expect(throws: error) { try DarkroomConnection(daemon.path).call(GetStatus.self, NoParams()) }
        }
        daemon.stop()
    }

    @Test func aMethodThatCameLaterIsOneOfAnOlderDaemon() throws {
        let daemon = try ScriptedDaemon(directory.file("s")) { connection, _ in
            try connection.fail(
                try connection.receive(), WireError(.unknownMethod, "there is no method image.price"))
            try connection.answer(try connection.receive(), Sample.hello(Hello.protocolVersion))
        }
        #expect(throws: ClientError.methodUnknown("image.price", daemon: "9")) {
            try DarkroomConnection(daemon.path).call(PriceImage.self, GenerateImage.Params(prompt: "a cat"))
        }
        daemon.stop()
    }

    @Test func nonsenseInTheSameProtocolIsAnInvalidAnswer() throws {
        let daemon = try ScriptedDaemon(directory.file("s")) { connection, number in
            let request = try connection.receive()
            if number == 0 {
                try connection.answer(request, ["strange": true])
            } else {
                try connection.send(Array("hello?".utf8))
            }
            try connection.answer(try connection.receive(), Sample.hello(1))
        }
        #expect(throws: ClientError.invalidAnswer("server.status has no ready")) {
            try DarkroomConnection(daemon.path).call(GetStatus.self, NoParams())
        }
        #expect(throws: ClientError.invalidAnswer("it is not JSON")) {
            try DarkroomConnection(daemon.path).call(GetStatus.self, NoParams())
        }
        daemon.stop()
    }
}
