// How long a call waits, and what it does meanwhile.

import Wire

/// Something to do while a call waits: draw the time, look for an interruption.
public struct Heartbeat {
    /// The longest time between two calls of `action`.
    public let interval: Duration
    /// What it throws ends the wait.
    public let action: () throws -> Void

    public init(every interval: Duration, _ action: @escaping () throws -> Void) {
        self.interval = interval
        self.action = action
    }
}

/// An answer: its result, the files that came beside it, and the line as it was.
public struct Received<Result: Sendable>: Sendable {
    public let result: Result
    /// What `fd` in the result counts from 0.
    public let files: [ReceivedFile]
    /// The whole JSON-RPC answer, with what a later daemon may have added; without LF.
    public let line: [UInt8]
}

/// The clock of one call.
struct Wait {
    private let end: ContinuousClock.Instant?
    private let heartbeat: Heartbeat?
    private var nextBeat: ContinuousClock.Instant?
    private var lastSign: ContinuousClock.Instant

    /// Where the job stands; none before the first event.
    var state: JobState?

    init(limit: Duration?, heartbeat: Heartbeat?) {
        let now = ContinuousClock.now
        self.heartbeat = heartbeat
        end = limit.map { now + $0 }
        nextBeat = heartbeat.map { now + $0.interval }
        lastSign = now
    }

    /// When the daemon's silence means that something is wrong.
    ///
    /// A job that waits for its turn or for a quota may do so for hours without a word, and whoever gave a limit knows
    /// how long the daemon may be at it.
    private var silenceEnds: ContinuousClock.Instant? {
        guard end == nil else { return nil }
        return switch state {
        case .queued, .waiting: nil
        case nil, .sent, .receiving, .done, .failed, .cancelled, .unknown: lastSign + DarkroomConnection.silence
        }
    }

    /// When to look up from the socket next.
    var due: ContinuousClock.Instant? { [end, nextBeat, silenceEnds].compactMap(\.self).min() }

    mutating func heard() { lastSign = .now }

    /// Does what is due.
    ///
    /// - Throws: `ClientError.timedOut` when the time is over, and what the heartbeat throws.
    mutating func lookUp() throws {
        let now = ContinuousClock.now
        if let end, now >= end { throw ClientError.timedOut }
        if let silenceEnds, now >= silenceEnds { throw ClientError.timedOut }
        guard let heartbeat, let nextBeat, now >= nextBeat else { return }
        self.nextBeat = now + heartbeat.interval
        try heartbeat.action()
    }
}
