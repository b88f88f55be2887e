// Which connections were ended against their peers' will, and why, in the journal. Each reason has its MESSAGE_ID, under
// which systemd/darkroom.catalog explains it to an admin; a test holds the two together.

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
            metadata: [
                "MESSAGE_ID": "\(dropped.reason.messageID)", "peer.uid": "\(dropped.peer.uid)",
                "peer.pid": "\(dropped.peer.pid)", "count": "\(count)",
            ])
    }
}

extension LineServer.Dropped.Reason {
    /// 32 hexadecimal digits, as journald wants them.
    var messageID: String {
        switch self {
        case .tooManyConnections: "b1066969756949419d7414af79497f59"
        case .lineTooLong: "8f2ff088bdf74d9592a5de145bcefb81"
        case .lineTooSlow: "c1dcd2b9297d4f9088288f90b503a3bb"
        case .tooMuchUnfinished: "9df1c66cb8014444ab8c7b58e30d7f83"
        case .notReading: "47d74a1137ec46debc4d5d38dc678033"
        case .brokenBody: "cc10f7b5e309411f9b611e51b8d211a1"
        }
    }
}
