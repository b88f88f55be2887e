// How a LineServer lets peers in: identity, caps, and a process that has run out of descriptors.

import CAncillary
import Dispatch
import Glibc

extension LineServer {
    /// Most connections accepted before those that are there get their turn.
    private static let acceptsPerTurn = 64

    func startAccepting() {
        guard !isStopping, listening.isEmpty else { return }
        // Dispatch opens the timer's descriptor with the first timer: now, not when there is none left.
        startTicking()
        listening = listeners.map { listener in
            _ = ca_set_nonblocking(listener.descriptor.rawValue)
            let source = DispatchSource.makeReadSource(
                fileDescriptor: listener.descriptor.rawValue, queue: executor.queue)
            source.setEventHandler { [weak self] in self?.assumeIsolated { $0.accept(from: listener) } }
            source.setCancelHandler { withExtendedLifetime(listener.descriptor) {} }
            source.activate()
            return source
        }
    }

    func stopAccepting() {
        resumeAccepting()
        listening.forEach { $0.cancel() }
        listening = []
    }

    private func accept(from listener: Listener) {
        for _ in 0..<Self.acceptsPerTurn where !isStopping && !isAcceptingPaused {
            let result = ca_accept(listener.descriptor.rawValue)
            switch -result {
            case ...0: admit(OwnedDescriptor(taking: result), from: listener)
            case EAGAIN: return
            // The peer was gone before it was let in.
            case ECONNABORTED, EPROTO: continue
            // Said before the queue is looked at, so there may be nobody waiting.
            case EMFILE, ENFILE: guard refuseWithReserve(listener) else { return }
            default: pauseAccepting()
            }
        }
    }

    private func admit(_ socket: OwnedDescriptor, from listener: Listener) {
        let peer: Peer
        do throws(PeerError) {
            peer = try Peer(of: socket)
        } catch {
            counters.unidentified += 1
            return
        }
        let ofUser = connectionCountOfUser[peer.uid] ?? 0
        let isReserved = listener.name == limits.reservedListener
        let most = limits.connections + (isReserved ? limits.reservedConnections : 0)
        let hasRoom = connections.count - lingeringRefusalCount < most && ofUser < limits.connectionsPerUser
        guard hasRoom || peer.pid == limits.exemptProcess else {
            report(Dropped(reason: .tooManyConnections, peer: peer))
            return refuse(socket, from: listener)
        }
        counters.accepted += 1
        connectionCountOfUser[peer.uid] = ofUser + 1
        if loads[peer.uid] == nil { loads[peer.uid] = Load() }
        add(socket, of: peer, from: listener)
    }

    private func refuse(_ socket: OwnedDescriptor, from listener: Listener) {
        counters.refused += 1
        guard lingeringRefusalCount < limits.lingeringRefusals else { return tellAndClose(socket) }
        lingeringRefusalCount += 1
        let connection = add(socket, of: nil, from: listener)
        connection.phase = .refusing
        enqueue(OutboundLine(refusals.tooManyConnections), on: connection)
        settle(connection)
    }

    @discardableResult
    private func add(_ socket: OwnedDescriptor, of peer: Peer?, from listener: Listener) -> Connection {
        let id = nextID
        nextID += 1
        let connection = Connection(
            id: id, peer: peer, listener: listener.name, socket: socket, maxLineBytes: limits.maxLineBytes,
            now: timing.now(), queue: executor.queue
        ) { [weak self] in
            self?.assumeIsolated { $0.readable(id) }
        }
        connections[id] = connection
        return connection
    }

    /// Sends the refusal as far as an empty socket buffer takes it, which is whole.
    private func tellAndClose(_ socket: OwnedDescriptor) {
        var outbox = Outbox()
        outbox.append(OutboundLine(refusals.tooManyConnections))
        _ = outbox.flush(to: socket, through: &scratch)
    }

    /// Takes one connection off the queue although no descriptor is free; false when there is none to take.
    ///
    /// Left in the queue it would keep the listening socket readable, and the server busy with it.
    private func refuseWithReserve(_ listener: Listener) -> Bool {
        guard reserve != nil else {
            counters.outOfDescriptors += 1
            pauseAccepting()
            return false
        }
        reserve = nil
        let result = ca_accept(listener.descriptor.rawValue)
        if result >= 0 {
            counters.outOfDescriptors += 1
            counters.refused += 1
            tellAndClose(OwnedDescriptor(taking: result))
        }
        reserve = .reserve()
        if reserve == nil || (result < 0 && result != -EAGAIN) { pauseAccepting() }
        return result >= 0
    }

    private func pauseAccepting() {
        guard !isAcceptingPaused else { return }
        isAcceptingPaused = true
        listening.forEach { $0.suspend() }
        startTicking()
    }

    func resumeAccepting() {
        guard isAcceptingPaused else { return }
        isAcceptingPaused = false
        if reserve == nil { reserve = .reserve() }
        listening.forEach { $0.resume() }
    }
}

extension OwnedDescriptor {
    /// A descriptor kept only to be given up; nil when none is free.
    static func reserve() -> OwnedDescriptor? {
        let descriptor = unsafe ca_memfd("darkroom-reserve")
        return descriptor >= 0 ? OwnedDescriptor(taking: descriptor) : nil
    }
}
