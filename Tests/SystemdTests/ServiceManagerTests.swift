import Glibc
import Testing

@testable import Systemd

@Suite(.timeLimit(.minutes(1))) struct ServiceManagerTests {
    private func connected(abstract isAbstract: Bool = false) throws -> (FakeServiceManager, ServiceManager) {
        let fake = try FakeServiceManager(abstract: isAbstract)
        return (fake, try ServiceManager(SystemdEnvironment(["NOTIFY_SOCKET": fake.address])))
    }

    @Test(arguments: [false, true])
    func aWholeLifeIsToldInOrder(isAbstract: Bool) throws {
        let (fake, manager) = try connected(abstract: isAbstract)
        try manager.extendTimeout(by: .milliseconds(2500))
        try manager.ready(status: "serving 0/8")
        try manager.ping()
        try manager.stopping()
        #expect(
            fake.transcript() == [
                "EXTEND_TIMEOUT_USEC=2500000",
                "READY=1\nSTATUS=serving 0/8",
                "WATCHDOG=1",
                "STOPPING=1",
            ])
    }

    @Test func aReloadIsOneDatagramWithTheTime() throws {
        let (fake, manager) = try connected()
        let before = Self.monotonicMicroseconds()
        try manager.reloading()
        let after = Self.monotonicMicroseconds()
        let messages = fake.transcript()
        #expect(messages.count == 1)
        let lines = messages.first?.split(separator: "\n") ?? []
        #expect(lines.count == 2 && lines.first == "RELOADING=1")
        let told = try #require(lines.last?.split(separator: "=").last.flatMap { Int($0) })
        #expect((before...after).contains(told))
        #expect(lines.last == "MONOTONIC_USEC=\(told)")
    }

    private static func monotonicMicroseconds() -> Int {
        var now = timespec()
        unsafe clock_gettime(CLOCK_MONOTONIC, &now)
        return now.tv_sec * 1_000_000 + now.tv_nsec / 1_000
    }

    @Test func aStatusIsOneShortLine() throws {
        let (fake, manager) = try connected()
        try manager.ready(status: "a\nREADY=0\r\u{85}b")
        try manager.ready(status: String(repeating: "é", count: 300))
        #expect(
            fake.transcript() == [
                "READY=1\nSTATUS=a READY=0  b",
                "READY=1\nSTATUS=" + String(repeating: "é", count: 199),
            ])
    }

    @Test func withinOneSecondOnlyTheNewestStatusIsSent() async throws {
        let (fake, manager) = try connected()
        let clock = ManualClock()
        await withTaskGroup { group in
            group.addTask { await manager.sendStatus(clock: clock) }
            manager.status("queued 1")
            await clock.someoneSleeps()
            #expect(fake.transcript() == ["STATUS=queued 1"])

            manager.status("queued 2")
            manager.status("queued 3")
            clock.advance(by: .milliseconds(999))
            #expect(fake.transcript() == [])

            clock.advance(by: .milliseconds(1))
            await clock.someoneSleeps()
            #expect(fake.transcript() == ["STATUS=queued 3"])
            group.cancelAll()
        }
    }

    @Test func aStatusThatIsAlreadyShownIsNotSentAgain() async throws {
        let (fake, manager) = try connected()
        let clock = ManualClock()
        await withTaskGroup { group in
            group.addTask { await manager.sendStatus(clock: clock) }
            for line in ["idle", "idle", "busy"] {
                manager.status(line)
                await clock.someoneSleeps()
                clock.advance(by: .seconds(1))
            }
            group.cancelAll()
        }
        #expect(fake.transcript() == ["STATUS=idle", "STATUS=busy"])
    }

    @Test func withoutAServiceManagerEverythingSucceeds() throws {
        let manager = try ServiceManager(SystemdEnvironment([:]))
        try manager.ready(status: "serving")
        try manager.reloading()
        try manager.stopping()
    }

    @Test(arguments: ["vsock:2:1234", "relative", "", "@", "/" + String(repeating: "a", count: 107)])
    func anAddressThatIsNoneIsRefused(address: String) {
        #expect(throws: NotifyError.unsupportedAddress(address)) {
            try ServiceManager(SystemdEnvironment(["NOTIFY_SOCKET": address]))
        }
    }

    @Test func aManagerThatIsGoneIsAnError() throws {
        let manager = try ServiceManager(SystemdEnvironment(["NOTIFY_SOCKET": "/nonexistent/notify"]))
        let error = #expect(throws: NotifyError.self) { try manager.ready() }
        #expect(error == .failed(errno: ENOENT))
        #expect(error?.description == "cannot notify the service manager: No such file or directory")
    }
}
