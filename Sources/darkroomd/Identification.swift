// From a connection to the principal behind it: the kernel's word is authority, the unit is attribution.

import Engine
import LineSocket
import Systemd

/// Says who is at the other end.
struct Identification: Sendable {
    let policy: Policy

    func principal(of connection: LineConnection) -> Principal {
        let peer = connection.peer
        return Principal(
            uid: peer.uid, gid: peer.gid, groups: peer.groups, pid: peer.pid, unit: systemdUnit(ofProcess: peer.pid),
            socket: connection.listener, isAdmin: policy.isAdmin(uid: peer.uid, socket: connection.listener))
    }
}
