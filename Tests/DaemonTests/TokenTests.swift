// Tokens instead of keys: the machine's own account, one refresh for everybody, a clock that is wrong.

import Foundation
import TestKit
import Testing
import Wire

@Suite(.serialized) struct TokenTests {
    private static func daemon(_ simulator: RunningSimulator) throws -> RunningDaemon {
        let directory = try TemporaryDirectory()
        try directory.makeDirectory("credentials")
        _ = try directory.write("credentials/account", try simulator.call("GET", "/service-account"))
        return try RunningDaemon(
            configuration: RunningDaemon.configuration(simulator)
                + simulator.project("cloud", route: "vertex", credential: "account", "max_concurrent = 8"),
            directory: directory)
    }

    private func tokens(_ simulator: RunningSimulator) throws -> Int {
        try simulator.requests().count { $0["path"] == .string("/token") }
    }

    private func answer(on socket: RawSocket) throws -> RawSocket.Reply {
        while true {
            let message = try socket.receiveMessage()
            if message["id"] != nil { return RawSocket.Reply(message: message) }
        }
    }

    @Test func theAccountOfTheMachineNeedsNoCredential() throws {
        let simulator = try RunningSimulator(["--plaintext"])
        let near = simulator.host.replacingOccurrences(of: "http://", with: "")
        let daemon = try RunningDaemon(
            configuration: """
                [[project]]
                name = "machine"
                route = "vertex"
                base_url = "\(simulator.host)"
                google_project = "simulator-project"
                credential_kind = "metadata_server"
                metadata_host = "\(near)"
                """, key: nil)
        let socket = try RawSocket(daemon.socket)
        let result = try socket.call(1, "image.generate", #"{"prompt":"p","delivery":"none"}"#).decode(JobResult.self)
        #expect(result.state == .done && result.route == "vertex" && result.project == "machine")
        let status = try socket.call(2, "server.status").decode(GetStatus.Result.self)
        #expect(status.ready && status.projects.map(\.key) == [.ok])
    }

    @Test func whereNoMetadataServerAnswersTheJobFailsAndNothingIsCharged() throws {
        let simulator = try RunningSimulator()
        let daemon = try RunningDaemon(
            configuration: """
                [[project]]
                name = "machine"
                route = "vertex"
                base_url = "\(simulator.host)"
                ca_file = "\(simulator.caFile)"
                google_project = "simulator-project"
                credential_kind = "metadata_server"
                metadata_host = "127.0.0.1:1"
                """, key: nil)
        let error = try #require(
            try RawSocket(daemon.socket).call(1, "image.generate", #"{"prompt":"p","delivery":"none"}"#).error)
        #expect(error.kind == .upstreamUnavailable && error.charged == .no, "\(error)")
        #expect(try simulator.spending() == [])
    }

    @Test func oneTokenServesAllWhoAskAtOnce() throws {
        let simulator = try RunningSimulator()
        let daemon = try Self.daemon(simulator)
        let sockets = try (0..<8).map { _ in try RawSocket(daemon.socket) }
        for socket in sockets {
            try socket.send(
                #"{"jsonrpc":"2.0","id":1,"method":"image.generate","params":{"#
                    + #""prompt":"p","project":"cloud","delivery":"none"}}"#)
        }
        for socket in sockets {
            #expect(try answer(on: socket).decode(JobResult.self).state == .done)
        }
        #expect(try tokens(simulator) == 1)
    }

    @Test func aTokenThatWasRevokedIsReplacedOnceAndTheCallIsAnswered() throws {
        let simulator = try RunningSimulator()
        let daemon = try Self.daemon(simulator)
        let socket = try RawSocket(daemon.socket)
        let params = #"{"prompt":"p","project":"cloud","delivery":"none"}"#
        _ = try socket.call(1, "image.generate", params).decode(JobResult.self)
        _ = try simulator.call("DELETE", "/tokens")
        let second = try socket.call(2, "image.generate", params).decode(JobResult.self)
        #expect(second.state == .done && second.attempts == 1)
        #expect(try tokens(simulator) == 2)
    }

    @Test func aWrongClockIsToldApartFromAWrongKey() throws {
        let simulator = try RunningSimulator()
        _ = try simulator.call("POST", "/clock", body: #"{"scale":1,"jumpSeconds":7200}"#)
        let daemon = try Self.daemon(simulator)
        let error = try #require(
            try RawSocket(daemon.socket).call(
                1, "image.generate", #"{"prompt":"p","project":"cloud","delivery":"none"}"#
            ).error)
        #expect(error.message.contains("clock is 120 minutes behind"), "\(error)")
        #expect(error.hint?.contains("timedatectl") == true && error.charged == .no)
        #expect(try simulator.spending() == [])
    }
}
