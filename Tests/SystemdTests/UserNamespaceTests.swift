import FoundationEssentials
import Glibc
import Testing

@testable import Systemd

@Suite struct UserNamespaceTests {
    private func isIdentity(_ map: String) async throws -> Bool {
        try await withTemporaryDirectory { path in
            try Data(map.utf8).write(to: URL(filePath: "\(path)/uid_map"))
            return UserNamespace.isIdentity(mapAt: "\(path)/uid_map")
        }
    }

    @Test func theFullMapIsIdentity() async throws {
        #expect(try await isIdentity("         0          0 4294967295\n"))
    }

    @Test(arguments: [
        "", "         0     100000      65536\n", "     64000      64000          1\n",
        "0 0 65536\n0 65536 4294901759\n",
        "0 0 4294967295\n" + String(repeating: " ", count: 128),
    ])
    func everyOtherMapIsNot(map: String) async throws {
        #expect(try await !isIdentity(map))
    }

    @Test func aMapThatCannotBeReadIsNot() {
        #expect(!UserNamespace.isIdentity(mapAt: "/nonexistent"))
    }
}
