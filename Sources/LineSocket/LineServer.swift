// The daemon's driver: lines and descriptors of many connections, on one serial queue, with Dispatch sources.
//
// The law of this file and its extensions:
//   - A connection costs nothing while it is idle but its state and its read source.
//   - What a peer sends or leaves unread is bounded, everything else about it is bounded by that.
//   - An answer is owed from the line's arrival until its last byte is with the kernel.

import CAncillary
import Dispatch

/// Serves lines from listening Unix sockets.
package actor LineServer {
    /// A listening socket and the name that its connections carry as part of their identity.
    package struct Listener: Sendable {
        let descriptor: OwnedDescriptor
        let name: String

        package init(descriptor: OwnedDescriptor, name: String) {
            self.descriptor = descriptor
            self.name = name
        }
    }

    package nonisolated var unownedExecutor: UnownedSerialExecutor { unsafe executor.asUnownedSerialExecutor() }

    nonisolated let executor = QueueExecutor(label: "darkroom.lines")
    /// Connections that are there keep the longest line that they began with.
    var limits: Limits
    nonisolated let refusals: Refusals
    nonisolated let timing: Timing
    nonisolated let report: @Sendable (Dropped) -> Void
    let listeners: [Listener]

    package internal(set) var counters = Counters()
    var connections: [UInt64: Connection] = [:]
    var connectionCountOfUser: [UInt32: Int] = [:]
    var loads: [UInt32: Load] = [:]
    var lingeringRefusalCount = 0
    /// Connections with descriptors in flight, and the sockets of those that are closed.
    var delivering: Set<UInt64> = []
    var departed: [UInt64: Departed] = [:]
    /// Users who have nothing more to be taken off their account before the next tick.
    var surveyed: Set<UInt32> = []
    /// Over all connections, of lines that have not ended.
    var unfinishedDescriptorCount = 0
    var nextID: UInt64 = 1
    /// Given up to accept and refuse one connection when there is no other descriptor.
    var reserve = OwnedDescriptor.reserve()
    var listening: [any DispatchSourceRead] = []
    var isAcceptingPaused = false
    var received = ReceiveBuffer()
    var scratch = [UInt8](repeating: 0, count: Outbox.pieceBytes)
    /// Connections that a tick must look at.
    var watched: Set<UInt64> = []
    var timer: (any DispatchSourceTimer)?
    private(set) var isStopping = false
    private var stopped: [CheckedContinuation<Void, Never>] = []
    private let bursts: AsyncStream<Burst>
    private let burstsContinuation: AsyncStream<Burst>.Continuation

    /// Prepares to serve; nothing is accepted until `run`.
    ///
    /// The listeners' sockets listen already. They are made non-blocking, and never shut down or unlinked.
    ///
    /// - Parameters:
    ///   - listeners: Where peers connect.
    ///   - limits: What one peer may cost.
    ///   - refusals: What a peer is told before its connection ends.
    ///   - timing: The real clock but in tests.
    ///   - report: Told of each connection that is ended against its peer's will; on the server's queue, so it is short.
    package init(
        listeners: [Listener], limits: Limits = Limits(), refusals: Refusals, timing: Timing = .real,
        report: @escaping @Sendable (Dropped) -> Void = { _ in }
    ) {
        self.report = report
        self.listeners = listeners
        self.limits = limits
        self.refusals = refusals
        self.timing = timing
        (bursts, burstsContinuation) = AsyncStream.makeStream()
    }

    /// Puts other bounds in force.
    package func adopt(_ limits: Limits) { self.limits = limits }

    /// How many connections are served now.
    package var connectionCount: Int { connectionCountOfUser.values.reduce(0, +) }

    /// Serves until `stop` has been called and everything owed is answered.
    ///
    /// Every handler is a child of this call. It gets each line once, and is cancelled when the connection goes away
    /// for good; whether it looks is its own matter. Cancelling this call closes everything at once.
    package func run(_ handle: @escaping @Sendable (Line, LineConnection) async -> Void) async {
        await run(begin: { line, _ in line }, handle)
    }

    /// The same, with a first step that sees the lines of a connection one by one, in the order of their arrival.
    ///
    /// - Parameters:
    ///   - begin: Makes of a line what is to be handled, without waiting; descriptors that it leaves behind are closed.
    ///   - handle: Handles it, side by side with others of the same connection.
    package func run<Begun: Sendable>(
        begin: @escaping @Sendable (Line, LineConnection) -> Begun,
        _ handle: @escaping @Sendable (Begun, LineConnection) async -> Void
    ) async {
        startAccepting()
        await withDiscardingTaskGroup { group in
            for await burst in bursts {
                group.addTask { await burst.serve(begin: begin, handle) }
            }
            closeAll()
        }
    }

    /// Accepts and reads no more; connections close as they have nothing owed, all of them after `grace`.
    package func stop(within grace: Duration) async {
        isStopping = true
        stopAccepting()
        for connection in connections.values { settle(connection) }
        finishIfEmpty()
        guard !connections.isEmpty else { return }
        executor.queue.asyncAfter(deadline: .now() + grace.dispatchInterval) { [weak self] in
            self?.assumeIsolated { $0.closeAll() }
        }
        await withCheckedContinuation { stopped.append($0) }
    }

    func closeAll() {
        isStopping = true
        stopAccepting()
        for connection in connections.values { close(connection) }
        finishIfEmpty()
    }

    func finishIfEmpty() {
        guard isStopping, connections.isEmpty else { return }
        burstsContinuation.finish()
        departed = [:]
        stopped.forEach { $0.resume() }
        stopped = []
    }

    /// Has something done on the server's queue, after what was posted before.
    nonisolated func post(_ work: @escaping @Sendable (isolated LineServer) -> Void) {
        executor.queue.async { self.assumeIsolated { work($0) } }
    }

    /// Hands a line to the connection's running burst, or begins one.
    func hand(_ line: Line, to connection: Connection) {
        guard let peer = connection.peer else { return }
        connection.unanswered += 1
        loads[peer.uid, default: Load()].unanswered += 1
        if connection.burst == nil {
            let (errands, continuation) = AsyncStream.makeStream(of: Burst.Errand.self)
            connection.burst = continuation
            let handle = LineConnection(
                id: connection.id, peer: peer, listener: connection.listener, attribution: connection.attribution,
                server: self)
            burstsContinuation.yield(Burst(connection: handle, errands: errands))
        }
        connection.burst?.yield(.handle(line))
    }

    func finishHandling(_ byteCount: Int, on id: UInt64) {
        guard let connection = connections[id] else { return }
        connection.unanswered -= 1
        connection.lineBytes -= byteCount
        if let peer = connection.peer { answered(1, of: peer.uid) }
        handOut(connection)
        if connection.unanswered == 0 {
            connection.burst?.finish()
            connection.burst = nil
        }
        settle(connection)
    }

    func send(_ line: OutboundLine, to id: UInt64) {
        guard let connection = connections[id] else { return }
        enqueue(line, on: connection)
        settle(connection)
    }

    func notify(_ bytes: [UInt8], to id: UInt64) {
        guard let connection = connections[id], !connection.isOutputGone else { return }
        guard !isFarBehind(connection) else {
            counters.droppedNotifications += 1
            return
        }
        enqueue(OutboundLine(bytes), isOwed: false, on: connection)
        settle(connection)
    }
}

extension Duration {
    var dispatchInterval: DispatchTimeInterval {
        let (seconds, attoseconds) = components
        let (whole, overflow) = seconds.multipliedReportingOverflow(by: 1_000_000_000)
        guard !overflow, let nanoseconds = Int(exactly: whole) else { return .never }
        return .nanoseconds(nanoseconds + Int(attoseconds / 1_000_000_000))
    }
}
