// The corners of a request's shape at the built daemon: ids, nesting, names (protocol section 1 and 2).

import Foundation
import TestKit
import Testing
import Wire

@Suite(.serialized) struct RequestShapeTests {
    private let simulator: RunningSimulator
    private let daemon: RunningDaemon

    init() throws {
        simulator = try RunningSimulator()
        daemon = try RunningDaemon(configuration: RunningDaemon.configuration(simulator))
    }

    private func error(_ message: [String: JSONValue]) -> WireError? {
        message["error"].flatMap { try? WireJSON.decode(WireError.self, from: WireJSON.encode($0)) }
    }

    @Test func anIDThatIsInFlightIsRefusedUnderItselfAndTheFirstIsStillAnswered() throws {
        try simulator.addRule(#"{"match":{"prompt":"slow"},"do":{"latencyMilliseconds":1000}}"#)
        let socket = try RawSocket(daemon.socket)
        try socket.send(
            #"{"jsonrpc":"2.0","id":"x","method":"image.generate","params":{"prompt":"slow","delivery":"none"}}"#)
        #expect(try socket.receiveMessage()["method"] == .string("job.event"))
        try socket.send(#"{"jsonrpc":"2.0","id":"x","method":"server.hello"}"#)
        var refusal = try socket.receiveMessage()
        while refusal["id"] == nil { refusal = try socket.receiveMessage() }
        #expect(refusal["id"] == .string("x") && error(refusal)?.kind == .invalidRequest, "\(refusal)")
        var answer = try socket.receiveMessage()
        while answer["id"] == nil { answer = try socket.receiveMessage() }
        #expect(answer["id"] == .string("x") && answer["result"] != nil, "\(answer)")
        // Answered, it is free again.
        try socket.send(#"{"jsonrpc":"2.0","id":"x","method":"server.hello"}"#)
        #expect(try socket.receiveMessage()["result"] != nil)
    }

    @Test(arguments: [
        "1", "-1", "0", "9223372036854775807", "-9223372036854775808", "1.0", "1e0", #""""#, #""1""#,
        #""\u0000\"é""#, "\"\(String(repeating: "x", count: 100_000))\"",
    ])
    func anyStringOrIntegerIsAnIDAndComesBackAsItWas(id: String) throws {
        let socket = try RawSocket(daemon.socket)
        try socket.send(#"{"jsonrpc":"2.0","id":\#(id),"method":"server.hello"}"#)
        let answer = try socket.receiveMessage()
        #expect(try answer["id"] == WireJSON.decode(JSONValue.self, from: Array(id.utf8)))
        #expect(answer["result"] != nil)
    }

    /// A number is what it is worth, however it is written; what no integer of 64 bits is worth is no id.
    @Test(arguments: ["9223372036854775808", "1.5", "1e300", "0.1e0"])
    func aNumberThatIsNoIntegerIsNoID(id: String) throws {
        let socket = try RawSocket(daemon.socket)
        try socket.send(#"{"jsonrpc":"2.0","id":\#(id),"method":"server.hello"}"#)
        let answer = try socket.receiveMessage()
        #expect(answer["id"] == .null && error(answer)?.kind == .invalidRequest, "\(answer)")
    }

    @Test func aRequestOfTooManyValuesIsAnsweredUnderItsID() throws {
        let socket = try RawSocket(daemon.socket)
        let values = Array(repeating: "1", count: 20_002).joined(separator: ",")
        let rest = #""jsonrpc":"2.0","method":"server.hello","params":{"client":{"a":[\#(values)]}}"#
        try socket.send(#"{"id":"x",\#(rest)}"#)
        let answer = try socket.receiveMessage()
        #expect(answer["id"] == .string("x") && error(answer)?.kind == .tooLarge, "\(answer)")
        // Without an id it is a notification, and what is no JSON has none.
        try socket.send("{\(rest)}")
        try socket.send("[\(values)")
        let second = try socket.receiveMessage()
        #expect(second["id"] == .null && error(second)?.kind == .parseError, "\(second)")
    }

    @Test func theNumberOneAndTheTextOneAreTwoIDs() throws {
        try simulator.addRule(#"{"match":{"prompt":"slow"},"do":{"latencyMilliseconds":1000}}"#)
        let socket = try RawSocket(daemon.socket)
        try socket.send(
            #"{"jsonrpc":"2.0","id":1,"method":"image.generate","params":{"prompt":"slow","delivery":"none"}}"#)
        _ = try socket.receiveMessage()
        try socket.send(#"{"jsonrpc":"2.0","id":"1","method":"server.hello"}"#)
        var answer = try socket.receiveMessage()
        while answer["id"] == nil { answer = try socket.receiveMessage() }
        #expect(answer["id"] == .string("1") && answer["result"] != nil, "\(answer)")
    }

    @Test func nestingTo64IsReadAndDeeperIsAParseErrorAndTheConnectionLivesOn() throws {
        let socket = try RawSocket(daemon.socket)
        // The message and its params are two levels.
        func line(depth: Int) -> String {
            let brackets = depth - 2
            let value = String(repeating: "[", count: brackets) + String(repeating: "]", count: brackets)
            return #"{"jsonrpc":"2.0","id":1,"method":"server.hello","params":{"client":\#(value)}}"#
        }
        try socket.send(line(depth: 64))
        let read = try socket.receiveMessage()
        #expect(read["id"] == .integer(1) && error(read)?.kind == .invalidParams && error(read)?.path == "client")
        for depth in [65, 1_000, 500_000] {
            try socket.send(line(depth: depth))
            let refused = try socket.receiveMessage()
            #expect(refused["id"] == .null && error(refused)?.kind == .parseError, "\(depth): \(refused)")
        }
        // Brackets within a string nest nothing.
        let text = String(repeating: "[{", count: 1_000)
        #expect(try socket.call(2, "server.hello", #"{"client":"\#(text)"}"#).error == nil)
    }

    @Test(arguments: [
        ("image.generate", #"{"prompt":"p","prioritty":"bulk"}"#, "prioritty", "priority"),
        ("job.get", #"{"job":"x","jobs":1}"#, "jobs", "job"),
        ("job.list", #"{"limits":1}"#, "limits", "limit"),
        (
            "artifact.open",
            #"{"sha256":"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa","deliver":"fd"}"#, "deliver",
            "delivery"
        ),
        ("server.hello", #"{"clients":"x"}"#, "clients", "client"),
    ])
    func anUnknownParameterIsNamedWithTheNearestKnownOne(
        method: String, params: String, path: String, nearest: String
    ) throws {
        let error = try #require(try RawSocket(daemon.socket).call(1, method, params).error)
        #expect(error.kind == .invalidParams && error.path == path, "\(error)")
        #expect("\(error.message) \(error.hint ?? "")".contains(nearest), "\(error)")
        #expect(try simulator.generations() == [])
    }

    @Test func aListIsPagedNewestFirstWithoutRepetition() throws {
        let socket = try RawSocket(daemon.socket)
        var made: [JobID] = []
        for id in 0..<7 {
            let params = #"{"prompt":"p\#(id)","imageSize":"512","label":"\#(id % 2)","delivery":"none"}"#
            made.append(try socket.call(id, "image.generate", params).decode(JobResult.self).job)
        }
        var listed: [JobID] = []
        var pages: [Int] = []
        var cursor: String?
        repeat {
            let params = #"{"limit":3\#(cursor.map { #","cursor":"\#($0)""# } ?? "")}"#
            let page = try socket.call(10, "job.list", params).decode(ListJobs.Result.self)
            listed += page.jobs.map(\.job)
            pages.append(page.jobs.count)
            cursor = page.cursor
        } while cursor != nil && pages.count < 9
        #expect(listed == made.reversed())
        #expect(pages == [3, 3, 1])
        let labelled = try socket.call(11, "job.list", #"{"label":"1"}"#).decode(ListJobs.Result.self)
        #expect(labelled.jobs.map(\.job) == [made[5], made[3], made[1]] && labelled.cursor == nil)
        #expect(try socket.call(12, "job.list", #"{"state":"failed"}"#).decode(ListJobs.Result.self).jobs == [])
    }
}
