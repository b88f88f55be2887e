// Who asks: a value that every method is handed.

package import Store

/// A peer as the kernel and the listening socket describe it; pid, unit, session and executable are attribution.
package struct Principal: Sendable, Hashable {
    package var uid: UInt32
    package var gid: UInt32
    package var groups: [UInt32]
    package var pid: Int32
    package var unit: String?
    package var session: String?
    package var executable: String?
    /// The name of the listening socket: `api` or `admin`.
    package var socket: String
    /// On the admin socket, and entitled to it.
    package var isAdmin: Bool

    package init(
        uid: UInt32, gid: UInt32, groups: [UInt32], pid: Int32, unit: String?, socket: String, isAdmin: Bool
    ) {
        self.uid = uid
        self.gid = gid
        self.groups = groups
        self.pid = pid
        self.unit = unit
        self.socket = socket
        self.isAdmin = isAdmin
    }

    /// As the audit chain has it.
    package var origin: Origin {
        var origin = Origin(uid: uid, gid: gid, pid: pid, unit: unit, socket: socket)
        origin.session = session
        origin.executable = executable
        return origin
    }

    func owns(_ uid: UInt32) -> Bool { isAdmin || self.uid == uid }
}
