import CAncillary
import Foundation
import LineSocket
import Testing
import TestKit

struct BoundSocketTests {
    private let directory: TemporaryDirectory
    private var path: String { directory.path + "/s" }

    init() throws {
        directory = try TemporaryDirectory()
    }

    private func mode(_ path: String) -> UInt32? {
        var status = stat()
        guard unsafe lstat(path, &status) == 0 else { return nil }
        return status.st_mode & 0o7777
    }

    @Test func theNodeHasTheModeThatWasAskedFor() throws {
        for wanted in [0o600, 0o660, 0o666] as [UInt32] {
            let socket = try BoundSocket(path: path, mode: wanted)
            #expect(mode(path) == wanted)
            withExtendedLifetime(socket) {}
        }
    }

    @Test func aSocketIsRemovedWithItsOwnerAndTheLockFileIsNot() throws {
        do {
            let socket = try BoundSocket(path: path)
            #expect(FileManager.default.fileExists(atPath: socket.path))
        }
        #expect(try FileManager.default.contentsOfDirectory(atPath: directory.path) == ["s.lock"])
    }

    @Test func aSecondDaemonIsToldWhoseTheSocketIs() throws {
        let first = try BoundSocket(path: path)
        #expect(throws: BoundSocketError.inUse(pid: getpid())) { try BoundSocket(path: path) }
        let channel = try LineChannel(path)
        #expect(try channel.peer.pid == getpid())
        withExtendedLifetime(first) {}
    }

    @Test func aListenerWithoutALockFileIsLeftAlone() throws {
        let socket = OwnedDescriptor(taking: ca_socket())
        #expect(unsafe ca_bind(socket.rawValue, path) == 0)
        #expect(listen(socket.rawValue, 1) == 0)
        #expect(throws: BoundSocketError.inUse(pid: getpid())) { try BoundSocket(path: path) }
        #expect(FileManager.default.fileExists(atPath: path))
    }

    @Test func aStaleSocketIsReplaced() throws {
        do {
            let stale = OwnedDescriptor(taking: ca_socket())
            #expect(unsafe ca_bind(stale.rawValue, path) == 0)
        }
        #expect(throws: LineChannelError.refused) { try LineChannel(path) }
        let socket = try BoundSocket(path: path)
        _ = try LineChannel(path)
        withExtendedLifetime(socket) {}
    }

    @Test func whatIsNoSocketIsLeftAlone() throws {
        try Data("precious".utf8).write(to: URL(fileURLWithPath: path))
        #expect(throws: BoundSocketError.notASocket) { try BoundSocket(path: path) }
        #expect(try String(contentsOfFile: path, encoding: .utf8) == "precious")
    }

    @Test func aSocketThatReplacedOursIsNotRemoved() throws {
        do {
            let ours = try BoundSocket(path: path)
            try FileManager.default.removeItem(atPath: path)
            try Data().write(to: URL(fileURLWithPath: path))
            withExtendedLifetime(ours) {}
        }
        #expect(FileManager.default.fileExists(atPath: path))
    }

    @Test func aPathThatIsTooLongIsRefusedWithItsLength() throws {
        let longest = directory.path + "/" + String(repeating: "a", count: 106 - directory.path.utf8.count)
        _ = try BoundSocket(path: longest)
        #expect(throws: BoundSocketError.pathTooLong(byteCount: 108)) { try BoundSocket(path: longest + "a") }
    }
}
