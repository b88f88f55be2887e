// Many connections at the built daemon: ten thousand cost next to nothing, and one too many is told so.

import Foundation
import Glibc
import TestKit
import Testing
import Wire

@Suite(.serialized) struct CapacityTests {
    private static let connectionCount = 10_000

    /// Descriptors that this process, and so its children, may have at most.
    private static let descriptorLimit: UInt = {
        var limit = rlimit()
        guard unsafe getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 else { return 0 }
        return limit.rlim_max
    }()

    /// Holds connections, asks on every thousandth and on the last, tells how many were answered, and leaves with its
    /// input.
    private static let holder = """
        import json, resource, socket, sys
        hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
        held = []
        for _ in range(int(sys.argv[2])):
            s = socket.socket(socket.AF_UNIX)
            s.connect(sys.argv[1])
            held.append(s)
        def ask(s):
            s.sendall(b'{"jsonrpc":"2.0","id":1,"method":"server.hello"}\\n')
            return json.loads(s.makefile("rb").readline())["result"]["protocol"]
        print("answered", sum(ask(s) for s in held[::1000] + held[-1:]), flush=True)
        sys.stdin.read()
        """

    @Test(
        .enabled(
            if: CapacityTests.descriptorLimit >= UInt(CapacityTests.connectionCount) + 500,
            "NOT TESTED: 10,000 connections need a hard RLIMIT_NOFILE of 10,500"))
    func tenThousandIdleConnectionsAreHeldAndAnswered() throws {
        let daemon = try RunningDaemon(configuration: "[limits]\nmax_connections_per_user = 10100\n", key: nil)
        let other = try RawSocket(daemon.socket)
        _ = try other.call(1, "server.hello")
        let descriptorsBefore = try daemon.openDescriptorCount()
        let bytesBefore = try daemon.residentBytes()
        let holder = try ChildProcess(
            "/usr/bin/python3", ["-c", Self.holder, daemon.socket, "\(Self.connectionCount)"])
        let line = holder.readLine()
        #expect(line == "answered 11", "\(holder.standardErrorSoFar)")
        #expect(try daemon.openDescriptorCount() > Self.connectionCount)
        let each = (try daemon.residentBytes() - bytesBefore) / Self.connectionCount
        #expect(each < 4_096, "\(each) bytes for a connection")
        #expect(try other.call(2, "server.hello").error == nil)
        #expect(try RawSocket(daemon.socket).call(3, "server.hello").error == nil)
        #expect(holder.finish().status == 0)
        #expect(try daemon.settles(to: descriptorsBefore, calling: other))
    }

    /// What a connection over a cap gets: one line, and the end.
    private func expectRefusal(_ socket: RawSocket) throws {
        let line = #"""
            {"error":{"code":-32000,"data":{"hint":"close some, or try again later","kind":"queue_full",\#
            "retryable":true},"message":"there are too many connections"},"id":null,"jsonrpc":"2.0"}
            """#
        #expect(try socket.receive() == line)
        #expect(try socket.receive() == nil)
    }

    @Test func pastTheTotalCapAConnectionIsToldInOneLineAndClosed() throws {
        let daemon = try RunningDaemon(configuration: "[limits]\nmax_connections = 3\n", key: nil)
        var held = try (0..<3).map { _ in try RawSocket(daemon.socket) }
        for socket in held { #expect(try socket.call(1, "server.hello").error == nil) }
        let descriptors = try daemon.openDescriptorCount()
        for _ in 0..<20 { try expectRefusal(try RawSocket(daemon.socket)) }
        // An admin can look at a full house; sixteen can.
        let admins = try (0..<16).map { _ in try RawSocket(daemon.adminSocket) }
        for socket in admins { #expect(try socket.call(1, "server.hello").error == nil) }
        try expectRefusal(try RawSocket(daemon.adminSocket))
        try expectRefusal(try RawSocket(daemon.socket))
        for socket in admins { socket.close() }
        #expect(try daemon.settles(to: descriptors, calling: held[0]))
        held.removeLast().close()
        #expect(try daemon.settles(to: descriptors - 1, calling: held[0]))
        #expect(try RawSocket(daemon.socket).call(1, "server.hello").error == nil)
    }

    @Test(.enabled(if: getuid() == 0, "NOT TESTED: only root can be two users"))
    func pastTheCapOfOneUserAnotherUserIsServed() throws {
        let daemon = try RunningDaemon(
            configuration: "[limits]\nmax_connections_per_user = 2\n", key: nil, arguments: ["--socket-mode", "0666"])
        let held = try (0..<2).map { _ in try RawSocket(daemon.socket) }
        for socket in held { #expect(try socket.call(1, "server.hello").error == nil) }
        try expectRefusal(try RawSocket(daemon.socket))
        #expect(try ask(as: 54_321, daemon) == "answered 2\n")
    }

    /// What a process of another user is answered on two connections.
    private func ask(as uid: UInt32, _ daemon: RunningDaemon) throws -> String {
        try ChildProcess.run(
            "/usr/bin/setpriv",
            [
                "--reuid=\(uid)", "--regid=\(uid)", "--clear-groups", "/usr/bin/python3", "-c", Self.holder,
                daemon.socket, "2",
            ]
        ).standardOutput
    }

    @Test(.enabled(if: getuid() == 0, "NOT TESTED: only root can be another user"))
    func theUserThatStandsForNobodyInParticularIsNotServed() throws {
        let daemon = try RunningDaemon(configuration: nil, key: nil, arguments: ["--socket-mode", "0666"])
        #expect(try ask(as: 54_321, daemon) == "answered 2\n")
        // A user namespace shows every uid that it does not map as 65534.
        #expect(try ask(as: 65_534, daemon) == "")
        #expect(try RawSocket(daemon.socket).call(1, "server.hello").error == nil)
    }
}
