// What is told while an exchange runs.

import NIOCore

package enum ExchangeEvent: Sendable, Equatable {
    /// Head and body of the request have been written.
    case sent
    /// Decoded bytes of images so far.
    case receiving(bytes: Int)
}

/// Lets at most four `receiving` a second through.
struct ProgressThrottle {
    static let interval = TimeAmount.milliseconds(250)

    private var last: NIODeadline?

    mutating func admits(at now: NIODeadline) -> Bool {
        if let last, now - last < Self.interval { return false }
        last = now
        return true
    }
}
