// Which connections were ended against their peers' will, and why, in the journal: who does it a thousand times a second
// gets one line in ten seconds, with the count.

import LineSocket
import Logging
import Synchronization

/// Logs dropped connections.
final class DropLog: Sendable {
    private struct Key: Hashable {
        let uid: UInt32
        let reason: LineServer.Dropped.Reason
    }

    private struct Tally {
        var next: ContinuousClock.Instant
        /// Since the last line.
        var count = 0
    }

    private static let interval = Duration.seconds(10)
    /// Most users and reasons that are told apart.
    private static let most = 1_000

    private let tallies = Mutex<[Key: Tally]>([:])
    private let now: @Sendable () -> ContinuousClock.Instant
    private let logger: Logger

    init(logger: Logger, now: @escaping @Sendable () -> ContinuousClock.Instant = { .now }) {
        self.logger = logger
        self.now = now
    }

    func note(_ dropped: LineServer.Dropped) {
        let key = Key(uid: dropped.peer.uid, reason: dropped.reason)
        let now = now()
        let count = tallies.withLock { tallies -> Int in
            if tallies.count >= Self.most { tallies = tallies.filter { $0.value.next > now } }
            var tally = tallies[key] ?? Tally(next: now)
            tally.count += 1
            guard tally.next <= now else {
                tallies[key] = tally
                return 0
            }
            tallies[key] = Tally(next: now + Self.interval)
            return tally.count
        }
        guard count > 0 else { return }
        logger.warning(
            "a connection was dropped: \(dropped.reason.rawValue)",
            metadata: ["peer.uid": "\(dropped.peer.uid)", "peer.pid": "\(dropped.peer.pid)", "count": "\(count)"])
    }
}
