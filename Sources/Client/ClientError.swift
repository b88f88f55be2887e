// What can go wrong between a program and its daemon, in words for a person. What the daemon itself answers is a
// `WireError` and is thrown as it came.

public import Wire

/// Why there is no answer.
public enum ClientError: Error, Sendable, Hashable {
    /// There is no socket at this path.
    case notRunning(path: String)
    /// There is a socket at this path, and nobody listens on it.
    case stale(path: String)
    /// The socket's mode or group keeps this user out.
    case notPermitted(path: String)
    /// Longer than the 107 bytes that a Unix socket's path may have.
    case pathTooLong(path: String)
    /// The daemon closed the connection without an answer; no job was at stake.
    case closed
    /// The daemon did not answer in time; no job was at stake.
    case timedOut
    /// A job was asked for and its connection is gone for good. The job, if it was admitted, goes on without us; its
    /// id is known from its first event on. Asking again could pay again.
    case lost(job: JobID?)
    /// Images were asked for under an idempotency key, and the daemon went away before it had named a job, and did not
    /// come back in time. Asking again under the same key pays for nothing twice.
    case unanswered(key: String)
    /// The daemon speaks this protocol and does not know the method, which came later.
    case methodUnknown(_ method: String, daemon: String)
    /// The daemon speaks a later protocol than this module.
    case protocolTooNew(daemon: Int)
    /// The daemon speaks an earlier protocol than this module.
    case protocolTooOld(daemon: Int)
    /// The daemon speaks this protocol, and its answer cannot be read all the same.
    case invalidAnswer(String)
    /// The bytes of an image could not be copied.
    case copyFailed(String)
    /// A system call failed in a way that has no case of its own.
    case system(String)

    /// One sentence for a person, without capital or full stop.
    public var message: String {
        switch self {
        case .notRunning(let path): "darkroomd is not running: there is no socket at \(path)"
        case .stale(let path): "darkroomd is not running: nobody listens at \(path)"
        case .notPermitted(let path): "this user may not connect to \(path)"
        case .pathTooLong(let path): "the socket's path is longer than 107 bytes: \(path)"
        case .closed: "darkroomd closed the connection without an answer"
        case .timedOut: "darkroomd does not answer"
        case .lost(let job?): "the connection to darkroomd is lost; job \(job) goes on without it"
        case .lost(nil): "the connection to darkroomd was lost before it had named a job"
        case .unanswered: "darkroomd went away before it had named a job, and did not come back"
        case .methodUnknown(let method, let version):
            "this darkroomd (\(version)) is older than this program: it does not know \(method)"
        case .protocolTooNew(let daemon):
            "darkroomd speaks protocol \(daemon), and this program only \(Hello.protocolVersion)"
        case .protocolTooOld(let daemon):
            "darkroomd speaks only protocol \(daemon), and this program \(Hello.protocolVersion)"
        case .invalidAnswer(let what): "the answer of darkroomd cannot be read: \(what)"
        case .copyFailed(let why): "the image could not be copied: \(why)"
        case .system(let what): what
        }
    }

    /// Something to type, where that can help.
    public var hint: String? {
        switch self {
        case .notRunning(SocketPath.standard): "sudo systemctl start darkroom.socket"
        case .stale(SocketPath.standard): "sudo systemctl restart darkroom.socket"
        case .notRunning(SocketPath.adminStandard): "sudo systemctl start darkroom-admin.socket"
        case .stale(SocketPath.adminStandard): "sudo systemctl restart darkroom-admin.socket"
        case .notRunning(let path), .stale(let path):
            "darkroomd --socket \(path) --state DIR runs it in the foreground"
        case .notPermitted(SocketPath.standard): "sudo usermod -aG darkroom $USER, then log in again"
        case .notPermitted(SocketPath.adminStandard): "ask as root: sudo darkroom"
        case .notPermitted(let path): "ls -l \(path) shows who may"
        case .pathTooLong: "name a shorter one with --socket or $DARKROOM_SOCKET"
        case .closed, .timedOut, .invalidAnswer: "journalctl -u darkroom shows why"
        case .lost(let job?): "darkroom wait \(job)"
        case .lost(nil): "darkroom jobs shows whether it was admitted; asking again without looking could pay twice"
        case .unanswered(let key): "ask again with --key \(key): the same key is never paid for twice"
        case .protocolTooNew: "upgrade this program: sudo apt-get install --only-upgrade darkroom"
        case .protocolTooOld, .methodUnknown: "sudo systemctl restart darkroom, after the package was upgraded"
        case .copyFailed, .system: nil
        }
    }
}
