// Who is at the other end of a connection, as the kernel recorded it when the peer called connect(2).
//
// The law of this file: a Peer comes from the kernel or not at all. There is no default identity and no way to make
// one from text; an error path that leaves a uid of 0 behind was CVE-2021-3560.

import CAncillary
import Glibc

package struct Peer: Sendable, Hashable {
    package let uid: UInt32
    package let gid: UInt32
    /// The supplementary groups, `gid` not necessarily among them.
    package let groups: [UInt32]
    /// For the record only: the process may be gone, its number reused, its socket handed on.
    package let pid: Int32

    /// Asks the kernel for the peer of a connected Unix socket.
    ///
    /// - Throws: `.unreadable` when the kernel does not say; `.nobody` for the uids that mean "somebody unknown".
    package init(of socket: OwnedDescriptor) throws(PeerError) {
        var credentials = ca_credentials()
        let result = unsafe ca_peer_credentials(socket.rawValue, &credentials)
        guard result >= 0 else { throw .unreadable(SystemError("SO_PEERCRED", result: Int(result))) }
        guard Self.isSomebody(credentials.uid) else { throw .nobody(uid: credentials.uid) }
        uid = credentials.uid
        gid = credentials.gid
        pid = credentials.pid
        groups = try Self.groups(of: socket)
    }

    /// Whether a uid names one user.
    ///
    /// 65534 is what a user namespace shows for every uid that it does not map, (uid_t)-1 is no uid.
    static func isSomebody(_ uid: UInt32) -> Bool {
        uid != 65_534 && uid != UInt32.max
    }

    private static func groups(of socket: OwnedDescriptor) throws(PeerError) -> [UInt32] {
        var groups = [UInt32](repeating: 0, count: 32)
        while true {
            var needed = 0
            let count = unsafe ca_peer_groups(socket.rawValue, &groups, groups.count, &needed)
            if count >= 0 { return Array(groups.prefix(count)) }
            // The groups of a connection never change, so the kernel's number is enough the second time.
            guard count == -Int(ERANGE), needed > groups.count else {
                throw .unreadable(SystemError("SO_PEERGROUPS", result: count))
            }
            groups = [UInt32](repeating: 0, count: needed)
        }
    }
}

/// Why a peer has no identity; its connection is closed.
package enum PeerError: Error, Equatable {
    /// The kernel gave no credentials.
    case unreadable(SystemError)
    /// The uid stands for nobody in particular.
    case nobody(uid: UInt32)
}
