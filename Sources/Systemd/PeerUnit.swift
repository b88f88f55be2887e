// The unit that a client belongs to, for the record.

import CSystemd
import Glibc

/// Names the systemd unit of the process at the other end of a socket.
///
/// Attribution only, never a right: it is looked up by pid, which may belong to another process by then.
///
/// - Parameter descriptor: A connected Unix stream socket.
/// - Returns: The unit of the system's manager, such as `cron.service` or, for a whole login, `session-3.scope`.
package func systemdUnit(ofPeerOn descriptor: Int32) -> String? {
    var name: UnsafeMutablePointer<CChar>?
    guard unsafe sd_peer_get_unit(descriptor, &name) >= 0, let name = unsafe name else { return nil }
    defer { unsafe free(name) }
    return unsafe String(cString: name)
}
