// Which connections were ended against their peers' will, and why, in the journal.

import LineSocket
import Logging

/// Logs dropped connections.
struct DropLog: Sendable {
    private struct Key: Hashable {
        let uid: UInt32
        let reason: LineServer.Dropped.Reason
    }

    private let throttle: Throttle<Key>
    private let logger: Logger

    init(logger: Logger, now: @escaping @Sendable () -> ContinuousClock.Instant = { .now }) {
        self.logger = logger
        throttle = Throttle(now: now)
    }

    func note(_ dropped: LineServer.Dropped) {
        guard let count = throttle.count(Key(uid: dropped.peer.uid, reason: dropped.reason)) else { return }
        logger.warning(
            "a connection was dropped: \(dropped.reason.rawValue)",
            metadata: ["peer.uid": "\(dropped.peer.uid)", "peer.pid": "\(dropped.peer.pid)", "count": "\(count)"])
    }
}
