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
        let unit = connection.attribution.name { systemdUnit(ofProcess: peer.pid) }
        return Principal(
            uid: peer.uid, gid: peer.gid, groups: peer.groups, pid: peer.pid, unit: unit,
            socket: connection.listener, isAdmin: live.policy.isAdmin(uid: peer.uid, socket: connection.listener))
    }
}
