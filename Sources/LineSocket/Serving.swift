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
        let before = connection.accounted.descriptors
        let tally = connection.peer.flatMap { loads[$0.uid]?.descriptors }
        let outcome = received.receive(from: connection.socket, framer: &connection.framer, counting: tally)
        account(for: connection)
        let after = connection.accounted.descriptors
        if after > before, hasTooManyDescriptors(connection) {
            counters.droppedDescriptors += after
            connection.framer.dropUnfinishedDescriptors()
            account(for: connection)
        }
        return outcome
    }

    private func take(_ lines: [Line], _ byteCount: Int, on connection: Connection) {
        guard case .serving = connection.phase else {
            connection.discardedBytes += byteCount
            return
        }
        if !connection.framer.isInsideLine {
            connection.lineBegan = nil
        } else if connection.lineBegan == nil || !lines.isEmpty {
            connection.lineBegan = timing.now()
        }
        for line in lines {
            connection.waiting.append(line)
            connection.lineBytes += line.bytes.count
        }
        account(for: connection)
        handOut(connection)
        if connection.framer.isTooLong {
            counters.linesTooLong += 1
            refuse(connection, .lineTooLong, with: refusals.lineTooLong)
        } else if hoards(connection) {
            counters.hoarders += 1
            refuse(connection, .tooMuchUnfinished, with: refusals.tooMuchUnfinished)
        }
    }

    /// Tells the peer why, and throws away what still comes.
    private func refuse(_ connection: Connection, _ reason: Dropped.Reason, with line: [UInt8]) {
        connection.phase = .refusing
        connection.lineBegan = nil
        connection.framer.abandon()
        account(for: connection)
        if let peer = connection.peer { report(Dropped(reason: reason, peer: peer)) }
        enqueue(OutboundLine(line), on: connection)
    }

    /// Hands waiting lines to handlers as far as the bounds allow.
    func handOut(_ connection: Connection) {
        while connection.unanswered < limits.unansweredPerConnection,
            connection.outbox.heldBytes <= limits.outboundBytes, !hasTooManyUnanswered(connection),
            let line = connection.waiting.popFirst()
        {
            hand(line, to: connection)
        }
    }

    private func mayRead(_ connection: Connection) -> Bool {
        guard !connection.isClosed, !connection.isInputEnded else { return false }
        guard case .serving = connection.phase else { return connection.discardedBytes < limits.lingerBytes }
        return !isStopping && connection.waiting.isEmpty && !isOverloaded(connection)
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
        let room = roomForDescriptors(on: connection)
        let (progress, byteCount, descriptorCount) = connection.outbox.flush(
            to: connection.socket, through: &scratch, room: room)
        sent(descriptorCount, on: connection)
        if byteCount > 0 { connection.lastProgress = timing.now() }
        connection.isStarved = progress == .starved || progress == .held
        switch progress {
        case .drained, .starved, .held:
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
            if let peer = connection.peer { report(Dropped(reason: .brokenBody, peer: peer)) }
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
        account(for: connection)
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
        holdBackIfOverloaded(connection)
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
        return !connection.outbox.isEmpty || connection.isInputEnded || connection.lineBegan != nil
    }

    func close(_ connection: Connection) {
        guard connections.removeValue(forKey: connection.id) != nil else { return }
        watched.remove(connection.id)
        connection.framer.abandon()
        connection.lineBytes = 0
        connection.outbox = Outbox()
        account(for: connection)
        depart(connection)
        if let peer = connection.peer {
            forget(connection, of: peer.uid)
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
        relieveAll()
        surveyed = []
        surveyDeparted()
        for connection in watched.compactMap({ connections[$0] }) {
            if case .lingering(let since) = connection.phase, now - since >= limits.linger {
                close(connection)
            } else if connection.isStarved, hasReceivedAll(connection) {
                // It has read what it was given; that there is no more is the doing of others.
                connection.lastProgress = now
                flush(connection)
                settle(connection)
            } else if connection.outbox.owesAnswer, now - connection.lastProgress >= limits.stalled {
                counters.stalled += 1
                if let peer = connection.peer { report(Dropped(reason: .notReading, peer: peer)) }
                close(connection)
            } else if let began = connection.lineBegan, now - began >= limits.wholeLine {
                endLine(of: connection, now: now)
            } else if connection.isInputEnded, ca_is_hung_up(connection.socket.rawValue) != 0 {
                // Its read source is off since the half-close, so nothing else tells.
                dropOutput(of: connection)
                settle(connection)
            } else if connection.isStarved {
                flush(connection)
                settle(connection)
            }
        }
        if watched.isEmpty, departed.isEmpty, !isAcceptingPaused, !isHoldingBack {
            timer?.cancel()
            timer = nil
        }
    }

    /// Ends the patience with a line, unless it was the server that did not read.
    private func endLine(of connection: Connection, now: ContinuousClock.Instant) {
        guard mayRead(connection) else {
            connection.lineBegan = connection.isInputEnded ? nil : now
            return settle(connection)
        }
        counters.linesTooSlow += 1
        refuse(connection, .lineTooSlow, with: refusals.lineTooSlow)
        settle(connection)
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
