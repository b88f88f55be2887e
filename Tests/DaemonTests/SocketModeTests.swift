// Who may connect to a socket that the daemon makes itself, from the moment in which it is there.

import Glibc
import TestKit
import Testing

@Suite(.serialized) struct SocketModeTests {
    private func mode(_ path: String) -> UInt32? {
        var status = stat()
        guard unsafe lstat(path, &status) == 0 else { return nil }
        return status.st_mode & 0o7777
    }

    @Test func aSocketIsForTheDaemonsOwnUserUnlessAnotherModeWasAskedFor() throws {
        let daemon = try RunningDaemon(configuration: nil, key: nil)
        #expect(mode(daemon.socket) == 0o600)
        let open = try RunningDaemon(configuration: nil, key: nil, arguments: ["--socket-mode", "0660"])
        #expect(mode(open.socket) == 0o660)
    }

    /// A chmod(2) that does nothing shows for good what another process could see for a moment before it.
    @Test func aSocketIsMadeWithItsModeAndNotGivenItAfterwards() throws {
        let directory = try TemporaryDirectory()
        let source = try directory.write(
            "chmod.c", "int chmod(const char *path, unsigned mode) { (void)path, (void)mode; return 0; }\n")
        let library = directory.file("chmod.so")
        let compiled = try ChildProcess.run("/usr/bin/env", ["cc", "-shared", "-fPIC", "-o", library, source])
        try #require(compiled.status == 0, "\(compiled.standardError)")
        let daemon = try RunningDaemon(configuration: nil, key: nil, environment: ["LD_PRELOAD": library])
        #expect(mode(daemon.socket) == 0o600)
    }
}
