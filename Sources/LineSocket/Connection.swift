// The server's state of one connection; touched on the server's queue only.

import Dispatch

final class Connection {
    enum Phase {
        case serving
        /// Refused: what comes is thrown away, what is owed goes out.
        case refusing
        /// Told all it will be told, its writing side shut; what still comes is read away until the end or a bound.
        case lingering(since: ContinuousClock.Instant)
    }

    let id: UInt64
    /// nil only for a connection that is refused by a cap and never handed to a handler.
    let peer: Peer?
    let listener: String
    let attribution = Attribution()
    let socket: OwnedDescriptor
    var framer: LineFramer
    var outbox = Outbox()
    var phase = Phase.serving
    /// Lines that were read before the bound on unanswered ones was met, and are not handled yet.
    var waiting = Queue<Line>()
    /// Lines handed to a handler that has not returned.
    var unanswered = 0
    /// Where lines go while handlers run; made with the first line of a burst, finished with the last answer.
    var burst: AsyncStream<Burst.Errand>.Continuation?
    var isInputEnded = false
    /// The peer reads no more: whatever is sent is dropped.
    var isOutputGone = false
    var isClosed = false
    /// Sending waits for the next tick.
    var isStarved = false
    var discardedBytes = 0
    /// When the line that has not ended began.
    var lineBegan: ContinuousClock.Instant?
    /// Sent since the peer had last received everything.
    var descriptorsInFlight = 0
    /// Of the lines that wait or are handled.
    var lineBytes = 0
    /// What stands in its user's account: of the line that has not ended, and all that is held.
    var accounted = (bytes: 0, descriptors: 0, held: 0)
    var lastProgress: ContinuousClock.Instant

    private let reading: any DispatchSourceRead
    private var isReading = true
    private var writing: (any DispatchSourceWrite)?

    /// Takes over a connected socket and calls `onReadable` on `queue` as long as there is input and reading is on.
    init(
        id: UInt64, peer: Peer?, listener: String, socket: OwnedDescriptor, maxLineBytes: Int,
        now: ContinuousClock.Instant, queue: DispatchQueue, onReadable: @escaping @Sendable () -> Void
    ) {
        self.id = id
        self.peer = peer
        self.listener = listener
        self.socket = socket
        framer = LineFramer(maxLineBytes: maxLineBytes)
        lastProgress = now
        reading = DispatchSource.makeReadSource(fileDescriptor: socket.rawValue, queue: queue)
        reading.setEventHandler(handler: onReadable)
        // A source's descriptor must stay open until its cancel handler has run.
        reading.setCancelHandler { withExtendedLifetime(socket) {} }
        reading.activate()
    }

    /// Nothing is owed: no handler runs, no line waits for one, no byte waits to be sent.
    var owesNothing: Bool { unanswered == 0 && waiting.isEmpty && outbox.isEmpty }

    func setReading(_ wanted: Bool) {
        guard wanted != isReading, !isClosed else { return }
        isReading = wanted
        if wanted { reading.resume() } else { reading.suspend() }
    }

    func startWriting(queue: DispatchQueue, onWritable: @escaping @Sendable () -> Void) {
        guard writing == nil else { return }
        let source = DispatchSource.makeWriteSource(fileDescriptor: socket.rawValue, queue: queue)
        source.setEventHandler(handler: onWritable)
        source.setCancelHandler { [socket] in withExtendedLifetime(socket) {} }
        source.activate()
        writing = source
    }

    func stopWriting() {
        writing?.cancel()
        writing = nil
    }

    /// Lets go of everything; the socket closes once Dispatch has let go of it too.
    func close() {
        // A suspended source never runs its cancel handler.
        setReading(true)
        isClosed = true
        reading.cancel()
        stopWriting()
        outbox = Outbox()
        waiting = Queue()
        burst?.yield(.gone)
        burst?.finish()
        burst = nil
    }
}
