// Conversations through the real daemon: the simulator checks every signature that it issued.

import Foundation
import TestKit
import Testing
import Wire

@Suite(.serialized) struct ConversationTests {
    private let simulator: RunningSimulator
    private let daemon: RunningDaemon
    private let socket: RawSocket

    init() throws {
        simulator = try RunningSimulator()
        daemon = try RunningDaemon(configuration: RunningDaemon.configuration(simulator))
        socket = try RawSocket(daemon.socket)
    }

    private func ask(_ prompt: String, _ more: String = "") throws -> JobResult {
        try socket.call(1, "image.generate", #"{"prompt":"\#(prompt)","delivery":"none"\#(more)}"#)
            .decode(JobResult.self)
    }

    private func contents(_ prompt: String) throws -> [JSONValue] {
        let request = try #require(try simulator.generations().last { $0["prompt"] == .string(prompt) })
        guard case .array(let turns)? = RunningSimulator.member("contents", of: request) else { return [] }
        return turns
    }

    @Test func aTurnIsReplayedAndTheNextGoesOn() throws {
        let first = try ask("one")
        let second = try ask("two", #","continues":"\#(first.job.rawValue)""#)
        let third = try ask("three", #","continues":"\#(second.job.rawValue)""#)
        #expect([first, second, third].map(\.state) == [.done, .done, .done])
        #expect(third.continues == second.job && third.warnings == [])
        #expect(try contents("one").count == 1)
        #expect(try contents("two").count == 3)
        let turns = try contents("three")
        #expect(turns.count == 5)
        // Verbatim: the signature that the simulator issued is there, and it has taken it for its own.
        let text = String(decoding: WireJSON.encode(turns[1]), as: UTF8.self)
        #expect(text.contains("thoughtSignature"))
        #expect(text.contains(try #require(first.images.first).sha256))
    }

    /// A signature has hundreds of bytes that nobody pays for.
    @Test func theHoldOfATurnIsForItsTextAndItsImageAlone() throws {
        let first = try ask("one")
        func hold(_ more: String = "") throws -> Int {
            let price = try socket.call(7, "image.price", #"{"prompt":"two"\#(more)}"#).decode(PriceImage.Result.self)
            return Int((price.holdUSD * 1_000_000).rounded())
        }
        let more = try hold(#","continues":"\#(first.job.rawValue)""#) - hold()
        // At half a dollar a million: 1120 tokens of its image, the prompt, and a few words beside.
        #expect((560..<600).contains(more), "\(more)")
    }

    @Test func anEarlierJobCanBeBranchedFrom() throws {
        let first = try ask("root")
        _ = try ask("left", #","continues":"\#(first.job.rawValue)""#)
        let right = try ask("right", #","continues":"\#(first.job.rawValue)""#)
        #expect(right.state == .done)
        #expect(try contents("right").count == 3)
    }

    @Test func anotherModelStartsAfreshFromTheLastImageAndSaysSo() throws {
        let first = try ask("begin")
        let second = try ask("other model", #","model":"pro","continues":"\#(first.job.rawValue)""#)
        #expect(second.state == .done)
        #expect(second.warnings.map(\.code) == [.conversationRestarted])
        let turns = try contents("other model")
        #expect(turns.count == 1)
        let text = String(decoding: WireJSON.encode(turns), as: UTF8.self)
        #expect(text.contains(try #require(first.images.first).sha256))
        // Its own turn then goes on, with the image that it began from where it was.
        let third = try ask("go on", #","model":"pro","continues":"\#(second.job.rawValue)""#)
        #expect(third.state == .done && third.warnings == [])
        #expect(try contents("go on").count == 3)
        #expect(try contents("go on").first == turns.first)
    }

    @Test func aJobThatIsNotThereCannotBeContinued() throws {
        let error = try #require(
            try socket.call(1, "image.generate", #"{"prompt":"p","continues":"0123456789abcdefghjkmnpqrs"}"#).error)
        #expect(error.kind == .notFound)
        #expect(try simulator.spending() == [])
    }
}
