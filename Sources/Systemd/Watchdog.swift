// Life signs for systemd's watchdog, each backed by an answer that came through the daemon's real path. A timer that
// pings on its own proves only that the timer lives.

import Glibc

/// Pings the service manager for as long as a probe answers.
package struct Watchdog: Sendable {
    /// Half of `WATCHDOG_USEC`, as sd_watchdog_enabled(3) recommends.
    package let interval: Duration
    private let manager: ServiceManager

    /// Reads how often the service manager wants to hear from this process.
    ///
    /// - Returns: Nothing when no watchdog is set, or it is another process's (`WATCHDOG_PID`).
    package init?(_ environment: SystemdEnvironment, manager: ServiceManager) {
        guard let microseconds = environment.variables["WATCHDOG_USEC"].flatMap(Int64.init), microseconds > 1 else {
            return nil
        }
        if let process = environment.variables["WATCHDOG_PID"], Int32(process) != environment.processID { return nil }
        interval = .microseconds(microseconds / 2)
        self.manager = manager
    }

    /// Asks the probe once an interval, and pings when it says yes, until the task is cancelled.
    ///
    /// A probe that answers late or never is a ping that is not sent: systemd keeps the time, and nothing here can be
    /// fooled into sending one. Keep disk syncs off the probe's path: a slow disk is not a dead daemon.
    ///
    /// - Parameters:
    ///   - clock: `CLOCK_MONOTONIC`, which systemd counts in too.
    ///   - probe: Whether the daemon does its work; logs for itself when not.
    package func run<C: Clock>(
        clock: C = SuspendingClock(), probe: @Sendable () async -> Bool
    ) async where C.Duration == Duration {
        var next = clock.now
        while !Task.isCancelled {
            if await probe() {
                // A ping that could not be sent is a ping missed; the next follows, and systemd's count decides.
                try? manager.ping()
            }
            // A fixed rhythm: the time that the probe took is not added to the interval.
            next = max(next.advanced(by: interval), clock.now)
            guard (try? await clock.sleep(until: next, tolerance: nil)) != nil else { return }
        }
    }
}
