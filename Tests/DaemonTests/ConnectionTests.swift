// Clients that go away, that do not read, that are many: the next one is served, and nothing is left of them but jobs.

import CAncillary
import Foundation
import Glibc
import TestKit
import Testing
import Wire

@Suite(.serialized) struct ConnectionTests {
    private let simulator: RunningSimulator
    private let daemon: RunningDaemon

    init() throws {
        simulator = try RunningSimulator()
        daemon = try RunningDaemon(configuration: RunningDaemon.configuration(simulator))
    }

    /// How far a client gets before it goes away.
    enum Step: String, CaseIterable {
        case beforeSending, halfALine, afterTheLine, afterTheFirstEvent, withinAnInlineAnswer

        var asksForAJob: Bool { self != .beforeSending && self != .halfALine }
    }

    private func leave(at step: Step) throws {
        let leaver = try SlowReader(daemon.socket)
        let line = #"""
            {"jsonrpc":"2.0","id":1,"method":"image.generate",\#
            "params":{"prompt":"\#(step)","label":"\#(step)","imageSize":"2K","delivery":"inline"}}

            """#
        switch step {
        case .beforeSending: return
        case .halfALine: #expect(try leaver.send(String(line.prefix(70))) == 70)
        case .afterTheLine, .afterTheFirstEvent, .withinAnInlineAnswer:
            #expect(try leaver.send(line) == line.utf8.count)
        }
        if step == .afterTheFirstEvent {
            #expect(try leaver.receive(atMost: 30)?.starts(with: #"{"jsonrpc""#.utf8) == true)
        }
        guard step == .withinAnInlineAnswer else { return }
        // More than all the events of a job, less than its image.
        var count = 0
        while count < 1_000_000 { count += try #require(try leaver.receive(atMost: 65_536)).count }
    }

    @Test(arguments: Step.allCases)
    func aClientThatLeavesCostsNoDescriptorAndNoJob(step: Step) throws {
        let next = try RawSocket(daemon.socket)
        // The store opens its readers and the pool its connections with the first job.
        _ = try next.call(1, "image.generate", #"{"prompt":"first","delivery":"inline"}"#).decode(JobResult.self)
        _ = try next.call(2, "job.list").decode(ListJobs.Result.self)
        let before = try daemon.openDescriptorCount()
        try leave(at: step)
        #expect(try next.call(3, "server.hello").error == nil)
        var jobs: [JobResult] = []
        // The line is in the socket; the daemon may not have read it when the first of these calls comes.
        for id in 4..<2_000 where jobs.isEmpty && step.asksForAJob {
            jobs = try next.call(id, "job.list", #"{"label":"\#(step)"}"#).decode(ListJobs.Result.self).jobs
        }
        #expect(jobs.count == (step.asksForAJob ? 1 : 0))
        for job in jobs {
            let kept = try next.call(2_000, "job.wait", #"{"job":"\#(job.job.rawValue)","delivery":"none"}"#)
                .decode(JobResult.self)
            #expect(kept.state == .done && kept.images.count == 1 && kept.images.first?.width == 2048)
        }
        #expect(try daemon.settles(to: before, calling: next))
        #expect(try simulator.generations("\(step)").count == jobs.count)
    }

    @Test(arguments: ["job.list", "model.list"])
    func aReaderThatNeverReadsDoesNotGrowTheDaemon(method: String) throws {
        let other = try RawSocket(daemon.socket)
        // Jobs, so that a list of them is no shorter than what asks for it.
        for id in 1...4 {
            _ = try other.call(id, "image.generate", #"{"prompt":"p\#(id)","imageSize":"512","delivery":"none"}"#)
        }
        _ = try other.call(5, method)
        let before = try daemon.residentBytes()
        let silent = try SlowReader(daemon.socket)
        // Each request has one length, so that what was taken tells how many.
        let lines = (100_000..<120_000).map { #"{"jsonrpc":"2.0","id":\#($0),"method":"\#(method)"}"# + "\n" }
        let lineBytes = try #require(lines.first).utf8.count
        let taken = try silent.send(lines.joined())
        #expect(taken < lines.count * lineBytes, "the daemon read everything")
        let growth = try daemon.residentBytes() - before
        // A megabyte of unsent answers, a thousand tasks and the allocator's slack.
        #expect(growth < 32 * 1_048_576, "\(growth)")
        #expect(try other.call(6, "server.hello").error == nil)
        // And when it reads at last, every request that was read has its answer.
        silent.finishWriting()
        #expect(try silent.receiveLines() == taken / lineBytes)
    }

    @Test(arguments: [
        (0, 1, "bad_input"), (0, 253, "bad_input"), (252, 253, "bad_input"),
        (0, 0, "invalid_params"), (7, 1, "invalid_params"), (253, 253, "invalid_params"), (-1, 1, "invalid_params"),
    ])
    func descriptorsOfInputsAreClosedWithTheRefusal(named: Int, sent: Int, kind: String) throws {
        let socket = try RawSocket(daemon.socket)
        let line =
            #"{"jsonrpc":"2.0","id":1,"method":"image.generate","params":{"prompt":"p","inputs":[{"fd":\#(named)}]}}"#
        let directory = try TemporaryDirectory()
        let path = try directory.write("input", "no picture")
        let file = unsafe open(path, O_RDONLY)
        defer { close(file) }
        for _ in 0..<20 {
            try socket.send(line, descriptors: [Int32](repeating: file, count: sent))
            let answer = try socket.receiveMessage()
            guard case .object(let error)? = answer["error"], case .object(let data)? = error["data"],
                case .string(let path)? = data["path"]
            else {
                Issue.record("no error: \(answer)")
                return
            }
            #expect(data["kind"] == .string(kind) && path.hasPrefix("inputs"), "\(answer)")
        }
        #expect(try daemon.settles(to: 0, of: path, calling: socket))
        #expect(try simulator.generations() == [])
    }

    @Test func asManyDescriptorsAsTheKernelCarriesAreClosedWhenNobodyNamedThem() throws {
        let socket = try RawSocket(daemon.socket)
        let directory = try TemporaryDirectory()
        let path = try directory.write("unnamed", "")
        let file = unsafe open(path, O_RDONLY)
        defer { close(file) }
        let descriptors = [Int32](repeating: file, count: Int(CA_MAX_DESCRIPTORS))
        for id in 2..<102 {
            try socket.send(#"{"jsonrpc":"2.0","id":\#(id),"method":"server.hello"}"#, descriptors: descriptors)
            #expect(try socket.receiveMessage()["id"] == .integer(Int64(id)))
        }
        #expect(try daemon.settles(to: 0, of: path, calling: socket))
        // They are closed too when their line never ends.
        try socket.send(Array("{".utf8), descriptors: descriptors)
        socket.close()
        #expect(try daemon.settles(to: 0, of: path, calling: try RawSocket(daemon.socket)))
    }
}
