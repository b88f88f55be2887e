import Glibc
import Testing

@testable import Systemd

@Suite struct SystemdEnvironmentTests {
    @Test func whatNoChildMayInheritIsGoneAfterReading() {
        // The test process may itself be a service, so what it had is put back.
        let before = Dictionary(
            uniqueKeysWithValues: SystemdEnvironment.taken.compactMap { name in
                unsafe getenv(name).map { (name, unsafe String(cString: $0)) }
            })
        let given = Dictionary(uniqueKeysWithValues: SystemdEnvironment.taken.map { ($0, "value of \($0)") })
        for (name, value) in given { unsafe setenv(name, value, 1) }
        let environment = SystemdEnvironment.take()
        let left = SystemdEnvironment.taken.filter { unsafe getenv($0) != nil }
        for (name, value) in before { unsafe setenv(name, value, 1) }
        #expect(environment.variables.filter { SystemdEnvironment.taken.contains($0.key) } == given)
        #expect(left == [])
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
