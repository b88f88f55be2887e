// Inputs above what a request may hold: uploaded piece by piece, and remembered.

import Foundation
import Glibc
import TestKit
import Testing
import Wire

@Suite(.serialized) struct LargeInputTests {
    private let simulator: RunningSimulator
    private let daemon: RunningDaemon

    init() throws {
        simulator = try RunningSimulator()
        daemon = try RunningDaemon(configuration: RunningDaemon.configuration(simulator))
    }

    /// A JPEG of over 7 MB: a real one with comments in it, of which the number makes each another file.
    private func picture(_ number: UInt8, around jpeg: Data) throws -> Int32 {
        // Behind the header that has the pixels, before the one that begins the image's data.
        var scan = 2
        while jpeg[scan + 1] != 0xDA { scan += 2 + Int(jpeg[scan + 2]) * 256 + Int(jpeg[scan + 3]) }
        var data = Data(jpeg.prefix(scan))
        let comment = Data([0xFF, 0xFE, 0xFF, 0xFF]) + Data(repeating: number, count: 65533)
        for _ in 0..<108 { data += comment }
        data += jpeg.dropFirst(scan)
        let path = daemon.directory.file("large-\(number)")
        try data.write(to: URL(fileURLWithPath: path))
        return unsafe Glibc.open(path, O_RDONLY | O_CLOEXEC)
    }

    private func edit(
        _ prompt: String, _ descriptors: [Int32], of daemon: RunningDaemon? = nil
    ) throws -> JobResult {
        let inputs = descriptors.indices.map { #"{"fd":\#($0)}"# }.joined(separator: ",")
        return try RawSocket((daemon ?? self.daemon).socket).call(
            1, "image.generate", #"{"prompt":"\#(prompt)","delivery":"none","inputs":[\#(inputs)]}"#,
            descriptors: descriptors
        ).decode(JobResult.self)
    }

    /// The daemon's greatest memory so far, in bytes.
    private func peak() throws -> Int {
        let status = try String(contentsOfFile: "/proc/\(daemon.process.pid)/status", encoding: .utf8)
        let line = try #require(status.split(separator: "\n").first { $0.hasPrefix("VmHWM:") })
        let number = try #require(Int(line.split(separator: " ")[1]))
        return number * 1024
    }

    /// How many parts of a request are of a kind: `inlineData`, `fileData`.
    private func parts(_ kind: String, _ prompt: String) throws -> Int {
        let request = try #require(try simulator.generations(prompt).last)
        guard case .array(let parts)? = RunningSimulator.member("contents.0.parts", of: request) else { return 0 }
        return parts.count { part in
            guard case .object(let members) = part else { return false }
            return members[kind] != nil
        }
    }

    private func uploads() throws -> Int {
        try simulator.requests().count { request in
            guard case .string(let path)? = request["path"] else { return false }
            return path.hasPrefix("/upload/") && request["method"] == .string("POST")
        }
    }

    @Test func fourteenInputsOfSevenMegabytesCostABufferAndAreUploadedOnce() throws {
        let made = try RawSocket(daemon.socket).call(1, "image.generate", #"{"prompt":"small"}"#)
            .decode(JobResult.self)
        let jpeg = try #require(made.images.first?.data.flatMap { Data(base64Encoded: $0) })
        let before = try peak()
        let descriptors = try (0..<14).map { try picture($0, around: jpeg) }
        defer { for descriptor in descriptors { close(descriptor) } }
        let first = try edit("first of all", descriptors)
        #expect(first.state == .done)
        let grown = try peak() - before
        // An input is 7 MB and all of them are 99; a buffer of each way and the allocator's slack are much less.
        #expect(grown < 24_000_000, "\(grown) bytes")
        let uploaded = try parts("fileData", "first of all")
        let inline = try parts("inlineData", "first of all")
        #expect(uploaded > 0 && uploaded + inline == 14)
        let count = try uploads()
        #expect(count >= uploaded)
        #expect(try edit("once more", descriptors).state == .done)
        #expect(try parts("fileData", "once more") == uploaded)
        #expect(try uploads() == count, "the addresses are remembered by sha256")
        _ = daemon.stop()
        let next = try RunningDaemon(
            configuration: RunningDaemon.configuration(simulator), directory: daemon.directory)
        #expect(try edit("after a restart", descriptors, of: next).state == .done)
        #expect(try parts("fileData", "after a restart") == uploaded)
        #expect(try uploads() == count, "also over a restart")
    }
}
