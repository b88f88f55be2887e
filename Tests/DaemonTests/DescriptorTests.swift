// Descriptors at the built daemon (protocol section 1): which are taken, and what those that it gives are.

import CAncillary
import Foundation
import Glibc
import TestKit
import Testing
import Wire

@Suite(.serialized) struct DescriptorTests {
    private let simulator: RunningSimulator
    private let daemon: RunningDaemon

    init() throws {
        simulator = try RunningSimulator()
        daemon = try RunningDaemon(configuration: RunningDaemon.configuration(simulator))
    }

    private func edit(_ descriptors: [Int32], _ inputs: String = #"[{"fd":0}]"#) throws -> RawSocket.Reply {
        try RawSocket(daemon.socket).call(
            1, "image.generate", #"{"prompt":"p","delivery":"none","inputs":\#(inputs)}"#, descriptors: descriptors)
    }

    /// A memfd that holds the picture, its offset where writing left it.
    private func memoryFile() throws -> Int32 {
        let descriptor = unsafe ca_memfd("picture")
        try #require(descriptor >= 0)
        let count = unsafe Picture.png.withUnsafeBytes { unsafe write(descriptor, $0.baseAddress, $0.count) }
        try #require(count == Picture.png.count)
        return descriptor
    }

    @Test func aMemfdIsAnInputAndItsOffsetIsNobodysBusiness() throws {
        let descriptor = try memoryFile()
        defer { close(descriptor) }
        #expect(try edit([descriptor]).decode(JobResult.self).state == .done)
        #expect(lseek(descriptor, 0, SEEK_CUR) == off_t(Picture.png.count))
    }

    @Test func whatIsNoReadableFileIsRefusedByItsPath() throws {
        var ends: [Int32] = [-1, -1]
        try #require(unsafe pipe(&ends) == 0)
        let socket = Glibc.socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)
        // O_PATH of open(2), which the Glibc module does not export.
        let path = unsafe open(try daemon.directory.write("p.png", "x"), 0o10000000)
        let device = unsafe open("/dev/zero", O_RDONLY)
        defer { for descriptor in ends + [socket, path, device] { close(descriptor) } }
        for descriptor in [ends[0], socket, path, device] {
            let error = try #require(try edit([descriptor]).error)
            #expect(error.kind == .invalidParams && error.path == "inputs.0.fd" && error.job == nil, "\(error)")
        }
        #expect(try simulator.spending() == [])
    }

    @Test func tooFewAreRefusedAndThoseOverAreClosed() throws {
        let descriptor = try memoryFile()
        defer { close(descriptor) }
        let few = try #require(try edit([descriptor], #"[{"fd":0},{"fd":1}]"#).error)
        #expect(few.kind == .invalidParams && few.path == "inputs.1.fd")
        #expect(try edit([descriptor]).decode(JobResult.self).state == .done)
        let before = try daemon.openDescriptorCount()
        let socket = try RawSocket(daemon.socket)
        let params = #"{"prompt":"p","delivery":"none","inputs":[{"fd":2}]}"#
        let reply = try socket.call(1, "image.generate", params, descriptors: Array(repeating: descriptor, count: 9))
        #expect(try reply.decode(JobResult.self).state == .done)
        socket.close()
        // The connections of this test are gone from the daemon when a new one is all that there is more.
        let last = try RawSocket(daemon.socket)
        _ = try last.call(1, "server.hello")
        #expect(try daemon.openDescriptorCount() <= before + 3)
    }

    @Test func aDeliveredDescriptorCanBeReadFromItsStartAndNotWritten() throws {
        let socket = try RawSocket(daemon.socket)
        let made = try socket.call(1, "image.generate", #"{"prompt":"p","delivery":"fd","count":2}"#)
            .decode(JobResult.self)
        let open = #"{"sha256":"\#(made.images.first?.sha256 ?? "")","delivery":"fd"}"#
        #expect(made.images.map(\.fd) == [0, 1])
        #expect(try socket.call(2, "artifact.open", open).decode(ImageEntry.self).fd == 0)
        let descriptors = socket.takeDescriptors()
        defer { for descriptor in descriptors { close(descriptor) } }
        #expect(descriptors.count == 3)
        for descriptor in descriptors {
            #expect(fcntl(descriptor, F_GETFL) & O_ACCMODE == O_RDONLY)
            #expect(lseek(descriptor, 0, SEEK_CUR) == 0)
            #expect(unsafe write(descriptor, "x", 1) == -1)
        }
    }
}
