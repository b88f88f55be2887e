// The real daemon as a process: own state, own socket, readiness told by its READY to a socket of ours.

import Foundation
import Glibc

/// A running `darkroomd` in the foreground mode.
package final class RunningDaemon {
    package let directory: TemporaryDirectory
    package let socket: String
    package let adminSocket: String
    package let process: ChildProcess
    package let manager: FakeServiceManager

    package struct NotReady: Error {
        package let status: Int32?
        package let standardError: String
    }

    /// The usual configuration: one project on the simulator.
    package static func configuration(_ simulator: RunningSimulator, extra: String = "", project: String = "") -> String
    {
        """
        \(extra)
        [[project]]
        name = "default"
        route = "native"
        base_url = "\(simulator.url)"
        ca_file = "\(simulator.caFile)"
        \(project)
        """
    }

    /// Starts the daemon and waits for its READY.
    ///
    /// - Parameters:
    ///   - configuration: The text of its TOML file; no file when absent.
    ///   - key: The credential; no file when absent.
    ///   - directory: Where state, sockets and credentials are; the same again is a restart.
    ///   - arguments: More options.
    ///   - environment: What its environment holds besides.
    /// - Throws: `NotReady`, with what the daemon said.
    package init(
        configuration: String?, key: String? = RunningSimulator.key, directory: TemporaryDirectory? = nil,
        arguments: [String] = [], environment: [String: String] = [:]
    ) throws {
        let directory = try directory ?? TemporaryDirectory()
        self.directory = directory
        socket = directory.file("s")
        adminSocket = directory.file("a")
        manager = try FakeServiceManager(path: directory.file("notify-\(UUID().uuidString.prefix(8))"))
        process = try Self.start(
            directory, configuration: configuration, key: key, notify: manager.path, arguments: arguments,
            environment: environment)
        guard manager.wait(for: "READY=1", orEndOf: process) else {
            if process.isRunning { process.signal(SIGKILL) }
            let output = process.finish()
            throw NotReady(status: output.status, standardError: output.standardError)
        }
    }

    deinit {
        if process.isRunning {
            process.signal(SIGKILL)
            _ = process.finish()
        }
        Canary.requireNowhere(below: directory.path, output: process.standardErrorSoFar)
    }

    /// SIGTERM, and the end waited for.
    package func stop() -> ChildProcess.Output {
        process.signal(SIGTERM)
        return process.finish()
    }

    /// `kill -9`.
    package func crash() {
        process.signal(SIGKILL)
        _ = process.finish()
    }

    /// Starts the process alone.
    package static func start(
        _ directory: TemporaryDirectory, configuration: String?, key: String?, notify: String? = nil,
        arguments: [String] = [], environment: [String: String] = [:]
    ) throws -> ChildProcess {
        let credentials = directory.file("credentials")
        try? FileManager.default.createDirectory(atPath: credentials, withIntermediateDirectories: true)
        let keyFile = "\(credentials)/gemini-api-key"
        try? FileManager.default.removeItem(atPath: keyFile)
        if let key { _ = try directory.write("credentials/gemini-api-key", key + "\n") }
        var options = [
            "--socket", directory.file("s"), "--admin-socket", directory.file("a"), "--state", directory.file("state"),
            "--credentials", credentials,
        ]
        let file = directory.file("darkroom.toml")
        if let configuration {
            _ = try directory.write("darkroom.toml", configuration, mode: 0o644)
            options += ["--config", file]
        }
        var environment = environment
        if let notify { environment["NOTIFY_SOCKET"] = notify }
        return try ChildProcess(
            BuiltProduct.path(of: "darkroomd"), options + arguments, environment: environment)
    }
}

/// What stands in for PID 1: a datagram socket that keeps everything it is told.
package final class FakeServiceManager {
    package let path: String
    private let descriptor: Int32
    private var messages: [String] = []

    package struct Unavailable: Error { package let errno: Int32 }

    package init(path: String) throws {
        self.path = path
        descriptor = Glibc.socket(AF_UNIX, Int32(SOCK_DGRAM.rawValue), 0)
        guard descriptor >= 0 else { throw Unavailable(errno: errno) }
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        let bytes = Array(path.utf8)
        unsafe withUnsafeMutableBytes(of: &address.sun_path) { unsafe $0.copyBytes(from: bytes) }
        let status = unsafe withUnsafePointer(to: &address) { pointer in
            unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                unsafe bind(descriptor, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
            }
        }
        guard status == 0 else { throw Unavailable(errno: errno) }
    }

    deinit {
        close(descriptor)
        unsafe unlink(path)
    }

    /// Everything told so far, in order.
    package var transcript: [String] {
        while receive(milliseconds: 0) {}
        return messages
    }

    /// Waits for a message with that line; false when the process ended or a minute went by.
    package func wait(for line: String, orEndOf process: ChildProcess) -> Bool {
        for _ in 0..<600 {
            if messages.contains(where: { $0.split(separator: "\n").contains(Substring(line)) }) { return true }
            if !receive(milliseconds: 100), !process.isRunning {
                return receive(milliseconds: 0) && wait(for: line, orEndOf: process)
            }
        }
        return false
    }

    private func receive(milliseconds: Int32) -> Bool {
        var poll = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
        guard unsafe Glibc.poll(&poll, 1, milliseconds) == 1 else { return false }
        var buffer = [UInt8](repeating: 0, count: 4096)
        let count = unsafe recv(descriptor, &buffer, buffer.count, 0)
        guard count > 0 else { return false }
        messages.append(String(decoding: buffer[..<count], as: UTF8.self))
        return true
    }
}
