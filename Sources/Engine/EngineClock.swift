// The engine's time, so that a test can be its own clock.

package import Wire

import Glibc

/// What the engine knows of time.
package protocol EngineClock: Sendable {
    /// The wall clock, for rows, deadlines and gates.
    func now() -> Timestamp
    /// A clock that only goes forwards, for measuring.
    func elapsed() -> Duration
    /// Returns at this time or when the task is cancelled; maybe before, so the caller looks again.
    func sleep(until time: Timestamp) async
}

/// The machine's clocks.
package struct SystemClock: EngineClock {
    private let origin = ContinuousClock.now

    package init() {}

    package func now() -> Timestamp {
        var time = timespec()
        _ = unsafe clock_gettime(CLOCK_REALTIME, &time)
        return Timestamp(milliseconds: Int64(time.tv_sec) * 1000 + Int64(time.tv_nsec) / 1_000_000)
    }

    package func elapsed() -> Duration { ContinuousClock.now - origin }

    package func sleep(until time: Timestamp) async {
        // At most a minute at a time: the wall clock may be set meanwhile, and nothing tells a process so without a
        // timerfd of its own.
        let rest = min(60_000, time.milliseconds - now().milliseconds)
        guard rest > 0 else { return }
        try? await Task.sleep(for: .milliseconds(rest))
    }
}
