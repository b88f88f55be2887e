import Glibc
import Testing

@testable import Systemd

@Suite(.timeLimit(.minutes(1))) struct WatchdogTests {
    private func watched(process: String? = "\(getpid())") throws -> (FakeServiceManager, Watchdog?) {
        let fake = try FakeServiceManager()
        var variables = ["NOTIFY_SOCKET": fake.address, "WATCHDOG_USEC": "30000000"]
        variables["WATCHDOG_PID"] = process
        let environment = SystemdEnvironment(variables)
        return (fake, Watchdog(environment, manager: try ServiceManager(environment)))
    }

    @Test func itPingsTwiceAsOftenAsSystemdWaits() async throws {
        let (fake, found) = try watched()
        let watchdog = try #require(found)
        #expect(watchdog.interval == .seconds(15))
        let clock = ManualClock()
        await withTaskGroup { group in
            group.addTask { await watchdog.run(clock: clock) { true } }
            await clock.someoneSleeps()
            #expect(fake.transcript() == ["WATCHDOG=1"])
            clock.advance(by: .seconds(14))
            #expect(fake.transcript() == [])
            clock.advance(by: .seconds(1))
            await clock.someoneSleeps()
            #expect(fake.transcript() == ["WATCHDOG=1"])
            group.cancelAll()
        }
    }

    @Test func aProbeThatSaysNoIsNotPingedFor() async throws {
        let (fake, found) = try watched()
        let watchdog = try #require(found)
        let clock = ManualClock()
        await withTaskGroup { group in
            group.addTask { await watchdog.run(clock: clock) { clock.now > ManualClock.Instant() } }
            await clock.someoneSleeps()
            #expect(fake.transcript() == [])
            clock.advance(by: .seconds(15))
            await clock.someoneSleeps()
            #expect(fake.transcript() == ["WATCHDOG=1"])
            group.cancelAll()
        }
    }

    @Test func aProbeThatHangsIsNotPingedForHoweverLong() async throws {
        let (fake, found) = try watched()
        let watchdog = try #require(found)
        let clock = ManualClock()
        let probeClock = ManualClock()
        await withTaskGroup { group in
            group.addTask {
                await watchdog.run(clock: clock) { (try? await probeClock.sleep(for: .seconds(100))) != nil }
            }
            await probeClock.someoneSleeps()
            clock.advance(by: .seconds(60))
            #expect(fake.transcript() == [])
            probeClock.advance(by: .seconds(100))
            await probeClock.someoneSleeps()
            #expect(fake.transcript() == ["WATCHDOG=1"])
            group.cancelAll()
        }
    }

    @Test func theTimeOfTheProbeIsNotAddedToTheInterval() async throws {
        let (fake, found) = try watched()
        let watchdog = try #require(found)
        let clock = ManualClock()
        await withTaskGroup { group in
            group.addTask {
                await watchdog.run(clock: clock) {
                    clock.advance(by: .seconds(4))
                    return true
                }
            }
            await clock.someoneSleeps()
            _ = fake.transcript()
            clock.advance(by: .seconds(11))
            await clock.someoneSleeps()
            #expect(fake.transcript() == ["WATCHDOG=1"])
            group.cancelAll()
        }
    }

    @Test func anotherProcessesWatchdogIsNotOurs() throws {
        #expect(try watched(process: "1").1 == nil)
        #expect(try watched(process: nil).1 != nil)
    }

    @Test(arguments: [nil, "", "0", "soon"])
    func withoutATimeThereIsNoWatchdog(microseconds: String?) throws {
        var variables: [String: String] = [:]
        variables["WATCHDOG_USEC"] = microseconds
        let environment = SystemdEnvironment(variables)
        #expect(Watchdog(environment, manager: try ServiceManager(environment)) == nil)
    }
}
