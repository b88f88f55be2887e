// From a prompt to a file through the real daemon and the real simulator, each a process of its own.

import Foundation
import Glibc
import TestKit
import Testing
import Wire

@Suite(.serialized) struct GenerateTests {
    private let simulator: RunningSimulator
    private let daemon: RunningDaemon

    init() throws {
        simulator = try RunningSimulator()
        daemon = try RunningDaemon(configuration: RunningDaemon.configuration(simulator))
    }

    private func bytes(of descriptor: Int32) throws -> Data {
        let handle = FileHandle(fileDescriptor: descriptor, closeOnDealloc: true)
        return try handle.readToEnd() ?? Data()
    }

    @Test(.backs(.nothingIsDroppedInSilence)) func aPromptBecomesAnImageByDescriptor() throws {
        let socket = try RawSocket(daemon.socket)
        let reply = try socket.call(
            1, "image.generate", #"{"prompt":"a cat","aspectRatio":"16:9","delivery":"fd","label":"l"}"#)
        let result = try reply.decode(JobResult.self)
        #expect(result.state == .done)
        #expect(
            result.model == JobModel(asked: "flash", sent: "gemini-3.1-flash-image", answered: "gemini-3.1-flash-image")
        )
        #expect(result.requested == Requested(aspectRatio: "16:9", imageSize: nil))
        #expect(result.label == "l")
        #expect(result.failed == [] && result.extraImages == [] && result.warnings == [])
        #expect(result.cost?.basis == .usage)
        let image = try #require(result.images.first)
        #expect(image.mimeType == "image/jpeg" && image.width == 1376 && image.height == 768 && image.fd == 0)
        let descriptors = socket.takeDescriptors()
        #expect(descriptors.count == 1)
        let descriptor = try #require(descriptors.first)
        let data = try bytes(of: descriptor)
        #expect(data.count == image.bytes)
        #expect(data.prefix(3) == Data([0xFF, 0xD8, 0xFF]))
        // What the simulator received is what was asked for, and nothing more.
        let received = try #require(try simulator.generations("a cat").first)
        let body = """
            {"contents":[{"parts":[{"text":"a cat"}],"role":"user"}],"generationConfig":{"imageConfig":\
            {"aspectRatio":"16:9"},"responseModalities":["TEXT","IMAGE"]}}
            """
        #expect(String(decoding: WireJSON.encode(received["body"]), as: UTF8.self) == body)
    }

    @Test func theSameImageInlineIsTheSameBytes() throws {
        let socket = try RawSocket(daemon.socket)
        let reply = try socket.call(7, "image.generate", #"{"prompt":"inline","delivery":"inline"}"#)
        let image = try #require(try reply.decode(JobResult.self).images.first)
        let text = try #require(image.data)
        let data = try #require(Data(base64Encoded: text))
        #expect(data.count == image.bytes)
        let open = try socket.call(8, "artifact.open", #"{"sha256":"\#(image.sha256)","delivery":"fd"}"#)
        let entry = try open.decode(ImageEntry.self)
        #expect(entry.sha256 == image.sha256 && entry.fd == 0 && entry.data == nil)
        let descriptor = try #require(socket.takeDescriptors().first)
        #expect(try bytes(of: descriptor) == data)
    }

    @Test func deliveryNoneAnswersWithoutBytes() throws {
        let socket = try RawSocket(daemon.socket)
        let result = try socket.call(1, "image.generate", #"{"prompt":"none","delivery":"none"}"#).decode(
            JobResult.self)
        let image = try #require(result.images.first)
        #expect(image.data == nil && image.fd == nil)
        #expect(socket.takeDescriptors() == [])
    }

    @Test(.backs(.noLimitIsCrossed)) func theStepsAreToldWhileSomebodyWaits() throws {
        let socket = try RawSocket(daemon.socket)
        let reply = try socket.call(9, "image.generate", #"{"prompt":"steps","delivery":"none"}"#)
        let result = try reply.decode(JobResult.self)
        let states = reply.events.map { $0["state"] }
        // With a free slot a job is admitted and sent in one transaction, and is never seen queued.
        #expect(states.first == .string("queued") || states.first == .string("sent"))
        #expect(states.contains(.string("sent")))
        for event in reply.events {
            #expect(event["job"] == .string(result.job.rawValue))
            #expect(event["request"] == .integer(9))
        }
    }

    @Test func withoutWaitTheJobIsAnsweredAtOnceAndCanBeWaitedFor() throws {
        try simulator.addRule(#"{"match":{"prompt":"later"},"do":{"latencyMilliseconds":300}}"#)
        let socket = try RawSocket(daemon.socket)
        let accepted = try socket.call(1, "image.generate", #"{"prompt":"later","wait":false}"#)
            .decode(GenerateImage.Accepted.self)
        #expect(accepted.state == .queued)
        let other = try RawSocket(daemon.socket)
        let result = try other.call(2, "job.wait", #"{"job":"\#(accepted.job.rawValue)","delivery":"none"}"#)
            .decode(JobResult.self)
        #expect(result.state == .done && result.job == accepted.job)
        let got = try other.call(3, "job.get", #"{"job":"\#(accepted.job.rawValue)"}"#).decode(JobResult.self)
        #expect(got.state == .done && got.images == result.images)
        #expect(got.createdAt != nil && got.startedAt != nil && got.endedAt != nil)
    }

    @Test(.backs(.paidForOnceAndKept)) func aClientThatGoesAwayDoesNotCancelWhatItAskedFor() throws {
        try simulator.addRule(#"{"match":{"prompt":"gone"},"do":{"latencyMilliseconds":300}}"#)
        let leaver = try RawSocket(daemon.socket)
        try leaver.send(
            #"{"jsonrpc":"2.0","id":1,"method":"image.generate","params":{"prompt":"gone","label":"left"}}"#)
        let first = try leaver.receiveMessage()
        guard case .object(let params)? = first["params"], case .string(let job)? = params["job"] else {
            Issue.record("the first message is no event: \(first)")
            return
        }
        leaver.close()
        let socket = try RawSocket(daemon.socket)
        let result = try socket.call(1, "job.wait", #"{"job":"\#(job)","delivery":"none"}"#).decode(JobResult.self)
        #expect(result.state == .done && result.label == "left")
    }

    @Test func aHundredRequestsOfOneConnectionAreEachAnsweredUnderTheirOwnID() throws {
        let socket = try RawSocket(daemon.socket)
        for id in 0..<100 {
            let line =
                id % 2 == 0
                ? #"{"jsonrpc":"2.0","id":\#(id),"method":"image.generate","params":{"prompt":"p\#(id)","delivery":"none","label":"n\#(id)"}}"#
                : #"{"jsonrpc":"2.0","id":\#(id),"method":"server.hello"}"#
            try socket.send(line)
        }
        var labels: [Int64: JSONValue] = [:]
        var hellos: Set<Int64> = []
        while labels.count + hellos.count < 100 {
            let message = try socket.receiveMessage()
            guard case .integer(let id)? = message["id"] else { continue }
            guard case .object(let result)? = message["result"] else {
                Issue.record("\(message)")
                return
            }
            if id % 2 == 0 { labels[id] = result["label"] } else { hellos.insert(id) }
        }
        for id in stride(from: Int64(0), to: 100, by: 2) { #expect(labels[id] == .string("n\(id)")) }
        #expect(hellos.sorted() == Array(stride(from: Int64(1), to: 100, by: 2)))
    }

    @Test(
        .backs(.nothingIsDroppedInSilence),
        arguments: [
            (#"{"prompt":"p","inputs":[{"fd":0}]}"#, "invalid_params", "inputs.0.fd"),
            (#"{"prompt":"p","model":"flahs"}"#, "unknown_model", "model"),
            (#"{"prompt":"p","model":"imagen-4.0-generate-001"}"#, "model_unavailable", "model"),
            (#"{"prompt":"p","imageSize":"4k"}"#, "invalid_params", "imageSize"),
            (#"{"prompt":"p","imageSize":"4K","model":"lite"}"#, "unsupported_parameter", "imageSize"),
            (#"{"prompt":"p","aspectRatio":"7:3"}"#, "invalid_params", "aspectRatio"),
            (#"{"prompt":"p","aspectRatio":"1:8","model":"pro"}"#, "unsupported_parameter", "aspectRatio"),
            (#"{"prompt":"p","prioritty":"bulk"}"#, "invalid_params", "prioritty"),
            (#"{"prompt":"p","project":"nowhere"}"#, "invalid_params", "project"),
        ])
    func whatCannotBeHonouredIsRefusedBeforeAnythingIsSent(params: String, kind: String, path: String) throws {
        let socket = try RawSocket(daemon.socket)
        let error = try #require(try socket.call(1, "image.generate", params).error)
        #expect(error.kind.rawValue == kind)
        #expect(error.path == path)
        #expect(error.job == nil && error.charged == nil)
        #expect(try simulator.generations() == [])
        #expect(try socket.call(2, "job.list").decode(ListJobs.Result.self).jobs == [])
    }

    @Test func aRetiredIDIsSentAsItsSuccessorAndSaysSo() throws {
        let socket = try RawSocket(daemon.socket)
        let result = try socket.call(
            1, "image.generate", #"{"prompt":"p","model":"gemini-3.1-flash-image-preview","delivery":"none"}"#
        ).decode(JobResult.self)
        #expect(result.model.asked == "gemini-3.1-flash-image-preview")
        #expect(result.model.sent == "gemini-3.1-flash-image")
        #expect(result.warnings.map(\.code) == [.modelSubstituted])
    }

    @Test func draftsAndFurtherImagesAreExtras() throws {
        try simulator.addRule(#"{"match":{"prompt":"several"},"do":{"answer":{"images":3,"drafts":1}}}"#)
        let socket = try RawSocket(daemon.socket)
        let result = try socket.call(1, "image.generate", #"{"prompt":"several","delivery":"none"}"#).decode(
            JobResult.self)
        #expect(result.images.count == 1)
        #expect(result.extraImages.count == 3)
        #expect(result.warnings.map(\.code).contains(.extraImages))
    }

    @Test(.backs(.nothingIsDroppedInSilence)) func aFalseTypeIsToldAndTheBytesDecide() throws {
        try simulator.addRule(#"{"match":{"prompt":"false type"},"do":{"answer":{"claimedType":"image/png"}}}"#)
        let socket = try RawSocket(daemon.socket)
        let result = try socket.call(1, "image.generate", #"{"prompt":"false type","delivery":"none"}"#).decode(
            JobResult.self)
        #expect(result.images.first?.mimeType == "image/jpeg")
        #expect(result.warnings.map(\.code) == [.typeDiffers])
    }

    @Test(.backs(.nothingIsDroppedInSilence)) func otherPixelsThanAskedForAreToldAsDiffering() throws {
        try simulator.addRule(#"{"match":{"prompt":"other pixels"},"do":{"answer":{"pixels":[1024,1024]}}}"#)
        let socket = try RawSocket(daemon.socket)
        let result = try socket.call(
            1, "image.generate", #"{"prompt":"other pixels","aspectRatio":"16:9","imageSize":"2K","delivery":"none"}"#
        ).decode(JobResult.self)
        #expect(Set(result.warnings.map(\.code)) == [.sizeDiffers, .ratioDiffers])
    }
}
