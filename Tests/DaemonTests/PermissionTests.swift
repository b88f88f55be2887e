// Each method that the rules decide asks them, and a denial is on record; through the built daemon.

import Foundation
import TestKit
import Testing
import Wire

@Suite(.serialized) struct PermissionTests {
    /// A rule for somebody else, so that whoever asks here is denied.
    private static let forAnother = "[[rule]]\nuser = \"54321\"\n"

    private func denials(_ daemon: RunningDaemon) throws -> String {
        try ChildProcess.python(
            """
            import json, sqlite3, sys
            for uid, socket, model, details in sqlite3.connect(sys.argv[1]).execute(
                    "SELECT uid, socket, model, details FROM audit WHERE event = 'denied' ORDER BY sequence"):
                print(uid, socket, model, json.loads(details)["kind"])
            """, daemon.directory.file("state/darkroom.sqlite"))
    }

    @Test(arguments: [
        ("image.generate", #"{"prompt":"p"}"#), ("image.price", #"{"prompt":"p"}"#), ("server.diagnose", "{}"),
    ])
    func whoNoRuleLetsAskIsNotAnswered(method: String, params: String) throws {
        let daemon = try RunningDaemon(
            configuration: """
                [[project]]
                name = "default"
                base_url = "https://127.0.0.1:1/v1beta"
                \(Self.forAnother)
                """, key: nil)
        let error = try RawSocket(daemon.socket).call(1, method, params).error
        #expect(error?.kind == .notPermitted && error?.message == "no rule lets you ask for images", "\(method)")
    }

    @Test func aDenialIsOnRecordWhenItIsTold() throws {
        let daemon = try RunningDaemon(configuration: Self.forAnother, key: nil)
        let error = try RawSocket(daemon.socket).call(1, "image.generate", #"{"prompt":"p","model":"lite"}"#).error
        #expect(error?.kind == .notPermitted)
        #expect(try denials(daemon) == "\(getuid()) api gemini-3.1-flash-lite-image not_permitted\n")
    }

    @Test func whatWasAllowedThenIsAskedOfTheRulesOfNowWhenItIsRetried() throws {
        let simulator = try RunningSimulator()
        let daemon = try RunningDaemon(configuration: RunningDaemon.configuration(simulator))
        let socket = try RawSocket(daemon.socket)
        let made = try socket.call(1, "image.generate", #"{"prompt":"p","delivery":"none"}"#).decode(JobResult.self)
        _ = try daemon.directory.write(
            "darkroom.toml", RunningDaemon.configuration(simulator, project: Self.forAnother), mode: 0o644)
        #expect(try RawSocket(daemon.adminSocket).call(2, "server.reload").error == nil)
        let error = try socket.call(3, "job.retry", #"{"job":"\#(made.job)","delivery":"none"}"#).error
        #expect(error?.kind == .notPermitted)
        #expect(try simulator.generations("").count == 1)
        #expect(try denials(daemon) == "\(getuid()) api None not_permitted\n")
    }

    /// The socket's mode keeps others out; this is what they would meet behind it.
    @Test(.enabled(if: getuid() == 0, "NOT TESTED: only root can be two users"))
    func onTheAdminSocketOnlyRootAndTheUsersOfTheFileAreAdmins() throws {
        let daemon = try RunningDaemon(configuration: "admin_users = [\"54321\"]\n", key: nil)
        try FileManager.default.setAttributes([.posixPermissions: 0o666], ofItemAtPath: daemon.adminSocket)
        func ask(as uid: Int) throws -> String {
            let program = #"""
                printf '{"jsonrpc":"2.0","id":1,"method":"audit.head"}\n' |
                setpriv --reuid="$1" --regid="$1" --clear-groups socat -t 60 - UNIX-CONNECT:"$2"
                """#
            return try ChildProcess.run("/bin/sh", ["-c", program, "sh", "\(uid)", daemon.adminSocket]).standardOutput
        }
        #expect(try ask(as: 54_321).contains(#""result":{"hash":"#))
        #expect(try ask(as: 54_322).contains("audit.head is an admin's method"))
    }
}
