import Testing
import TestKit

@testable import Client

struct SocketPathTests {
    let directory: TemporaryDirectory

    init() throws { directory = try TemporaryDirectory() }

    private func resolve(_ given: String?, _ environment: [String: String]) -> String {
        SocketPath.resolve(given, environment: { environment[$0] })
    }

    @Test func whatWasGivenComesFirst() throws {
        _ = try directory.write("darkroom.sock", "")
        let environment = ["DARKROOM_SOCKET": "/from/environment", "XDG_RUNTIME_DIR": directory.path]
        #expect(resolve("/given", environment) == "/given")
        #expect(resolve("", environment) == "/from/environment")
        #expect(resolve(nil, environment) == "/from/environment")
    }

    @Test func theUsersOwnSocketIsTakenOnlyIfItIsThere() throws {
        let environment = ["DARKROOM_SOCKET": "", "XDG_RUNTIME_DIR": directory.path]
        #expect(resolve(nil, environment) == "/run/darkroom/darkroom.sock")
        _ = try directory.write("darkroom.sock", "")
        #expect(resolve(nil, environment) == directory.file("darkroom.sock"))
    }

    @Test func withoutAnyEnvironmentItIsTheServices() {
        #expect(resolve(nil, [:]) == "/run/darkroom/darkroom.sock")
    }
}
