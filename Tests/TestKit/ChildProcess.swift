// A process that a test started and ends: by its own pid, never by name.

import Foundation
import Glibc

/// The programs that the build put beside the tests.
package enum BuiltProduct {
    /// The folder of the running test bundle, which is the build's.
    package static let directory: String = {
        let path = (try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")) ?? ""
        return (path as NSString).deletingLastPathComponent
    }()

    package static func path(of name: String) -> String { "\(directory)/\(name)" }
}

/// A child process: started by `posix_spawn`, waited for by `waitpid`.
///
/// Foundation's `Process` waits on a run loop, which a test's thread has none of (swift-corelibs-foundation 6.3: the
/// wait never came back, the child stayed a zombie).
package final class ChildProcess {
    package struct Output: Sendable, Hashable {
        /// The exit status, or 128 and the signal's number.
        package var status: Int32
        package var standardOutput: String
        package var standardError: String
    }

    package struct NotStarted: Error {
        package let path: String
        package let errno: Int32
    }

    package let pid: Int32
    private var ended: Int32?
    private let output: FileHandle
    private var input: FileHandle?
    private let errorFile: String

    /// Starts a program.
    ///
    /// - Parameters:
    ///   - path: The executable.
    ///   - arguments: What follows its name.
    ///   - environment: The whole environment; `PATH` and `HOME` are added.
    /// - Throws: `NotStarted`.
    package init(_ path: String, _ arguments: [String], environment: [String: String] = [:]) throws {
        errorFile = "/tmp/dk-stderr-\(UUID().uuidString)"
        let outputPipe = try Self.pipe()
        let inputPipe = try Self.pipe()
        var actions = unsafe posix_spawn_file_actions_t()
        unsafe posix_spawn_file_actions_init(&actions)
        defer { unsafe posix_spawn_file_actions_destroy(&actions) }
        unsafe posix_spawn_file_actions_adddup2(&actions, inputPipe.read, 0)
        unsafe posix_spawn_file_actions_adddup2(&actions, outputPipe.write, 1)
        unsafe posix_spawn_file_actions_addopen(&actions, 2, errorFile, O_WRONLY | O_CREAT | O_TRUNC, 0o600)
        let whole = environment.merging(
            ["PATH": "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin", "HOME": "/nonexistent"],
            uniquingKeysWith: { own, _ in own })
        var argv = unsafe ([path] + arguments).map { unsafe strdup($0) } + [nil]
        var envp = unsafe whole.map { unsafe strdup("\($0.key)=\($0.value)") } + [nil]
        defer { unsafe (argv + envp).forEach { unsafe free($0) } }
        var pid: Int32 = 0
        let failure = unsafe posix_spawn(&pid, path, &actions, nil, &argv, &envp)
        close(inputPipe.read)
        close(outputPipe.write)
        output = FileHandle(fileDescriptor: outputPipe.read, closeOnDealloc: true)
        input = FileHandle(fileDescriptor: inputPipe.write, closeOnDealloc: true)
        self.pid = pid
        guard failure == 0 else { throw NotStarted(path: path, errno: failure) }
    }

    deinit {
        if isRunning {
            kill(pid, SIGKILL)
            wait()
        }
        unsafe unlink(errorFile)
    }

    private static func pipe() throws -> (read: Int32, write: Int32) {
        var ends: [Int32] = [-1, -1]
        // A socket pair, since it alone is closed on exec from the start: pipe2 is not in Glibc's module, and a sibling
        // that is spawned meanwhile would keep an end open for its whole life.
        let type = Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue)
        guard unsafe socketpair(AF_UNIX, type, 0, &ends) == 0 else {
            throw NotStarted(path: "socketpair", errno: errno)
        }
        return (ends[0], ends[1])
    }

    package var isRunning: Bool {
        guard ended == nil else { return false }
        var status: Int32 = 0
        guard unsafe waitpid(pid, &status, WNOHANG) == pid else { return true }
        ended = status
        return false
    }

    package var standardErrorSoFar: String { (try? String(contentsOfFile: errorFile, encoding: .utf8)) ?? "" }

    /// Reads one line of the child's standard output; nothing when it ends before.
    package func readLine() -> String? {
        var bytes: [UInt8] = []
        while let byte = try? output.read(upToCount: 1)?.first {
            if byte == UInt8(ascii: "\n") { return String(decoding: bytes, as: UTF8.self) }
            bytes.append(byte)
        }
        return bytes.isEmpty ? nil : String(decoding: bytes, as: UTF8.self)
    }

    package func closeInput() { input = nil }

    package func signal(_ number: Int32) {
        if isRunning { kill(pid, number) }
    }

    /// Waits for the end and gives back all of the output that was not read before.
    package func finish() -> Output {
        closeInput()
        let rest = (try? output.readToEnd()) ?? Data()
        wait()
        let status = ended ?? 0
        let signal = status & 0x7F
        return Output(
            status: signal == 0 ? (status >> 8) & 0xFF : 128 + signal,
            standardOutput: String(decoding: rest, as: UTF8.self),
            standardError: standardErrorSoFar)
    }

    private func wait() {
        guard ended == nil else { return }
        var status: Int32 = 0
        while unsafe waitpid(pid, &status, 0) < 0, errno == EINTR {}
        ended = status
    }

    /// Runs a program to its end.
    package static func run(
        _ path: String, _ arguments: [String], environment: [String: String] = [:]
    ) throws -> Output {
        try ChildProcess(path, arguments, environment: environment).finish()
    }
}

/// A directory that goes when the test does.
package final class TemporaryDirectory: Sendable {
    package let path: String

    package init() throws {
        // Short, because a socket's path has 107 bytes.
        path = "/tmp/dk-\(UUID().uuidString.prefix(8).lowercased())"
        try FileManager.default.createDirectory(
            atPath: path, withIntermediateDirectories: false, attributes: [.posixPermissions: 0o755])
    }

    deinit { try? FileManager.default.removeItem(atPath: path) }

    package func file(_ name: String) -> String { "\(path)/\(name)" }

    package func makeDirectory(_ name: String) throws {
        try FileManager.default.createDirectory(atPath: file(name), withIntermediateDirectories: true)
    }

    /// Writes a file and gives back its path.
    package func write(_ name: String, _ text: String, mode: Int = 0o600) throws -> String {
        let path = file(name)
        try Data(text.utf8).write(to: URL(fileURLWithPath: path))
        try FileManager.default.setAttributes([.posixPermissions: mode], ofItemAtPath: path)
        return path
    }
}
