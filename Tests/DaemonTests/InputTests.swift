// Input images, from the line to the request: by descriptor, in base64, as an artifact.

import Foundation
import Glibc
import TestKit
import Testing
import Wire

@Suite(.serialized) struct InputTests {
    private let simulator: RunningSimulator
    private let daemon: RunningDaemon

    init() throws {
        simulator = try RunningSimulator()
        daemon = try RunningDaemon(configuration: RunningDaemon.configuration(simulator))
    }

    private func open(_ data: Data, _ name: String) throws -> Int32 {
        let path = daemon.directory.file(name)
        try data.write(to: URL(fileURLWithPath: path))
        return unsafe Glibc.open(path, O_RDONLY | O_CLOEXEC)
    }

    /// Sends a request with descriptors and gives back its answer.
    private func ask(_ params: String, _ descriptors: [Int32] = []) throws -> RawSocket.Reply {
        defer { for descriptor in descriptors { close(descriptor) } }
        return try RawSocket(daemon.socket).call(1, "image.generate", params, descriptors: descriptors)
    }

    /// The sha256 of each image of the newest turn, as the simulator received them.
    private func received(_ prompt: String) throws -> [JSONValue?] {
        let request = try #require(try simulator.generations(prompt).last)
        guard case .array(let parts)? = RunningSimulator.member("contents.0.parts", of: request) else { return [] }
        return parts.compactMap { part -> JSONValue? in
            guard case .object(let members) = part, case .object(let inline)? = members["inlineData"] else {
                return nil
            }
            return inline["sha256"]
        }
    }

    @Test func anImageGoesInByDescriptorAndInBase64AndAsAnArtifact() throws {
        let made = try ask(#"{"prompt":"made","delivery":"none"}"#).decode(JobResult.self)
        let artifact = try #require(made.images.first)
        let result = try ask(
            """
            {"prompt":"edit","delivery":"none","inputs":[{"fd":0},{"data":"\(Picture.base64)"},\
            {"artifact":"\(artifact.sha256)"}]}
            """, [try open(Picture.png, "in.png")]
        ).decode(JobResult.self)
        #expect(result.state == .done)
        let hashes = try received("edit")
        let given = try #require(hashes.first)
        #expect(hashes == [given, given, .string(artifact.sha256)])
    }

    @Test func fourteenInputsAreTaken() throws {
        let inputs = (0..<14).map { _ in #"{"data":"\#(Picture.base64)"}"# }.joined(separator: ",")
        let result = try ask(#"{"prompt":"many","delivery":"none","inputs":[\#(inputs)]}"#).decode(JobResult.self)
        #expect(result.state == .done)
        #expect(try received("many").count == 14)
    }

    /// What cannot be an input: text, half an image, too large a file, and things that are no file.
    private func bad(_ name: String) throws -> Int32 {
        switch name {
        case "text": return try open(Data("this is no image".utf8), name)
        case "truncated": return try open(Picture.png.dropLast(20), name)
        case "200 MB":
            let descriptor = try open(Picture.png, name)
            #expect(unsafe truncate(daemon.directory.file(name), 200_000_000) == 0)
            return descriptor
        case "device": return unsafe Glibc.open("/dev/zero", O_RDONLY | O_CLOEXEC)
        case "directory": return unsafe Glibc.open(daemon.directory.path, O_RDONLY | O_CLOEXEC)
        default: return unsafe Glibc.open(daemon.directory.file("w"), O_WRONLY | O_CREAT | O_CLOEXEC, 0o600)
        }
    }

    @Test(arguments: [
        ("text", "bad_input", "inputs.0"), ("truncated", "bad_input", "inputs.0"),
        ("200 MB", "too_large", "inputs.0"), ("directory", "invalid_params", "inputs.0.fd"),
        ("write only", "invalid_params", "inputs.0.fd"), ("device", "invalid_params", "inputs.0.fd"),
    ])
    func whatIsNoImageIsRefusedAndNothingIsSentOrHeld(name: String, kind: String, path: String) throws {
        let error = try #require(
            try ask(#"{"prompt":"p","inputs":[{"fd":0}],"delivery":"none"}"#, [try bad(name)]).error)
        #expect(error.kind.rawValue == kind && error.path == path, "\(error)")
        #expect(error.job == nil)
        #expect(try simulator.spending() == [])
        #expect(try daemon.holdCount == 0)
    }

    @Test func aDescriptorThatNoInputNamesIsClosedAndTheRequestIsAnswered() throws {
        let result = try ask(#"{"prompt":"stray","delivery":"none"}"#, [try open(Picture.png, "stray.png")])
        #expect(try result.decode(JobResult.self).state == .done)
        #expect(try received("stray") == [])
    }

    @Test func aRetriedJobHasItsInputsAgain() throws {
        try simulator.addRule(#"{"match":{"prompt":"again"},"times":1,"do":{"fixture":"image-safety"}}"#)
        let failed = try #require(
            try ask(#"{"prompt":"again","inputs":[{"fd":0}],"delivery":"none"}"#, [try open(Picture.png, "a.png")])
                .error)
        let job = try #require(failed.job)
        let socket = try RawSocket(daemon.socket)
        let result = try socket.call(2, "job.retry", #"{"job":"\#(job.rawValue)","delivery":"none"}"#).decode(
            JobResult.self)
        #expect(result.state == .done && result.job != job)
        #expect(try received("again").count == 1)
    }
}
