// From a connection to the principal behind it: the kernel's word is authority, the unit is attribution.

import Engine
import LineSocket
import Systemd

/// Says who is at the other end.
struct Identification: Sendable {
    let live: LiveSettings

    func principal(of connection: LineConnection) -> Principal {
        let peer = connection.peer
        // Once for a connection: libsystemd reads files below /proc for it with some thirty system calls, and the pid
        // is that of the process that connected, whoever writes to the socket now.
        let process = connection.attribution.value { PeerProcess(peer.pid, of: peer.uid) }
        var principal = Principal(
            uid: peer.uid, gid: peer.gid, groups: peer.groups, pid: peer.pid, unit: process.unit,
            socket: connection.listener, isAdmin: live.policy.isAdmin(uid: peer.uid, socket: connection.listener))
        principal.session = process.session
        principal.executable = process.executable
        return principal
    }
}
