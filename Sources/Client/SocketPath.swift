// Where the daemon's socket is (protocol section 1).

import Glibc

/// Finds the path of the daemon's socket.
public enum SocketPath {
    /// Where systemd's socket unit listens.
    public static let standard = "/run/darkroom/darkroom.sock"

    /// Where systemd's socket unit listens for admins.
    public static let adminStandard = "/run/darkroom/admin.sock"

    /// The path that was given, else `$DARKROOM_SOCKET`, else `$XDG_RUNTIME_DIR/darkroom.sock` if it exists, else
    /// `standard`.
    ///
    /// - Parameter given: What the user said, as with `--socket`; absent or empty leaves it to the environment.
    /// - Returns: A path; whether anything is there is for the connection to say.
    public static func resolve(_ given: String? = nil) -> String {
        resolve(given, environment: { name in unsafe getenv(name).map { unsafe String(cString: $0) } })
    }

    static func resolve(_ given: String?, environment: (String) -> String?) -> String {
        if let given, !given.isEmpty { return given }
        if let named = environment("DARKROOM_SOCKET"), !named.isEmpty { return named }
        if let directory = environment("XDG_RUNTIME_DIR"), !directory.isEmpty {
            let own = "\(directory)/darkroom.sock"
            if unsafe access(own, F_OK) == 0 { return own }
        }
        return standard
    }
}
