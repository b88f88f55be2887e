// Every bound of a LineServer, the lines it refuses with, and what it counts.

extension LineServer {
    /// The bounds that keep one peer, or all of them, from growing the daemon.
    package struct Limits: Sendable {
        /// Longest request line, without its LF.
        ///
        /// Room for a prompt of 128 KiB in the worst escaping; inputs of more go as descriptors.
        package var maxLineBytes = 1_048_576
        /// Most connections in all: with those being refused and the daemon's own files, under `LimitNOFILE=16384`.
        package var connections = 12_000
        /// Connections to this listener are let in beyond the total, so many of them: when the house is full, somebody
        /// has to be able to see why.
        package var reservedListener: String?
        package var reservedConnections = 16
        /// Most connections of one uid, so that one user cannot take the places of all others.
        package var connectionsPerUser = 10_000
        /// The process whose connections no cap refuses: the daemon's own, or a full house would fail its own probe.
        ///
        /// A pid is safe to go by here alone: while a process lives, no other has its number.
        package var exemptProcess: Int32?
        /// Most requests of one connection that wait for their answer; past it no more are read.
        ///
        /// A pipelining client keeps a connection busy with far fewer; each costs a task.
        package var unansweredPerConnection = 1_024
        /// Most requests of one uid, over all of its connections, that wait for their answer; past it no more are read.
        package var unansweredPerUser = 16_384
        /// Most bytes of one uid that wait for the end of their lines; a connection that would add to them is refused.
        ///
        /// At least one line may always be as long as a line may be.
        package var unfinishedBytesPerUser = 32 * 1_048_576
        /// Most bytes of one uid in lines that are not answered and in answers that are not read; past it nothing more
        /// of that user is read and its notifications are dropped.
        ///
        /// A sixteenth of the unit's `MemoryMax`: what is made of a line takes several times its length.
        package var heldBytesPerUser = 64 * 1_048_576
        /// Most descriptors of one uid that came with ended lines and are open; past it nothing more of that user is read.
        ///
        /// Ten users together are under `LimitNOFILE=16384`.
        package var descriptorsPerUser = 1_012
        /// Most descriptors that were sent to one uid and not received; past it no line that has any is begun, but one
        /// line may exceed it.
        package var descriptorsInFlightPerUser = 1_012
        /// How long a line may take from its first byte to its end, as long as the server reads.
        ///
        /// As long as an answer may stay unread; what such lines hold meanwhile is bounded for each user.
        package var wholeLine: Duration = .seconds(60)
        /// Most descriptors, over all connections, that wait for the end of their line; further ones are closed.
        ///
        /// A line may stay unfinished for ever; without this, some sixty of them would take every descriptor there is.
        package var unfinishedDescriptors = 2_048
        /// The same of one uid: four messages as full as they can be.
        package var unfinishedDescriptorsPerUser = 1_012
        /// Unsent bytes of a connection past which its requests are not read and its notifications are dropped.
        ///
        /// Several default socket buffers: a peer that reads at all never gets there by notifications alone.
        package var outboundBytes = 1_048_576
        /// How long an owed answer may make no progress before its connection is closed.
        package var stalled: Duration = .seconds(60)
        /// How long a refused peer may take to end its side after it was told, and how many bytes of it are read away.
        ///
        /// Closing with unread input makes a Unix socket's peer fail with ECONNRESET while it writes, and it would
        /// never read why.
        package var linger: Duration = .seconds(5)
        package var lingerBytes = 64 * 1_048_576
        /// Most connections over the caps that linger; further ones are told and closed at once.
        package var lingeringRefusals = 256

        package init() {}
    }

    /// The lines, without LF, that a peer is refused with.
    package struct Refusals: Sendable {
        package let lineTooLong: [UInt8]
        package let tooManyConnections: [UInt8]
        package let lineTooSlow: [UInt8]
        package let tooMuchUnfinished: [UInt8]

        package init(
            lineTooLong: [UInt8], tooManyConnections: [UInt8], lineTooSlow: [UInt8] = [],
            tooMuchUnfinished: [UInt8] = []
        ) {
            self.lineTooLong = lineTooLong
            self.tooManyConnections = tooManyConnections
            self.lineTooSlow = lineTooSlow
            self.tooMuchUnfinished = tooMuchUnfinished
        }
    }

    /// A connection that was ended against its peer's will, for the one who looks into it.
    package struct Dropped: Sendable, Hashable {
        package enum Reason: String, Sendable, CaseIterable {
            case tooManyConnections = "too many connections"
            case lineTooLong = "a line was too long"
            case lineTooSlow = "a line took too long"
            case tooMuchUnfinished = "too many bytes waited for the end of their lines"
            case notReading = "it did not read its answers"
            case brokenBody = "an image could not be read while it was sent"
        }

        package let reason: Reason
        package let peer: Peer
    }

    /// The clock of stalls and of lingering.
    package struct Timing: Sendable {
        let now: @Sendable () -> ContinuousClock.Instant
        /// Between two looks at connections that are waited for; nil when only `LineServer.tick()` looks.
        let interval: Duration?

        /// The real clock, looked at once a second while there is something to wait for.
        package static let real = Timing(now: { .now }, interval: .seconds(1))

        /// A clock that the caller moves, and then calls `LineServer.tick()`.
        package static func manual(_ now: @escaping @Sendable () -> ContinuousClock.Instant) -> Timing {
            Timing(now: now, interval: nil)
        }
    }

    /// What has happened since the server was made.
    package struct Counters: Sendable, Equatable {
        /// Connections that were served.
        package var accepted = 0
        /// Connections over a cap.
        package var refused = 0
        /// Connections closed because the kernel did not say whose they are.
        package var unidentified = 0
        /// Times that no descriptor was free for a connection that waited.
        package var outOfDescriptors = 0
        package var linesTooLong = 0
        /// Connections refused because a line did not end in time.
        package var linesTooSlow = 0
        /// Connections refused because their uid had too many bytes in lines that had not ended.
        package var hoarders = 0
        package var droppedNotifications = 0
        /// Descriptors closed because too many waited for the end of their lines.
        package var droppedDescriptors = 0
        /// Connections closed because an owed answer made no progress.
        package var stalled = 0
        /// Connections closed in the middle of a line because its body failed.
        package var brokenBodies = 0

        package init() {}
    }
}
