import CAncillary
import Foundation
import LineSocket
import Testing
import TestKit

struct PeerTests {
    @Test func thePeerOfAPairIsThisProcess() throws {
        let (first, _) = try makePair()
        let peer = try Peer(of: first)
        #expect(peer.uid == getuid())
        #expect(peer.gid == getgid())
        #expect(peer.pid == getpid())
    }

    @Test func whatIsNoSocketHasNoPeer() throws {
        let file = try makeFile("")
        #expect(throws: PeerError.unreadable(SystemError("SO_PEERCRED", ENOTSOCK))) { try Peer(of: file) }
    }

    @Test func aSocketThatIsNotConnectedHasNoPeer() throws {
        let socket = OwnedDescriptor(taking: ca_socket())
        #expect(throws: PeerError.nobody(uid: .max)) { try Peer(of: socket) }
    }

    /// The name of a peer's own socket is the peer's to choose (CVE-2019-7304).
    @Test(.enabled(if: getuid() == 0, "only root can become another user"))
    func anotherUserIsToldByTheKernelWhateverItsSocketIsCalled() async throws {
        let own = "/tmp/ls-\(UInt32.random(in: 0 ... .max));uid=0;"
        let answer = try await withServer(mode: 0o666, Self.describe) { running in
            try await onOwnThread {
                try ChildProcess.python(Self.asAnotherUser, running.path, own, "4000000000", "23456", "100,200")
            }
        }
        #expect(answer == "4000000000 23456 [100, 200] api\n")
    }

    @Test(.enabled(if: getuid() == 0, "only root can become another user"))
    func manyGroupsAreAllTold() async throws {
        let groups = (1...300).map { UInt32($0 + 5_000) }
        let answer = try await withServer(mode: 0o666, Self.describe) { running in
            try await onOwnThread {
                try ChildProcess.python(
                    Self.asAnotherUser, running.path, "", "12345", "23456",
                    groups.map(String.init).joined(separator: ","))
            }
        }
        #expect(answer == "12345 23456 \(groups) api\n")
    }

    @Test(.enabled(if: getuid() == 0, "only root can become another user"))
    func nobodyIsClosedWithoutAWord() async throws {
        try await withServer(mode: 0o666, Self.describe) { running in
            let answer = try await onOwnThread {
                try ChildProcess.python(Self.asAnotherUser, running.path, "", "65534", "65534", "65534")
            }
            #expect(answer == "")
            #expect(await running.server.counters.unidentified == 1)
        }
    }

    @Sendable private static func describe(_ line: Line, _ connection: LineConnection) async {
        let peer = connection.peer
        let text = "\(peer.uid) \(peer.gid) \(peer.groups) \(connection.listener)"
        await connection.send(OutboundLine(Array(text.utf8)))
    }

    private static let asAnotherUser = """
        import os, socket, sys
        path, own, uid, gid, groups = sys.argv[1:]
        os.setgroups([int(group) for group in groups.split(",")])
        os.setgid(int(gid))
        os.setuid(int(uid))
        s = socket.socket(socket.AF_UNIX)
        if own: s.bind(own)
        s.connect(path)
        if own: os.unlink(own)
        try:
            s.sendall(b"who am I\\n")
            s.shutdown(socket.SHUT_WR)
            print(s.makefile().read(), end="")
        except (BrokenPipeError, ConnectionResetError):
            pass
        """
}
