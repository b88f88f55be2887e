// What one user costs the server over all of its connections, so that no number of them costs others their turn.

import Synchronization

extension LineServer {
    struct Load {
        /// Lines handed to handlers that have not returned.
        var unanswered = 0
        /// Bytes and descriptors that wait for the end of their lines.
        var unfinishedBytes = 0
        var unfinishedDescriptors = 0
        /// Those bytes, the lines that are not answered, and what the peers have not read.
        var heldBytes = 0
        /// Of descriptors that came with lines, wherever they are by now.
        let descriptors = DescriptorTally()
        /// Descriptors that were sent and, as far as is known, not received.
        var descriptorsInFlight = 0
        /// Connections that are not read although they could be.
        var heldBack: Set<UInt64> = []
        var isReliefPosted = false
    }

    /// Most connections that are read on at once while their user is still near a bound.
    private static let relievedAtOnce = 16

    /// Brings what a connection holds into the accounts.
    func account(for connection: Connection) {
        let bytes = connection.framer.unfinishedByteCount
        let descriptors = connection.framer.unfinishedDescriptorCount
        let held = bytes + connection.lineBytes + connection.outbox.heldBytes
        let before = connection.accounted
        guard before != (bytes, descriptors, held) else { return }
        connection.accounted = (bytes, descriptors, held)
        unfinishedDescriptorCount += descriptors - before.descriptors
        guard let peer = connection.peer else { return }
        var load = loads.removeValue(forKey: peer.uid) ?? Load()
        load.unfinishedBytes += bytes - before.bytes
        load.unfinishedDescriptors += descriptors - before.descriptors
        load.heldBytes += held - before.held
        loads[peer.uid] = load
        if held < before.held { relieveSoon(peer.uid) }
    }

    func hasTooManyDescriptors(_ connection: Connection) -> Bool {
        let ofUser = connection.peer.flatMap { loads[$0.uid]?.unfinishedDescriptors } ?? 0
        return unfinishedDescriptorCount > limits.unfinishedDescriptors || ofUser > limits.unfinishedDescriptorsPerUser
    }

    /// Whether a connection adds to more unfinished bytes than its user may have.
    func hoards(_ connection: Connection) -> Bool {
        guard connection.accounted.bytes > 0, let peer = connection.peer, let load = loads[peer.uid] else {
            return false
        }
        return load.unfinishedBytes > max(limits.unfinishedBytesPerUser, limits.maxLineBytes)
    }

    /// Whether no line of a connection may be handed to a handler.
    ///
    /// What lines hold is no reason: those that were read can only be let go by being handled.
    func hasTooManyUnanswered(_ connection: Connection) -> Bool {
        guard let peer = connection.peer, let load = loads[peer.uid] else { return false }
        return load.unanswered >= limits.unansweredPerUser
    }

    /// Whether a connection's user has as much under way as it may, so that nothing more of it is read.
    func isOverloaded(_ connection: Connection) -> Bool {
        guard let peer = connection.peer, let load = loads[peer.uid] else { return false }
        return isOverloaded(load)
    }

    private func isOverloaded(_ load: Load) -> Bool {
        // Unfinished lines have their own bound, and must be able to end under this one.
        load.unanswered >= limits.unansweredPerUser || holdsTooMuch(load)
            || load.descriptors.count - load.unfinishedDescriptors >= limits.descriptorsPerUser
    }

    private func holdsTooMuch(_ load: Load) -> Bool {
        load.heldBytes - load.unfinishedBytes >= limits.heldBytesPerUser
    }

    /// Whether notifications of a connection have to be dropped.
    func isFarBehind(_ connection: Connection) -> Bool {
        guard connection.outbox.heldBytes <= limits.outboundBytes else { return true }
        return connection.peer.flatMap { loads[$0.uid] }.map(holdsTooMuch) ?? false
    }

    func holdBackIfOverloaded(_ connection: Connection) {
        guard isOverloaded(connection), let peer = connection.peer else { return }
        loads[peer.uid]?.heldBack.insert(connection.id)
        // Descriptors are closed wherever they are let go, and nothing here is told of it.
        startTicking()
    }

    /// Takes answered requests off a user's account, and reads on where it was stopped for them.
    func answered(_ count: Int, of uid: UInt32) {
        loads[uid]?.unanswered -= count
        relieveSoon(uid)
    }

    /// Reads on where a user was stopped; later, since who frees the one connection is in the midst of another.
    private func relieveSoon(_ uid: UInt32) {
        guard let load = loads[uid], !load.heldBack.isEmpty, !load.isReliefPosted else { return }
        loads[uid]?.isReliefPosted = true
        post { $0.relieve(uid) }
    }

    private func relieve(_ uid: UInt32) {
        loads[uid]?.isReliefPosted = false
        guard let load = loads[uid], !isOverloaded(load) else { return }
        // A few as long as there is much to do, so that each answer costs the same; all of them after that.
        let isLight =
            load.unanswered < limits.unansweredPerUser / 2 && load.heldBytes < limits.heldBytesPerUser / 2
        let freed = isLight ? Array(load.heldBack) : Array(load.heldBack.prefix(Self.relievedAtOnce))
        loads[uid]?.heldBack.subtract(freed)
        for connection in freed.compactMap({ connections[$0] }) { settle(connection) }
    }

    /// Looks after those that wait for descriptors to be closed.
    func relieveAll() {
        for (uid, load) in loads where !load.heldBack.isEmpty { relieve(uid) }
    }

    var isHoldingBack: Bool { loads.values.contains { !$0.heldBack.isEmpty } }

    /// Takes a connection that is closed off its user's account.
    func forget(_ connection: Connection, of uid: UInt32) {
        loads[uid]?.heldBack.remove(connection.id)
        answered(connection.unanswered, of: uid)
        connection.unanswered = 0
        // Handlers may still have descriptors of a user that is gone.
        guard connectionCountOfUser[uid] == 1, let load = loads[uid], load.descriptors.count == 0 else { return }
        if load.descriptorsInFlight == 0 { loads[uid] = nil }
    }
}

/// How many descriptors of one user are open.
final class DescriptorTally: Sendable {
    private let value = Atomic(0)

    var count: Int { value.load(ordering: .relaxed) }

    func add(_ difference: Int) { value.add(difference, ordering: .relaxed) }
}
