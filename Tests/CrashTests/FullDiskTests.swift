// A state directory of one mebibyte: what is refused, what goes on, and that it all comes back with the room.

import Foundation
import Glibc
import TestKit
import Testing
import Wire

/// Mounts need root: the test command says what was not run.
private let mayMount = geteuid() == 0

@Suite(.serialized, .enabled(if: mayMount, "only root may mount the small file system of these tests"))
struct FullDiskTests {
    private struct NotMounted: Error { let output: ChildProcess.Output }

    /// A file system in memory, mounted as long as it is referenced.
    private final class SmallDisk {
        let directory: TemporaryDirectory

        init(size: String) throws {
            directory = try TemporaryDirectory()
            try directory.makeDirectory("state")
            let output = try ChildProcess.run(
                "/usr/bin/env",
                ["mount", "-t", "tmpfs", "-o", "size=\(size),mode=0700", "none", directory.file("state")])
            guard output.status == 0 else { throw NotMounted(output: output) }
        }

        deinit { _ = try? ChildProcess.run("/usr/bin/env", ["umount", directory.file("state")]) }

        /// Takes all of the room that is left.
        func fill() throws {
            let output = try ChildProcess.run(
                "/usr/bin/env",
                [
                    "dd", "if=/dev/zero", "of=\(directory.file("state/ballast"))", "bs=4096", "oflag=append",
                    "conv=notrunc",
                ])
            #expect(output.standardError.contains("No space left"))
        }

        func clear() throws { try FileManager.default.removeItem(atPath: directory.file("state/ballast")) }
    }

    @Test func admissionStopsBeforeTheDiskIsFullAndEverythingElseGoesOn() throws {
        let disk = try SmallDisk(size: "1m")
        let scene = try Scene(
            try RunningSimulator(), extra: "[retention]\nreserve_bytes = 262144\n", project: "max_concurrent = 1",
            directory: disk.directory)
        let daemon = try scene.start()
        var caller = Caller(scene.socket)
        var number = 0
        var refusal: WireError?
        while refusal == nil, number < 200 {
            number += 1
            if case .error(let error) = caller.generate("small \(number)", key: "\(number)") { refusal = error }
        }
        #expect(refusal?.kind == .storageFull && refusal?.job == nil, "\(String(describing: refusal))")
        #expect(caller.knowledge.done > 0)
        // What is refused takes nothing of what is kept for results; the last image may have needed some of it.
        func reserved() throws -> Int? {
            try FileManager.default.attributesOfItem(atPath: disk.directory.file("state/reserve"))[.size] as? Int
        }
        let before = try reserved()
        for again in 1...5 {
            guard case .error(let error) = caller.generate("refused \(again)", key: "refused \(again)") else {
                Issue.record("admitted on a full disk")
                return
            }
            #expect(error.kind == .storageFull)
        }
        #expect(try before != nil && reserved() == before)
        // Reading, listing and cancelling go on.
        let socket = try RawSocket(scene.socket)
        let list = try socket.call(2, "job.list").decode(ListJobs.Result.self)
        #expect(list.jobs.count == min(50, caller.knowledge.done))
        #expect(try socket.call(3, "server.status").error == nil)
        let first = try #require(list.jobs.first)
        #expect(try socket.call(4, "job.get", #"{"job":"\#(first.job)"}"#).error == nil)
        #expect(try socket.call(5, "job.cancel", #"{"job":"\#(first.job)"}"#).error == nil)
        let books = try Books(
            of: scene.state, calls: try scene.simulator.calls(), accepted: caller.knowledge.accepted,
            answered: caller.knowledge.images)
        #expect(books.isClean, "\(books)")
        #expect(daemon.process.isRunning)
    }

    @Test(.backs(.paidForOnceAndKept)) func anImageThatIsPaidForWaitsForRoomAndIsKept() throws {
        let disk = try SmallDisk(size: "4m")
        let scene = try Scene(
            try RunningSimulator(), extra: "[retention]\nreserve_bytes = 65536\n", directory: disk.directory)
        let daemon = try scene.start()
        var caller = Caller(scene.socket)
        #expect(isDone(caller.generate("before", key: "before")))
        let socket = try RawSocket(scene.socket)
        // Its answer comes when the disk is full, and is larger than what is kept in reserve.
        let prompt = #"late {sim:{\"latencyMilliseconds\":800}}"#
        let accepted = try socket.call(
            1, "image.generate", #"{"prompt":"\#(prompt)","delivery":"none","wait":false}"#
        ).decode(GenerateImage.Accepted.self)
        try disk.fill()
        guard case .error(let refusal) = caller.generate("refused", key: "refused") else {
            Issue.record("admitted on a full disk")
            return
        }
        #expect(refusal.kind == .storageFull)
        #expect(try socket.call(2, "job.list").error == nil)
        while try scene.simulator.generations("late").first?["finished"] != .bool(true) {}
        try disk.clear()
        // Without a restart: the job that was paid for has its image, and new ones are admitted.
        let late = try socket.call(3, "job.wait", #"{"job":"\#(accepted.job)","delivery":"none"}"#)
        #expect(try late.decode(JobResult.self).state == .done, "\(late)")
        #expect(isDone(caller.generate("after", key: "after")))
        let books = try Books(
            of: scene.state, calls: try scene.simulator.calls(), accepted: caller.knowledge.accepted,
            answered: caller.knowledge.images)
        #expect(books.isClean, "\(books)")
        daemon.crash()
    }

    @Test(.backs(.paidForOnceAndKept)) func whatIsQueuedIsNotSentWhileTheDiskIsFull() throws {
        let disk = try SmallDisk(size: "4m")
        let scene = try Scene(
            try RunningSimulator(), extra: "[retention]\nreserve_bytes = 262144\n", project: "max_concurrent = 1",
            directory: disk.directory)
        // Its five seconds between two looks at the disk are a quarter of one.
        let daemon = try scene.start(environment: ["DARKROOM_CLOCK_SCALE": "20"])
        let socket = try RawSocket(scene.socket)
        func ask(_ prompt: String) throws -> JobID {
            try socket.call(
                1, "image.generate",
                #"{"prompt":"\#(prompt)","imageSize":"512","delivery":"none","wait":false,"deadlineSeconds":3600}"#
            ).decode(GenerateImage.Accepted.self).job
        }
        let first = try ask(#"first {sim:{\"latencyMilliseconds\":2000}}"#)
        let queued = try [ask("second"), ask("third")]
        try disk.fill()
        let waiting = try RawSocket(scene.socket)
        try waiting.send(
            #"{"jsonrpc":"2.0","id":7,"method":"job.wait","params":{"job":"\#(queued[0])","delivery":"none"}}"#)
        // The first in line, which meets the full disk, and the last, which does not come to it.
        let last = try RawSocket(scene.socket)
        try last.send(
            #"{"jsonrpc":"2.0","id":8,"method":"job.wait","params":{"job":"\#(queued[1])","delivery":"none"}}"#)
        for socket in [waiting, last] {
            var event: [String: JSONValue] = [:]
            while event["reason"] != .string("storage_full") {
                guard case .object(let next)? = try socket.receiveMessage()["params"] else { continue }
                event = next
            }
            #expect(event["state"] == .string("waiting") && event["until"] != nil, "\(event)")
        }
        #expect(try scene.simulator.generations().count == 1)
        try disk.clear()
        for job in [first] + queued {
            let result = try socket.call(2, "job.wait", #"{"job":"\#(job)","delivery":"none"}"#)
            #expect(try result.decode(JobResult.self).state == .done)
        }
        #expect(try scene.simulator.generations().count == 3)
        daemon.crash()
    }

    @Test(arguments: [true, false]) func aDaemonStartsOnAFullDisk(isKilled: Bool) throws {
        let disk = try SmallDisk(size: "4m")
        let scene = try Scene(
            try RunningSimulator(), extra: "[limits]\ndrain_seconds = 0\n[retention]\nreserve_bytes = 524288\n",
            directory: disk.directory)
        let before = try scene.start()
        var caller = Caller(scene.socket)
        #expect(isDone(caller.generate("before", key: "before")))
        let socket = try RawSocket(scene.socket)
        let open = try socket.call(
            1, "image.generate", #"{"prompt":"open {sim:{\"neverAnswer\":true}}","delivery":"none","wait":false}"#
        ).decode(GenerateImage.Accepted.self).job
        while try scene.simulator.generations("open").isEmpty {}
        try disk.fill()
        if isKilled {
            before.crash()
        } else {
            #expect(before.stop().status == 0)
        }
        let after = try scene.start()
        let list = try RawSocket(scene.socket).call(1, "job.list").decode(ListJobs.Result.self)
        #expect(list.jobs.map(\.state) == [.unknown, .done])
        let cancelled = try RawSocket(scene.socket).call(2, "job.cancel", #"{"job":"\#(open)"}"#)
        #expect(try cancelled.decode(CancelJob.Result.self).state == .unknown)
        guard case .error(let refusal) = caller.generate("refused", key: "refused") else {
            Issue.record("admitted on a full disk")
            return
        }
        #expect(refusal.kind == .storageFull)
        // Again, with the reserve gone and whatever the end of a run gives back taken by others.
        try disk.fill()
        if isKilled { after.crash() } else { #expect(after.stop().status == 0) }
        try disk.fill()
        let last = try scene.start()
        #expect(try RawSocket(scene.socket).call(1, "job.list").decode(ListJobs.Result.self) == list)
        try disk.clear()
        #expect(isDone(caller.generate("after", key: "after")))
        last.crash()
    }

    /// What was under way when the daemon was killed is told to be so where there is room for nothing more.
    @Test func aDaemonRecoversOnAFullDiskWithoutItsReserve() throws {
        let disk = try SmallDisk(size: "4m")
        let scene = try Scene(
            try RunningSimulator(), extra: "[retention]\nreserve_bytes = 0\n", directory: disk.directory)
        let before = try scene.start()
        let socket = try RawSocket(scene.socket)
        for number in 0..<3 {
            _ = try socket.call(
                number, "image.generate",
                #"{"prompt":"open {sim:{\"neverAnswer\":true}}","delivery":"none","wait":false}"#
            ).decode(GenerateImage.Accepted.self)
        }
        while try scene.simulator.generations("open").count < 3 {}
        try disk.fill()
        before.crash()
        let after = try scene.start()
        let list = try RawSocket(scene.socket).call(1, "job.list").decode(ListJobs.Result.self)
        #expect(list.jobs.map(\.state) == [.unknown, .unknown, .unknown])
        after.crash()
    }

    private func isDone(_ told: Told) -> Bool {
        if case .result(let result) = told { result.state == .done } else { false }
    }
}
