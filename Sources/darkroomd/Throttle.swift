// Who does the same a thousand times a second is written down once in ten seconds, with the count.

import Synchronization

/// Counts by key, and says when it is time to tell.
final class Throttle<Key: Hashable & Sendable>: Sendable {
    private struct Tally {
        var next: ContinuousClock.Instant
        /// Since it was last told.
        var count = 0
    }

    private let interval = Duration.seconds(10)
    /// Most keys that are told apart.
    private let most = 1_000

    private let tallies = Mutex<[Key: Tally]>([:])
    private let now: @Sendable () -> ContinuousClock.Instant

    init(now: @escaping @Sendable () -> ContinuousClock.Instant = { .now }) { self.now = now }

    /// Counts one more.
    ///
    /// - Returns: How many there were since it was last told, this one included; nothing when it is too early to tell.
    func count(_ key: Key) -> Int? {
        let now = now()
        return tallies.withLock { tallies in
            if tallies.count >= most { tallies = tallies.filter { $0.value.next > now } }
            var tally = tallies[key] ?? Tally(next: now)
            tally.count += 1
            guard tally.next <= now else {
                tallies[key] = tally
                return nil
            }
            tallies[key] = Tally(next: now + interval)
            return tally.count
        }
    }
}
