// How a LineServer moves bytes: what to do when a socket can be read or written, and when a connection is done.

import CAncillary
import Dispatch

extension LineServer {
    /// Most reads for one connection before others get their turn.
    private static let readsPerTurn = 4

    func readable(_ id: UInt64) {
        guard let connection = connections[id] else { return }
        for _ in 0..<Self.readsPerTurn where mayRead(connection) {
            switch receive(on: connection) {
            case .received(let lines, let byteCount):
                take(lines, byteCount, on: connection)
            case .nothingYet:
                return settle(connection)
            case .end:
                connection.isInputEnded = true
                // After a half-close the answers are still read; after a close nothing is.
                if ca_is_hung_up(connection.socket.rawValue) != 0 { dropOutput(of: connection) }
            case .failed:
                // ECONNRESET: the peer has closed with answers unread, and what it asked for before was read.
                connection.isInputEnded = true
                dropOutput(of: connection)
            }
        }
        settle(connection)
    }

    private func receive(on connection: Connection) -> ReceiveBuffer.Outcome {
        let before = connection.framer.unfinishedDescriptorCount
        let outcome = received.receive(from: connection.socket, framer: &connection.framer)
        let after = connection.framer.unfinishedDescriptorCount
        unfinishedDescriptorCount += after - before
        if after > before, unfinishedDescriptorCount > limits.unfinishedDescriptors {
            counters.droppedDescriptors += after
            unfinishedDescriptorCount -= after
            connection.framer.dropUnfinishedDescriptors()
        }
        return outcome
    }

    private func take(_ lines: [Line], _ byteCount: Int, on connection: Connection) {
        guard case .serving = connection.phase else {
            connection.discardedBytes += byteCount
            return
        }
        for line in lines { connection.waiting.append(line) }
        handOut(connection)
        guard connection.framer.isTooLong else { return }
        counters.linesTooLong += 1
        connection.phase = .refusing
        enqueue(OutboundLine(refusals.lineTooLong), on: connection)
    }

    /// Hands waiting lines to handlers as far as the bounds allow.
    func handOut(_ connection: Connection) {
        while connection.unanswered < limits.unansweredPerConnection,
            connection.outbox.heldBytes <= limits.outboundBytes,
            let line = connection.waiting.popFirst()
        {
            hand(line, to: connection)
        }
    }

    private func mayRead(_ connection: Connection) -> Bool {
        guard !connection.isClosed, !connection.isInputEnded else { return false }
        guard case .serving = connection.phase else { return connection.discardedBytes < limits.lingerBytes }
        return !isStopping && connection.waiting.isEmpty
            && connection.unanswered < limits.unansweredPerConnection
            && connection.outbox.heldBytes <= limits.outboundBytes
    }

    func enqueue(_ line: OutboundLine, isOwed: Bool = true, on connection: Connection) {
        guard !connection.isOutputGone else { return }
        let wasEmpty = connection.outbox.isEmpty
        if isOwed, !connection.outbox.owesAnswer { connection.lastProgress = timing.now() }
        connection.outbox.append(line, isOwed: isOwed)
        if wasEmpty { flush(connection) }
    }

    private func writable(_ id: UInt64) {
        guard let connection = connections[id] else { return }
        flush(connection)
        settle(connection)
    }

    private func flush(_ connection: Connection) {
        let (progress, byteCount) = connection.outbox.flush(to: connection.socket, through: &scratch)
        if byteCount > 0 { connection.lastProgress = timing.now() }
        connection.isStarved = progress == .starved
        switch progress {
        case .drained, .starved:
            connection.stopWriting()
        case .blocked, .hasMore:
            let id = connection.id
            connection.startWriting(queue: executor.queue) { [weak self] in
                self?.assumeIsolated { $0.writable(id) }
            }
        case .gone:
            dropOutput(of: connection)
        case .broken:
            counters.brokenBodies += 1
            close(connection)
        }
    }

    /// Forgets what is unsent; the requests that are still to be read are not forgotten.
    private func dropOutput(of connection: Connection) {
        connection.isOutputGone = true
        connection.outbox = Outbox()
        connection.stopWriting()
    }

    /// Brings a connection into the state that what happened to it asks for.
    func settle(_ connection: Connection) {
        guard !connection.isClosed else { return }
        handOut(connection)
        if connection.isInputEnded, connection.isOutputGone, connection.waiting.isEmpty { return close(connection) }
        if connection.owesNothing {
            switch connection.phase {
            case .serving where connection.isInputEnded || isStopping:
                return close(connection)
            case .serving:
                break
            case .refusing where connection.isInputEnded || connection.isOutputGone:
                return close(connection)
            case .refusing:
                _ = ca_finish_writing(connection.socket.rawValue)
                connection.phase = .lingering(since: timing.now())
            case .lingering where connection.isInputEnded || connection.discardedBytes >= limits.lingerBytes:
                return close(connection)
            case .lingering:
                break
            }
        }
        connection.setReading(mayRead(connection))
        if isWorthWatching(connection) {
            watched.insert(connection.id)
            startTicking()
        } else {
            watched.remove(connection.id)
        }
    }

    private func isWorthWatching(_ connection: Connection) -> Bool {
        guard case .serving = connection.phase else { return true }
        return !connection.outbox.isEmpty || connection.isInputEnded
    }

    func close(_ connection: Connection) {
        guard connections.removeValue(forKey: connection.id) != nil else { return }
        watched.remove(connection.id)
        unfinishedDescriptorCount -= connection.framer.unfinishedDescriptorCount
        if let peer = connection.peer {
            let left = (connectionCountOfUser[peer.uid] ?? 1) - 1
            connectionCountOfUser[peer.uid] = left > 0 ? left : nil
        } else {
            lingeringRefusalCount -= 1
        }
        connection.close()
        finishIfEmpty()
    }

    /// Closes connections whose time is up, and tries again what had nothing to wait for.
    package func tick() {
        let now = timing.now()
        resumeAccepting()
        for connection in watched.compactMap({ connections[$0] }) {
            if case .lingering(let since) = connection.phase, now - since >= limits.linger {
                close(connection)
            } else if connection.outbox.owesAnswer, now - connection.lastProgress >= limits.stalled {
                counters.stalled += 1
                close(connection)
            } else if connection.isInputEnded, ca_is_hung_up(connection.socket.rawValue) != 0 {
                // Its read source is off since the half-close, so nothing else tells.
                dropOutput(of: connection)
                settle(connection)
            } else if connection.isStarved {
                flush(connection)
                settle(connection)
            }
        }
        if watched.isEmpty, !isAcceptingPaused {
            timer?.cancel()
            timer = nil
        }
    }

    func startTicking() {
        guard timer == nil, let interval = timing.interval?.dispatchInterval else { return }
        let timer = DispatchSource.makeTimerSource(queue: executor.queue)
        timer.schedule(deadline: .now() + interval, repeating: interval, leeway: .milliseconds(200))
        timer.setEventHandler { [weak self] in self?.assumeIsolated { $0.tick() } }
        timer.activate()
        self.timer = timer
    }
}
