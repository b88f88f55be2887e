// The unit that a client belongs to, for the record.

import CSystemd
import Glibc

/// Names the systemd unit of a process.
///
/// Attribution only, never a right: a pid may belong to another process by the time it is looked up.
///
/// - Parameter processID: As `SO_PEERCRED` gives it; 0 is a process of another pid namespace, of which nothing is known.
/// - Returns: The unit of the system's manager, such as `cron.service` or, for a whole login, `session-3.scope`.
package func systemdUnit(ofProcess processID: Int32) -> String? {
    // To sd_pid_get_unit(3) a pid of 0 means the caller, and a stranger is not to pass for us.
    guard processID > 0 else { return nil }
    var name: UnsafeMutablePointer<CChar>?
    guard unsafe sd_pid_get_unit(processID, &name) >= 0, let name = unsafe name else { return nil }
    defer { unsafe free(name) }
    return unsafe String(cString: name)
}
