// A process that the benchmark starts, times, and ends: by its id, also when the benchmark itself is told to stop.

import FoundationEssentials
import Glibc
import Synchronization

/// A child; whoever started it ends it or waits for it.
final class ChildProcess: Sendable {
    /// Where one of the three standard streams goes.
    enum Stream {
        case null
        case inherited
        case file(String)
        case descriptor(Int32)
    }

    /// How it ended.
    struct Ending: Sendable {
        /// The exit status; 128 and the signal's number when a signal ended it.
        let status: Int32
        /// Of itself and the children it waited for.
        let processorTime: Duration
    }

    let pid: pid_t
    private let ending = Mutex<Ending?>(nil)

    private struct Running {
        var pids: [pid_t] = []
        /// Set when the benchmark is told to stop: nothing is started any more.
        var isClosed = false
    }

    private static let running = Mutex(Running())

    /// Starts a process with default signal handling, and nothing inherited but the standard streams named.
    ///
    /// - Parameters:
    ///   - executable: A path.
    ///   - arguments: Without the program's name.
    ///   - environment: Added to the benchmark's own.
    ///   - input: Its standard input.
    ///   - output: Its standard output.
    ///   - error: Its standard error.
    /// - Throws: When the kernel or the loader does not start it.
    init(
        _ executable: String, _ arguments: [String], environment: [String: String] = [:], input: Stream = .null,
        output: Stream = .null, error: Stream = .inherited
    ) throws {
        var actions = unsafe posix_spawn_file_actions_t()
        unsafe posix_spawn_file_actions_init(&actions)
        defer { unsafe posix_spawn_file_actions_destroy(&actions) }
        for (target, stream) in [(STDIN_FILENO, input), (STDOUT_FILENO, output), (STDERR_FILENO, error)] {
            switch stream {
            case .inherited: break
            case .null: unsafe posix_spawn_file_actions_addopen(&actions, target, "/dev/null", O_RDWR, 0)
            case .file(let path):
                unsafe posix_spawn_file_actions_addopen(&actions, target, path, O_WRONLY | O_CREAT | O_TRUNC, 0o600)
            case .descriptor(let descriptor): unsafe posix_spawn_file_actions_adddup2(&actions, descriptor, target)
            }
        }

        // A process group of its own: Ctrl-C reaches the benchmark alone, which then ends its children in order.
        var attributes = posix_spawnattr_t()
        unsafe posix_spawnattr_init(&attributes)
        defer { unsafe posix_spawnattr_destroy(&attributes) }
        var signals = sigset_t()
        unsafe sigemptyset(&signals)
        unsafe posix_spawnattr_setsigmask(&attributes, &signals)
        for signal in [SIGINT, SIGTERM, SIGPIPE] { unsafe sigaddset(&signals, signal) }
        unsafe posix_spawnattr_setsigdefault(&attributes, &signals)
        unsafe posix_spawnattr_setflags(
            &attributes, Int16(POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK))

        var variables = ProcessInfo.processInfo.environment
        variables.merge(environment) { $1 }
        var argv = unsafe ([executable] + arguments).map { unsafe strdup($0) } + [nil]
        var envp = unsafe variables.map { unsafe strdup("\($0.key)=\($0.value)") } + [nil]
        defer { unsafe (argv + envp).forEach { unsafe free($0) } }
        pid = try Self.running.withLock { running in
            guard !running.isClosed else { throw BenchError("\(executable) is not started any more") }
            var pid: pid_t = 0
            let code = unsafe posix_spawn(&pid, executable, &actions, &attributes, &argv, &envp)
            guard code == 0 else { throw BenchError("\(executable): \(unsafe String(cString: strerror(code)))") }
            running.pids.append(pid)
            return pid
        }
    }

    /// Waits for its end.
    func wait() -> Ending { ending.withLock { ended in reap(&ended, 0) ?? Ending(status: -1, processorTime: .zero) } }

    /// How it ended, if it did.
    var ended: Ending? { ending.withLock { ended in reap(&ended, WNOHANG) } }

    /// Asks it to end; after five seconds it has no choice.
    func end() {
        guard ended == nil else { return }
        kill(pid, SIGTERM)
        for _ in 0..<5_000 {
            if ended != nil { return }
            // wait4 has no time limit; the signal that would interrupt it belongs to the whole process.
            usleep(1_000)
        }
        kill(pid, SIGKILL)
        _ = wait()
    }

    /// Ends it as a power cut would.
    func crash() {
        guard ended == nil else { return }
        kill(pid, SIGKILL)
        _ = wait()
    }

    /// Ends what is still running, for the moment when the benchmark is told to stop.
    static func endAll() {
        let pids = running.withLock { running in
            running.isClosed = true
            return running.pids
        }
        for pid in pids { kill(pid, SIGTERM) }
        for pid in pids {
            var patience = 2_000
            while waitpid(pid, nil, WNOHANG) == 0 {
                patience -= 1
                if patience == 0 { kill(pid, SIGKILL) }
                // As in `end()`.
                usleep(1_000)
            }
        }
    }

    private func reap(_ ended: inout Ending?, _ options: Int32) -> Ending? {
        if let ended { return ended }
        var status: Int32 = 0
        var usage = rusage()
        var result: pid_t
        repeat { result = unsafe wait4(pid, &status, options, &usage) } while result < 0 && errno == EINTR
        guard result == pid else { return nil }
        Self.running.withLock { $0.pids.removeAll { $0 == pid } }
        let signal = status & 0x7F
        ended = Ending(
            status: signal == 0 ? (status >> 8) & 0xFF : 128 + signal,
            processorTime: Duration(usage.ru_utime) + Duration(usage.ru_stime))
        return ended
    }
}

/// A pipe of which a child gets one end by name; neither is inherited otherwise.
struct Pipe {
    let reading: Int32
    let writing: Int32

    init() throws {
        var ends: [Int32] = [0, 0]
        guard unsafe pipe(&ends) == 0 else { throw BenchError.system("pipe") }
        for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
        reading = ends[0]
        writing = ends[1]
    }
}
