// Descriptors that were sent and not received. The kernel counts them against the sender's user, whoever does not read,
// and sends no more for anybody past RLIMIT_NOFILE (unix(7), ETOOMANYREFS); so each user has a bound well below that.

import CAncillary

extension LineServer {
    /// What is left of a connection that was closed with descriptors in flight.
    struct Departed {
        /// Shut, and kept open to ask the kernel whether the peer has received them or is gone.
        let socket: OwnedDescriptor
        let uid: UInt32
        let descriptorCount: Int
    }

    /// How many descriptors may be sent on a connection now.
    func roomForDescriptors(on connection: Connection) -> Int {
        guard let uid = connection.peer?.uid else { return .max }
        let limit = limits.descriptorsInFlightPerUser
        if inFlight(of: uid) >= limit, !surveyed.contains(uid) {
            survey(uid)
            // Looked at for each line, a thousand connections that do not read would cost the others their turn.
            if inFlight(of: uid) >= limit { surveyed.insert(uid) }
        }
        return max(0, limit - inFlight(of: uid))
    }

    private func inFlight(of uid: UInt32) -> Int { loads[uid]?.descriptorsInFlight ?? 0 }

    /// Puts descriptors that were sent on the user's account.
    func sent(_ descriptorCount: Int, on connection: Connection) {
        guard descriptorCount > 0, let peer = connection.peer else { return }
        connection.descriptorsInFlight += descriptorCount
        loads[peer.uid, default: Load()].descriptorsInFlight += descriptorCount
        delivering.insert(connection.id)
    }

    /// Takes off a user's account what has been received.
    private func survey(_ uid: UInt32) {
        for connection in delivering.compactMap({ connections[$0] }) where connection.peer?.uid == uid {
            if hasReceivedAll(connection) { clear(connection) }
        }
        surveyDeparted { $0 == uid }
    }

    func surveyDeparted(_ isMeant: (UInt32) -> Bool = { _ in true }) {
        for (id, left) in departed where isMeant(left.uid) && ca_unread(left.socket.rawValue) == 0 {
            departed[id] = nil
            loads[left.uid]?.descriptorsInFlight -= left.descriptorCount
            guard connectionCountOfUser[left.uid] == nil, let load = loads[left.uid] else { continue }
            if load.descriptors.count == 0, load.descriptorsInFlight == 0 { loads[left.uid] = nil }
        }
    }

    /// That the peer has received all that was sent, or is gone.
    func hasReceivedAll(_ connection: Connection) -> Bool { ca_unread(connection.socket.rawValue) == 0 }

    private func clear(_ connection: Connection) {
        guard let peer = connection.peer else { return }
        loads[peer.uid]?.descriptorsInFlight -= connection.descriptorsInFlight
        connection.descriptorsInFlight = 0
        delivering.remove(connection.id)
    }

    /// Goes on counting what a connection that is being closed has in flight.
    func depart(_ connection: Connection) {
        guard connection.descriptorsInFlight > 0, let peer = connection.peer else { return }
        guard !hasReceivedAll(connection), !isStopping else { return clear(connection) }
        delivering.remove(connection.id)
        // The peer is not to wait for an end that comes with the last reference to the socket.
        _ = ca_finish(connection.socket.rawValue)
        departed[connection.id] = Departed(
            socket: connection.socket, uid: peer.uid, descriptorCount: connection.descriptorsInFlight)
        startTicking()
    }
}
