// The time that tokens live by, so that a test can be the clock.

import Glibc

/// The two clocks that tokens need, and a way to wait.
package struct TokenClock: Sendable {
    /// Seconds since 1970 by this host's clock, for assertions; it may be wrong.
    package var wall: @Sendable () -> Int
    /// A clock that only goes forwards, for expiry.
    package var elapsed: @Sendable () -> Duration
    /// Waits between attempts; throws when the task is cancelled.
    package var sleep: @Sendable (Duration) async throws -> Void

    package init(
        wall: @escaping @Sendable () -> Int, elapsed: @escaping @Sendable () -> Duration,
        sleep: @escaping @Sendable (Duration) async throws -> Void
    ) {
        self.wall = wall
        self.elapsed = elapsed
        self.sleep = sleep
    }

    /// The machine's clocks.
    package static func system() -> TokenClock {
        let origin = ContinuousClock.now
        return TokenClock(
            wall: { Int(time(nil)) }, elapsed: { ContinuousClock.now - origin },
            sleep: { try await Task.sleep(for: $0) })
    }
}
