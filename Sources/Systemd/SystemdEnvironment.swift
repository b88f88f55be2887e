// What systemd tells a service through its environment, as one value. Everything else in this module is handed this
// value, so that no other place reads the process environment and tests need none.

import Glibc

/// The variables of sd_listen_fds(3), sd_notify(3), sd_watchdog_enabled(3) and systemd.exec(5), read once at start.
package struct SystemdEnvironment: Sendable, Equatable {
    /// What is good for one process and must not reach a child: a child that talks to the service manager in our name,
    /// or adopts our sockets, is refused at best ("reception only permitted for main PID").
    static let taken = [
        "NOTIFY_SOCKET", "LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES", "LISTEN_PIDFDID", "WATCHDOG_USEC",
        "WATCHDOG_PID",
        "CREDENTIALS_DIRECTORY",
    ]
    /// What is read and left where it is.
    static let left = ["STATE_DIRECTORY", "JOURNAL_STREAM"]

    let variables: [String: String]
    /// The process that the variables have to name in order to be meant for it.
    let processID: Int32

    /// Takes the variables from a dictionary; names that systemd does not use are ignored.
    ///
    /// - Parameters:
    ///   - variables: Name to value, as in environ(7).
    ///   - processID: Compared with `LISTEN_PID` and `WATCHDOG_PID`.
    package init(_ variables: [String: String], processID: Int32 = getpid()) {
        let known = Set(Self.taken + Self.left)
        self.variables = variables.filter { known.contains($0.key) }
        self.processID = processID
    }

    /// Reads the variables from the process environment and removes those that no child may inherit.
    ///
    /// `setenv(3)` and its kin race with every `getenv(3)` of another thread, so this is the first thing in `main`, while
    /// the process has one thread.
    package static func take() -> SystemdEnvironment {
        var variables: [String: String] = [:]
        for name in taken + left {
            guard let value = unsafe getenv(name) else { continue }
            variables[name] = unsafe String(cString: value)
        }
        for name in taken {
            unsafe unsetenv(name)
        }
        return SystemdEnvironment(variables)
    }

    /// Whether a service manager waits for word from this process.
    ///
    /// `INVOCATION_ID` would not do: it is inherited by every shell of a desktop session that systemd started.
    package var isService: Bool { variables["NOTIFY_SOCKET"] != nil }

    /// Where systemd put the credentials of the unit, an absolute path.
    package var credentialsDirectory: String? { variables["CREDENTIALS_DIRECTORY"] }

    /// The first directory of `StateDirectory=`, an absolute path.
    package var stateDirectory: String? {
        variables["STATE_DIRECTORY"]?.split(separator: ":").first.map(String.init)
    }
}
