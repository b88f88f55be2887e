// Who is asking, as the daemon tells it and as the configuration names it; and what is a uid's own.

import Foundation
import Glibc
import TestKit
import Testing
import Wire

@Suite(.serialized, .enabled(if: getuid() == 0, "NOT TESTED: only root can be two users")) struct CallerTests {
    private static let namedUID = 54_321
    private static let otherUID = 54_322

    private let simulator: RunningSimulator
    private let daemon: RunningDaemon

    init() throws {
        simulator = try RunningSimulator()
        daemon = try RunningDaemon(
            configuration: RunningDaemon.configuration(simulator, extra: "admin_users = [\"\(Self.namedUID)\"]"),
            arguments: ["--socket-mode", "0666"])
    }

    /// Asks as a user, and gives back the answer without the notifications before it.
    private func ask(
        as uid: Int, _ method: String, _ params: String = "{}", on socket: String? = nil
    ) throws -> RawSocket.Reply {
        let request = #"{"jsonrpc":"2.0","id":1,"method":"\#(method)","params":\#(params)}"#
        let program = #"""
            printf '%s\n' "$1" |
            setpriv --reuid="$3" --regid="$3" --clear-groups socat -t 60 - UNIX-CONNECT:"$2"
            """#
        let output = try ChildProcess.run(
            "/bin/sh", ["-c", program, "sh", request, socket ?? daemon.socket, "\(uid)"])
        let line = try #require(output.standardOutput.split(separator: "\n").last, "\(output)")
        return RawSocket.Reply(message: try WireJSON.decode([String: JSONValue].self, from: Array(line.utf8)))
    }

    @Test func helloTellsUserAndUnitOrNull() throws {
        let root = try RawSocket(daemon.socket).call(1, "server.hello").decode(Hello.Result.self).you
        #expect(root.uid == 0 && root.gid == 0 && root.user == "root" && root.roles == ["client"])
        let nameless = try ask(as: Self.namedUID, "server.hello")
        #expect(nameless.result?.contains("user", .null) == true)
        #expect(try nameless.decode(Hello.Result.self).you.uid == UInt32(Self.namedUID))
    }

    @Test func anAdminIsWhoTheConfigurationNamesAndOnlyOnTheAdminSocket() throws {
        #expect(try ask(as: Self.namedUID, "audit.head", on: daemon.adminSocket).error == nil)
        let you = try ask(as: Self.namedUID, "server.hello", on: daemon.adminSocket).decode(Hello.Result.self).you
        #expect(you.roles == ["client", "admin"])
        #expect(try ask(as: Self.namedUID, "audit.head").error?.kind == .notPermitted)
        #expect(try ask(as: Self.otherUID, "audit.head", on: daemon.adminSocket).error?.kind == .notPermitted)
        let other = try ask(as: Self.otherUID, "server.hello", on: daemon.adminSocket).decode(Hello.Result.self).you
        #expect(other.roles == ["client"])
    }

    @Test func aKeyAndAnEarlierResultAreAUsersOwn() throws {
        let params = #"{"prompt":"p","delivery":"none","idempotencyKey":"k"}"#
        let first = try ask(as: Self.namedUID, "image.generate", params).decode(JobResult.self)
        #expect(try ask(as: Self.namedUID, "image.generate", params).decode(JobResult.self).job == first.job)
        let only = #"{"prompt":"p","delivery":"none","reuse":"only"}"#
        #expect(try ask(as: Self.otherUID, "image.generate", only).error?.kind == .notFound)
        // Another request even, which would be a conflict under a key of one's own.
        let others = #"{"prompt":"other","delivery":"none","idempotencyKey":"k"}"#
        let second = try ask(as: Self.otherUID, "image.generate", others).decode(JobResult.self)
        #expect(second.job != first.job)
        #expect(try ask(as: Self.namedUID, "image.generate", only).decode(JobResult.self).reused)
        #expect(try simulator.spending().count == 2)
    }
}
