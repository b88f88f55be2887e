// The n-th file operation of a request fails, for n = 1, 2, 3 … until nothing fails: once, for ever, and as the end of the
// daemon. SQLite's operations are among them.

import Foundation
import Glibc
import TestKit
import Testing
import Wire

@Suite(.serialized) struct FailingDiskTests {
    private let scene: Scene
    private let disk: FailingDisk

    init() throws {
        scene = try Scene(try RunningSimulator())
        disk = try FailingDisk()
    }

    private func start() throws -> RunningDaemon {
        try scene.start(environment: disk.environment(below: scene.state))
    }

    /// More operations than any request has; the loop ends long before.
    private let bound = 200

    private func audit(_ caller: Caller, _ title: String) throws {
        let books = try Books(
            of: scene.state, calls: try scene.simulator.calls(), accepted: caller.knowledge.accepted,
            answered: caller.knowledge.images)
        print("| \(title) | \(books.row) |")
        #expect(books.isClean, "\(title): \(books)")
    }

    @Test(arguments: [
        (FailingDisk.Operation.write, ENOSPC), (.write, EIO), (.fsync, EIO), (.fsync, ENOSPC), (.open, EMFILE),
        (.rename, EIO), (.rename, ENOSPC),
    ])
    func aRequestEndsAsItShouldWhicheverOperationFailsOnce(operation: FailingDisk.Operation, error: Int32) throws {
        let daemon = try start()
        var caller = Caller(scene.socket)
        var number = 0
        repeat {
            number += 1
            disk.fail([operation], number: number, error: error)
            let prompt = "\(operation) \(error) \(number)"
            let told = caller.generate(prompt, key: prompt, onePixel)
            let struck = disk.struckCount
            disk.heal()
            // One failure may refuse a request before it is sent, and costs nobody an image afterwards.
            switch told {
            case .result(let result): #expect(result.state == .done, "\(prompt): \(result)")
            case .error(let told):
                #expect(told.charged != .yes && told.charged != .unknown, "\(prompt): \(told)")
            case .accepted, .nothing: Issue.record("\(prompt): \(told)")
            }
            if struck == 0 { break }
        } while number < bound
        #expect(number > 1 && number < bound)
        try audit(
            caller, "\(operation) fails once with \(unsafe String(cString: strerror(error))), \(number - 1) places")
        #expect(daemon.process.isRunning)
    }

    @Test(
        .backs(.paidForOnceAndKept),
        arguments: [
            (FailingDisk.Operation.write, ENOSPC), (.fsync, EIO), (.open, EMFILE), (.rename, ENOSPC),
        ])
    func aRequestGoesOnWhenTheDiskIsThereAgain(operation: FailingDisk.Operation, error: Int32) throws {
        let daemon = try start()
        var caller = Caller(scene.socket)
        var number = 0
        repeat {
            number += 1
            disk.fail([operation], number: number, error: error, isLasting: true)
            let prompt = "\(operation) \(error) \(number) lasting"
            // Healed while the request is under way, or after its refusal.
            let healing = DispatchWorkItem { [disk] in disk.heal() }
            DispatchQueue.global().asyncAfter(deadline: .now() + .milliseconds(300), execute: healing)
            let told = caller.generate(prompt, key: prompt, onePixel)
            let struck = disk.struckCount
            healing.cancel()
            disk.heal()
            switch told {
            case .result(let result): #expect(result.state == .done, "\(prompt): \(result)")
            case .error(let told):
                #expect(told.charged != .yes && told.charged != .unknown, "\(prompt): \(told)")
                let again = caller.generate("\(prompt) again", key: "\(prompt) again", onePixel)
                guard case .result = again else { Issue.record("not healed: \(prompt): \(again)"); return }
            case .accepted, .nothing: Issue.record("\(prompt): \(told)")
            }
            if struck == 0 { break }
        } while number < bound
        #expect(number > 1 && number < bound)
        try audit(caller, "\(operation) fails for 0.3 s, \(number - 1) places")
        #expect(daemon.process.isRunning)
    }

    /// The final image is the third of its answer; the first file alone is open before the request goes out.
    @Test(.backs(.paidForOnceAndKept)) func anImageForWhichNoFileCanBeOpenedIsHeldUntilOneCan() throws {
        let daemon = try start()
        var caller = Caller(scene.socket)
        let prompt = #"drafts {sim:{"latencyMilliseconds":300,"answer":{"drafts":2}}}"#
        guard case .accepted(let job) = caller.generate(prompt, key: "drafts", #","wait":false"#) else {
            Issue.record("not accepted")
            return
        }
        while try scene.simulator.generations("drafts").isEmpty {}
        disk.fail([.open], number: 1, error: EMFILE, isLasting: true)
        while try scene.simulator.generations("drafts").first?["finished"] != .bool(true) {}
        while disk.struckCount < 2 {}
        disk.heal()
        guard case .result(let result) = caller.ask("job.wait", #"{"job":"\#(job)","delivery":"none"}"#) else {
            Issue.record("no answer")
            return
        }
        #expect(result.state == .done && result.images.count == 1, "\(result)")
        try audit(caller, "no file can be opened while an answer with drafts comes")
        #expect(daemon.process.isRunning)
    }

    @Test(.backs(.paidForOnceAndKept)) func nothingIsLostWhicheverOperationTheDaemonDiesBefore() throws {
        var caller = Caller(scene.socket)
        var number = 0
        var isReached = true
        while isReached, number < bound {
            number += 1
            let daemon = try start()
            disk.fail(FailingDisk.Operation.allCases, number: number, error: 0)
            let prompt = "killed before \(number)"
            _ = caller.generate(prompt, key: prompt, onePixel)
            isReached = disk.struckCount > 0
            disk.heal()
            if isReached { #expect(daemon.process.finish(within: .seconds(20)).wasKilled) } else { daemon.crash() }
            let next = try scene.start()
            _ = caller.generate(prompt, key: prompt, onePixel)
            caller.waitForAll()
            next.crash()
        }
        #expect(number > 10 && number < bound)
        try audit(caller, "killed before each file operation, \(number - 1) places")
        #expect(try scene.orphansOfTheNextRun() == [])
    }
}
