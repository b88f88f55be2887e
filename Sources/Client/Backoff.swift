// The time between two attempts to reach a daemon that is away.

import Glibc

/// Doubles each pause, so that a restart is met at once and a long absence costs nothing.
struct Backoff {
    private static let shortest: Duration = .milliseconds(20)
    private static let longest: Duration = .seconds(1)
    private var next = Backoff.shortest

    /// Starts from the shortest pause again: the daemon has given a sign of life.
    mutating func reset() { next = Self.shortest }

    /// Sleeps once.
    ///
    /// - Parameters:
    ///   - heartbeat: What it throws ends the waiting.
    ///   - end: The pause does not reach over it.
    /// - Throws: What the heartbeat throws.
    mutating func pause(_ heartbeat: Heartbeat?, until end: ContinuousClock.Instant) throws {
        // Half of it by chance: all the clients of a daemon lose it in the same instant.
        let wanted = next * Double.random(in: 0.5...1)
        next = min(next * 2, Self.longest)
        var rest = min(wanted, end - .now)
        while rest > .zero {
            try heartbeat?.action()
            let piece = min(rest, heartbeat?.interval ?? rest)
            // There is nothing to poll: the socket that this waits for is not there yet.
            usleep(UInt32(piece / .microseconds(1)))
            rest -= piece
        }
        try heartbeat?.action()
    }
}
