import Glibc
import Testing

@testable import Systemd

@Suite struct SystemdEnvironmentTests {
    /// In a process of its own: the environment of this one is that of every test beside it.
    @Test func whatNoChildMayInheritIsGoneAfterReading() async {
        await #expect(processExitsWith: .success) {
            let given = Dictionary(
                uniqueKeysWithValues: (SystemdEnvironment.taken + SystemdEnvironment.left).map {
                    ($0, "value of \($0)")
                })
            for (name, value) in given { unsafe setenv(name, value, 1) }
            let environment = SystemdEnvironment.take()
            #expect(environment.variables == given)
            #expect(SystemdEnvironment.taken.filter { unsafe getenv($0) != nil } == [])
        }
    }

    @Test func variablesThatSystemdDoesNotSetAreNotKept() {
        let environment = SystemdEnvironment(["PATH": "/bin", "GEMINI_API_KEY": "k", "STATE_DIRECTORY": "/var/lib/a"])
        #expect(environment.variables == ["STATE_DIRECTORY": "/var/lib/a"])
    }

    @Test func theFirstStateDirectoryIsOurs() {
        #expect(SystemdEnvironment(["STATE_DIRECTORY": "/var/lib/a:/var/lib/b"]).stateDirectory == "/var/lib/a")
        #expect(SystemdEnvironment(["STATE_DIRECTORY": ""]).stateDirectory == nil)
    }

    @Test func onlyANotifySocketMakesAService() {
        #expect(SystemdEnvironment(["NOTIFY_SOCKET": "/run/systemd/notify"]).isService)
        #expect(!SystemdEnvironment(["JOURNAL_STREAM": "8:1"]).isService)
    }
}
