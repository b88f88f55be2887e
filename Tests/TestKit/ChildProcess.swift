// A process that a test started and ends: by its own pid, never by name. The one way in which tests run programs.

import CAncillary
import Dispatch
import Foundation
import Glibc
import LineSocket
import Synchronization

/// A child process: started by `posix_spawn`, waited for by `waitid`, killed with its last reference.
///
/// Foundation's `Process` waits on a run loop, which a test's thread has none of (swift-corelibs-foundation 6.3: the
/// wait never came back, the child stayed a zombie).
package final class ChildProcess: Sendable {
    package struct Output: Sendable, Hashable {
        /// The exit status, or 128 and the signal's number.
        package var status: Int32
        package var standardOutput: String
        package var standardError: String

        package init(status: Int32, standardOutput: String, standardError: String) {
            self.status = status
            self.standardOutput = standardOutput
            self.standardError = standardError
        }
    }

    package enum Input: Sendable {
        /// /dev/null.
        case none
        /// Open until `closeInput`, `finish` or the end of the test's process; nothing is written.
        case pipe
    }

    /// Where standard output goes; standard error always goes to a file, so that it cannot block the child.
    package enum Sink: Sendable {
        /// For `readLine`; the child waits while 64 KiB are unread.
        case pipe
        case file
    }

    package struct NotStarted: Error {
        package let path: String
        package let errno: Int32
    }

    /// A program that ended otherwise than by exit status 0.
    package struct Failed: Error { package let output: Output }

    /// How long any wait for a child takes; it is killed then.
    package static let patience: Duration = .seconds(120)

    package let pid: Int32
    /// The status as `waitpid` told it; the pid means nothing more once it is here.
    private let ended = Mutex<Int32?>(nil)
    private let files: TemporaryDirectory
    private let input: Mutex<OwnedDescriptor?>
    private let output: OwnedDescriptor?
    /// Read from the pipe, not yet asked for.
    private let pending = Mutex<[UInt8]>([])

    /// Starts a program.
    ///
    /// - Parameters:
    ///   - path: The executable; `PATH` is not searched.
    ///   - arguments: What follows its name.
    ///   - environment: The whole environment; `PATH` and `HOME` are added where they are missing.
    ///   - input: Where its standard input comes from.
    ///   - output: Where its standard output goes.
    /// - Throws: `NotStarted`.
    package init(
        _ path: String, _ arguments: [String], environment: [String: String] = [:], input: Input = .pipe,
        output: Sink = .pipe
    ) throws {
        files = try TemporaryDirectory()
        // Named pipes: the child opens its own ends, and ours close on exec from the start. pipe(2) would leave both
        // to whatever sibling is spawned meanwhile, and pipe2 is not in Glibc's module.
        let inputPath = input == .pipe ? try Self.makePipe(files.file("input")) : "/dev/null"
        self.input = try Mutex(input == .pipe ? Self.open(inputPath, O_RDWR) : nil)
        if output == .pipe { _ = try Self.makePipe(files.file("output")) }
        self.output = output == .pipe ? try Self.open(files.file("output"), O_RDONLY | O_NONBLOCK) : nil
        let whole = environment.merging(
            ["PATH": "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin", "HOME": "/nonexistent"],
            uniquingKeysWith: { own, _ in own })
        pid = try Self.spawn(
            [path] + arguments, whole.map { "\($0.key)=\($0.value)" }, input: inputPath, output: files.file("output"),
            error: files.file("error"))
    }

    deinit {
        signal(SIGKILL)
        wait()
    }

    private static func spawn(
        _ command: [String], _ environment: [String], input: String, output: String, error: String
    ) throws -> Int32 {
        var actions = unsafe posix_spawn_file_actions_t()
        unsafe posix_spawn_file_actions_init(&actions)
        defer { unsafe posix_spawn_file_actions_destroy(&actions) }
        unsafe posix_spawn_file_actions_addopen(&actions, 0, input, O_RDONLY, 0)
        unsafe posix_spawn_file_actions_addopen(&actions, 1, output, O_WRONLY | O_CREAT, 0o600)
        unsafe posix_spawn_file_actions_addopen(&actions, 2, error, O_WRONLY | O_CREAT, 0o600)
        // Dispatch blocks signals on its threads, and a shell ignores SIGINT in the background; children inherit both.
        var attributes = posix_spawnattr_t()
        unsafe posix_spawnattr_init(&attributes)
        defer { unsafe posix_spawnattr_destroy(&attributes) }
        var signals = sigset_t()
        unsafe sigemptyset(&signals)
        unsafe posix_spawnattr_setsigmask(&attributes, &signals)
        unsafe sigfillset(&signals)
        unsafe posix_spawnattr_setsigdefault(&attributes, &signals)
        unsafe posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF))
        var argv = unsafe command.map { unsafe strdup($0) } + [nil]
        var envp = unsafe environment.map { unsafe strdup($0) } + [nil]
        defer { unsafe (argv + envp).forEach { unsafe free($0) } }
        var pid: Int32 = 0
        let failure = unsafe posix_spawn(&pid, command[0], &actions, &attributes, &argv, &envp)
        guard failure == 0 else { throw NotStarted(path: command[0], errno: failure) }
        return pid
    }

    private static func makePipe(_ path: String) throws -> String {
        guard unsafe mkfifo(path, 0o600) == 0 else { throw NotStarted(path: path, errno: errno) }
        return path
    }

    private static func open(_ path: String, _ flags: Int32) throws -> OwnedDescriptor {
        let descriptor = unsafe Glibc.open(path, flags | O_CLOEXEC)
        guard descriptor >= 0 else { throw NotStarted(path: path, errno: errno) }
        return OwnedDescriptor(taking: descriptor)
    }

    package var isRunning: Bool { ended.withLock { isRunning(&$0) } }

    private func isRunning(_ ended: inout Int32?) -> Bool {
        guard ended == nil else { return false }
        var status: Int32 = 0
        let waited = unsafe waitpid(pid, &status, WNOHANG)
        guard waited != 0 else { return true }
        ended = waited == pid ? status : 255 << 8
        return false
    }

    package func signal(_ number: Int32) {
        ended.withLock { if isRunning(&$0) { kill(pid, number) } }
    }

    package func closeInput() { input.withLock { $0 = nil } }

    package var standardErrorSoFar: String { text("error") }

    /// Reads one line of the child's standard output, a pipe; nothing when it ends before, or `patience` does.
    package func readLine() -> String? {
        pending.withLock { pending in
            let deadline = ContinuousClock.now + Self.patience
            while !pending.contains(UInt8(ascii: "\n")), readMore(&pending, until: deadline) {}
            let line = pending.prefix { $0 != UInt8(ascii: "\n") }
            guard !pending.isEmpty else { return nil }
            defer { pending.removeFirst(min(line.count + 1, pending.count)) }
            return String(decoding: line, as: UTF8.self)
        }
    }

    /// Closes the child's input, waits for its end and gives back all of the output that was not read before.
    ///
    /// - Parameter limit: The child is killed then, and its standard error ends with a line that says so.
    /// - Returns: The same status again when called twice, but piped output only once.
    package func finish(within limit: Duration = ChildProcess.patience) -> Output {
        closeInput()
        let deadline = ContinuousClock.now + limit
        let kill = DispatchWorkItem { [weak self] in self?.signal(SIGKILL) }
        Self.killer.asyncAfter(deadline: .now() + limit / .seconds(1), execute: kill)
        defer { kill.cancel() }
        let rest = pending.withLock { pending in
            while readMore(&pending, until: deadline) {}
            defer { pending = [] }
            return String(decoding: pending, as: UTF8.self)
        }
        wait()
        let status = ended.withLock(\.self) ?? 0
        let signal = status & 0x7F
        let isOverdue = signal == SIGKILL && .now >= deadline
        return Output(
            status: signal == 0 ? (status >> 8) & 0xFF : 128 + signal,
            standardOutput: output == nil ? text("output") : rest,
            standardError: text("error") + (isOverdue ? "\nkilled by the test after \(limit)\n" : ""))
    }

    /// Serial, so that it has a thread even while tests block all those of the common pool.
    private static let killer = DispatchQueue(label: "overdue children")

    /// False at the end of the output and after the deadline.
    private func readMore(_ pending: inout [UInt8], until deadline: ContinuousClock.Instant) -> Bool {
        let milliseconds = max(0, (deadline - .now) / .milliseconds(1))
        guard let output, ca_wait_readable(output.rawValue, Int32(milliseconds)) == 1 else { return false }
        var buffer = [UInt8](repeating: 0, count: 65536)
        let count = unsafe read(output.rawValue, &buffer, buffer.count)
        pending += buffer.prefix(max(0, count))
        return count > 0
    }

    private func wait() {
        // The child stays a zombie, and its pid its own, until the lock is held: see `signal`.
        var information = unsafe siginfo_t()
        while unsafe waitid(P_PID, id_t(pid), &information, WEXITED | WNOWAIT) < 0, errno == EINTR {}
        _ = isRunning
    }

    private func text(_ name: String) -> String {
        String(decoding: FileManager.default.contents(atPath: files.file(name)) ?? Data(), as: UTF8.self)
    }

    /// Runs a program to its end.
    package static func run(
        _ path: String, _ arguments: [String], environment: [String: String] = [:], input: Input = .none
    ) throws -> Output {
        try ChildProcess(path, arguments, environment: environment, input: input, output: .file).finish()
    }

    /// Runs a Python program to its end; what it printed.
    ///
    /// - Throws: `Failed` when it raised.
    package static func python(_ program: String, _ arguments: String...) throws -> String {
        let output = try run("/usr/bin/env", ["python3", "-c", program] + arguments)
        guard output.status == 0 else { throw Failed(output: output) }
        return output.standardOutput
    }
}
