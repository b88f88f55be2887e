// What the process owes its key and its host before it does anything else.

import CAncillary
import Glibc
import Logging
import Systemd

/// Settings of the process itself.
enum ProcessHygiene {
    /// Files for nobody else, no core, no ptrace by the same user, no death by SIGPIPE, descriptors for 10,000 connections.
    static func apply() {
        // SQLite makes its files with what the umask leaves; the unit says the same, the foreground nothing.
        umask(0o077)
        signal(SIGPIPE, SIG_IGN)
        _ = ca_set_undumpable()
        // As many as have work: glibc's eight for each core keep, each for itself, what its threads once needed, which
        // is 9 MB more with 64 large images under way.
        _ = ca_limit_arenas(2)
        var core = rlimit(rlim_cur: 0, rlim_max: 0)
        _ = unsafe setrlimit(__rlimit_resource_t(RLIMIT_CORE.rawValue), &core)
        var files = rlimit()
        guard unsafe getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &files) == 0 else { return }
        // The unit sets the limit; this is for the foreground, where the soft one is often 1,024.
        files.rlim_cur = min(files.rlim_max, 65_536)
        _ = unsafe setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &files)
    }

    /// Identities are the kernel's, so they have to be those of the host.
    ///
    /// - Throws: Under systemd, when uids are mapped (`PrivateUsers=` shows every peer as nobody); in the foreground,
    ///   where a container may map them on purpose, it is a warning.
    static func requireHostIdentities(_ environment: SystemdEnvironment, _ logger: Logger) throws(StartFailure) {
        guard !UserNamespace.isIdentity() else { return }
        guard !environment.isService || environment.stateDirectory == nil else {
            throw StartFailure(
                status: StartFailure.badConfiguration,
                message: "this process runs in a user namespace that maps uids, so its peers cannot be told apart; "
                    + "remove PrivateUsers= from the unit")
        }
        logger.warning("uids are mapped by a user namespace: peers are seen as it maps them")
    }
}
