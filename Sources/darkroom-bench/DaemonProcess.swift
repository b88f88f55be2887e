// A darkroomd of the benchmark's own, started as systemd starts one: told by a notification when it serves.

import FoundationEssentials
import Glibc

/// A running daemon.
final class DaemonProcess {
    let socket: String
    let state: String
    /// From just before its start to the arrival of READY=1.
    let startDuration: Duration
    private let process: ChildProcess

    var pid: pid_t { process.pid }

    /// Starts a daemon and waits until it is ready.
    ///
    /// - Parameters:
    ///   - name: A name of its own within the workplace.
    ///   - state: A directory to use; a new one when nil.
    ///   - place: Where a new state directory lies.
    ///   - extra: Keys of the configuration before its project.
    ///   - port: Where its upstream is; the upstream's own port when nil.
    ///   - upstream: Whose key and authority it is given.
    ///   - workplace: Where its files lie.
    /// - Throws: With what it logged, when it is not ready within a minute.
    init(
        name: String, state: String? = nil, place: StatePlace = .disk, extra: String = "", port: Int? = nil,
        upstream: Upstream, workplace: Workplace
    ) throws {
        let directory = try workplace.directory(name)
        let credentials = try workplace.directory("\(name)/credentials")
        self.state = try state ?? workplace.directory("\(name)/state", in: place)
        socket = "\(directory)/socket"
        try workplace.write(upstream.key, to: "\(credentials)/gemini-api-key")
        try workplace.write(
            """
            \(extra)
            [[project]]
            name = "default"
            route = "native"
            base_url = "\(upstream.baseURL(port: port))"
            credential = "gemini-api-key"
            ca_file = "\(upstream.authority)"
            max_concurrent = 64

            """, to: "\(directory)/darkroom.toml")

        let notifications = "\(directory)/notify"
        unsafe unlink(notifications)
        let descriptor = try Sockets.unix(notifications, type: SOCK_DGRAM, bind: true)
        defer { close(descriptor) }
        let program = try workplace.program("darkroomd")
        let clock = ContinuousClock()
        let start = clock.now
        let process = try ChildProcess(
            program,
            [
                "--config", "\(directory)/darkroom.toml", "--socket", socket, "--state", self.state,
                "--credentials", credentials,
            ],
            environment: ["NOTIFY_SOCKET": notifications], error: .file("\(directory)/log"))
        self.process = process
        do {
            try Self.awaitReady(descriptor, process, log: "\(directory)/log")
        } catch {
            process.end()
            throw error
        }
        startDuration = clock.now - start
    }

    func stop() { process.end() }

    /// Ends it as a power cut would.
    func crash() { process.crash() }

    private static func awaitReady(_ descriptor: Int32, _ process: ChildProcess, log: String) throws {
        var datagram = [UInt8](repeating: 0, count: 4_096)
        let deadline = ContinuousClock.now + .seconds(60)
        while ContinuousClock.now < deadline {
            if Sockets.isReadable(descriptor, within: .milliseconds(100)) {
                let count = unsafe recv(descriptor, &datagram, datagram.count, 0)
                let text = String(decoding: datagram[..<max(0, count)], as: UTF8.self)
                if text.split(separator: "\n").contains("READY=1") { return }
            } else if process.ended != nil {
                break
            }
        }
        throw BenchError("darkroomd did not become ready:\n\((try? ProcFile.text(log)) ?? "")")
    }
}
