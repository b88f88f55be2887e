// What is sent and does not come back: a rule lets a cancelling abort it, and a stop waits for it as long as it is told.

import Foundation
import Glibc
import TestKit
import Testing
import Wire

@Suite(.serialized) struct AbortTests {
    private let silent = #"p {sim:{\"neverAnswer\":true}}"#

    /// Has a job accepted and waits until upstream has its request.
    private func send(_ socket: RawSocket, _ simulator: RunningSimulator) throws -> JobID {
        let job = try socket.call(
            1, "image.generate", #"{"prompt":"\#(silent)","delivery":"none","wait":false}"#
        ).decode(GenerateImage.Accepted.self).job
        while try simulator.generations().isEmpty {}
        return job
    }

    @Test(arguments: ["finish", "abort"]) func aRuleSaysWhatACancellingDoesWithWhatIsSent(cancel: String) throws {
        let simulator = try RunningSimulator()
        let rule = "\n[[rule]]\nuser = \"\(getuid())\"\ncancel = \"\(cancel)\"\n"
        let daemon = try RunningDaemon(configuration: RunningDaemon.configuration(simulator) + rule)
        let socket = try RawSocket(daemon.socket)
        let job = try send(socket, simulator)
        let told = try socket.call(2, "job.cancel", #"{"job":"\#(job)"}"#).decode(CancelJob.Result.self)
        #expect(told == CancelJob.Result(job: job, state: .sent, charged: .unknown))
        if cancel == "abort" {
            let ended = try #require(try socket.call(3, "job.wait", #"{"job":"\#(job)","delivery":"none"}"#).error)
            #expect(ended.kind == .outcomeUnknown && ended.charged == .unknown, "\(ended)")
        }
        let state = try socket.call(4, "job.get", #"{"job":"\#(job)"}"#).decode(JobResult.self).state
        #expect(state == (cancel == "abort" ? .unknown : .sent))
        daemon.crash()
    }

    @Test func aStopWaitsNoLongerThanItIsTold() throws {
        let simulator = try RunningSimulator()
        let text = RunningDaemon.configuration(simulator, extra: "[limits]\ndrain_seconds = 600\n")
        let daemon = try RunningDaemon(configuration: text)
        let job = try send(try RawSocket(daemon.socket), simulator)
        // Read when it stops, so a reload is enough.
        _ = try daemon.directory.write(
            "darkroom.toml", text.replacingOccurrences(of: "= 600", with: "= 0.1"), mode: 0o644)
        #expect(try RawSocket(daemon.adminSocket).call(1, "server.reload").error == nil)
        #expect(daemon.stop().status == 0)
        let next = try RunningDaemon(configuration: text, directory: daemon.directory)
        let state = try RawSocket(next.socket).call(1, "job.get", #"{"job":"\#(job)"}"#).decode(JobResult.self).state
        #expect(state == .unknown)
        next.crash()
    }

    /// A host that takes connections and says nothing: no byte of a request ever leaves.
    @Test func whatHasNotLeftWhenTheStopEndsIsSentByTheNextRun() throws {
        let simulator = try RunningSimulator()
        let (listener, port) = try Self.silentHost()
        defer { close(listener) }
        let project = "[[project]]\nname = \"default\"\nroute = \"native\"\nca_file = \"\(simulator.caFile)\"\n"
        let daemon = try RunningDaemon(
            configuration: "[limits]\ndrain_seconds = 0.1\n\(project)base_url = \"https://127.0.0.1:\(port)/v1beta\"\n")
        let socket = try RawSocket(daemon.socket)
        let job = try socket.call(1, "image.generate", #"{"prompt":"p","delivery":"none","wait":false}"#)
            .decode(GenerateImage.Accepted.self).job
        // Its connection is there, so the exchange has begun.
        let connection = accept(listener, nil, nil)
        defer { close(connection) }
        #expect(daemon.stop().status == 0)
        let next = try RunningDaemon(
            configuration: RunningDaemon.configuration(simulator), directory: daemon.directory)
        let done = try RawSocket(next.socket).call(1, "job.wait", #"{"job":"\#(job)","delivery":"none"}"#)
        #expect(try done.decode(JobResult.self).state == .done, "\(done)")
        #expect(try simulator.generations().count == 1)
        next.crash()
    }

    private struct NoHost: Error {}

    private static func silentHost() throws -> (descriptor: Int32, port: UInt16) {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let status = unsafe withUnsafeMutablePointer(to: &address) { pointer in
            unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { generic in
                guard unsafe bind(descriptor, generic, length) == 0, listen(descriptor, 8) == 0 else {
                    return Int32(-1)
                }
                return unsafe getsockname(descriptor, generic, &length)
            }
        }
        guard descriptor >= 0, status == 0 else { throw NoHost() }
        return (descriptor, UInt16(bigEndian: address.sin_port))
    }
}
