// The crash matrix for jobs that are more than one call with one image: drafts, several calls, a conversation.

import Foundation
import GRDB
import Store
import TestKit
import Testing
import Wire

@Suite(.serialized) struct CompoundFaultTests {
    private let simulator: RunningSimulator

    init() throws { simulator = try RunningSimulator() }

    private static let points: [FaultPoint] = [
        .admissionAfterCommit, .requestWritten, .receiptAfter, .artifactAfterRename, .finishBeforeCommit,
    ]

    /// From the receipt on an image is known to have come.
    private static func hasTheImages(_ point: FaultPoint) -> Bool {
        [.receiptAfter, .artifactAfterRename, .finishBeforeCommit].contains(point)
    }

    @Test(.backs(.paidForOnceAndKept), arguments: points)
    func aDraftIsKeptBesideItsImageWhereverTheDaemonEnds(point: FaultPoint) throws {
        let prompt = #"\#(point) {sim:{"answer":{"drafts":2}}}"#
        let (books, scene) = try live(until: point, prompt)
        let kinds = try scene.edit { try String.fetchAll($0, sql: "SELECT kind FROM artifact ORDER BY position") }
        #expect(books.states == [Self.hasTheImages(point) ? "done" : "unknown": 1])
        #expect(kinds == (Self.hasTheImages(point) ? ["draft", "draft", "final"] : []))
    }

    @Test(.backs(.paidForOnceAndKept), arguments: points)
    func ofSeveralCallsNoneIsLostOrDoubledWhereverTheDaemonEnds(point: FaultPoint) throws {
        let (books, _) = try live(until: point, "\(point) twice", #","count":2"#)
        // At least the one call whose image it was.
        if Self.hasTheImages(point) { #expect(books.states == ["done": 1]) }
    }

    @Test(.backs(.paidForOnceAndKept), arguments: [FaultPoint.receiptAfter, .finishBeforeCommit])
    func aTurnGoesOnAfterTheDaemonEnded(point: FaultPoint) throws {
        let scene = try Scene(simulator)
        var caller = Caller(scene.socket)
        let first = try scene.start()
        guard case .result(let base) = caller.generate("\(point) base", key: "base") else {
            Issue.record("no base")
            return
        }
        first.crash()
        let (books, _) = try live(until: point, "\(point) next", #","continues":"\#(base.job)""#, in: scene)
        #expect(books.states == ["done": 2])
        // What came back with the receipt can be gone on with: its turn is there.
        let turns = try scene.edit { try Int.fetchOne($0, sql: "SELECT count(*) FROM turn") }
        #expect(turns == 2)
    }

    /// Ends a daemon at a point, starts the next one, waits for the same job there, and audits.
    private func live(
        until point: FaultPoint, _ prompt: String, _ more: String = "", in scene: Scene? = nil
    ) throws -> (Books, Scene) {
        let scene = try scene ?? Scene(simulator)
        var caller = Caller(scene.socket)
        let daemon = try scene.start(point.rawValue)
        _ = caller.generate(prompt, key: prompt, more)
        #expect(daemon.process.finish(within: .seconds(20)).wasKilled, "\(point) was not reached")
        let next = try scene.start()
        _ = caller.generate(prompt, key: prompt, more)
        caller.waitForAll()
        let books = try Books(
            of: scene.state, calls: try simulator.calls(), accepted: caller.knowledge.accepted,
            answered: caller.knowledge.images)
        #expect(books.isClean, "\(point): \(books)")
        next.crash()
        return (books, scene)
    }
}
