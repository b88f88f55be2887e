// What the daemon tells systemd about itself, in the words of sd_notify(3).

import Glibc

/// The service manager that started us, or nobody: every message to nobody succeeds and goes nowhere.
package final class ServiceManager: Sendable {
    private let socket: NotifySocket?
    private let statusLines: AsyncStream<String>
    private let statusFeed: AsyncStream<String>.Continuation

    /// Longest status line, in Unicode scalars: what `systemctl status` shows without wrapping beyond reason.
    static let statusLength = 199

    /// Opens the way to the manager named in `NOTIFY_SOCKET`, if there is one.
    package init(_ environment: SystemdEnvironment) throws(NotifyError) {
        if let address = environment.variables["NOTIFY_SOCKET"] {
            socket = try NotifySocket(address: address)
        } else {
            socket = nil
        }
        (statusLines, statusFeed) = AsyncStream.makeStream(bufferingPolicy: .bufferingNewest(1))
    }

    /// Whether anybody is told anything.
    package var isListening: Bool { socket != nil }

    /// Says that clients can be served, at start and again after every reload, whether it went well or not.
    ///
    /// - Parameter status: One line for `systemctl status`, sent in the same datagram.
    /// - Throws: What `sendto(2)` says, as every message of this class does.
    package func ready(status: String? = nil) throws(NotifyError) {
        try send(["READY=1"] + Self.statusFields(status))
    }

    /// Says that the configuration is being read again; `ready` must follow.
    ///
    /// `MONOTONIC_USEC` in the same datagram is what `Type=notify-reload` (systemd 253) waits for; 252 ignores it.
    package func reloading() throws(NotifyError) {
        var now = timespec()
        _ = unsafe clock_gettime(CLOCK_MONOTONIC, &now)
        try send(["RELOADING=1", "MONOTONIC_USEC=\(now.tv_sec * 1_000_000 + now.tv_nsec / 1_000)"])
    }

    /// Says that the end has begun; the first act of shutting down, before anything is closed.
    package func stopping(status: String? = nil) throws(NotifyError) {
        try send(["STOPPING=1"] + Self.statusFields(status))
    }

    /// Asks for more time to start, reload or stop, counted from now.
    ///
    /// It has effect only once the unit's own timeout has passed, so it is sent again within each window.
    package func extendTimeout(by duration: Duration) throws(NotifyError) {
        let (seconds, attoseconds) = duration.components
        try send(["EXTEND_TIMEOUT_USEC=\(seconds * 1_000_000 + attoseconds / 1_000_000_000_000)"])
    }

    /// Restarts the watchdog's count.
    package func ping() throws(NotifyError) { try send(["WATCHDOG=1"]) }

    /// Sets the line that `systemctl status` shows: never a prompt, a path or a key.
    ///
    /// Returns at once. `sendStatus` sends at most one line a second, always the newest; control characters become
    /// spaces, and a line over 199 characters is cut.
    package func status(_ line: String) { statusFeed.yield(line) }

    /// Sends the lines given to `status` until the task is cancelled.
    ///
    /// - Parameter clock: Whose seconds are counted.
    package func sendStatus<C: Clock>(clock: C = SuspendingClock()) async where C.Duration == Duration {
        var shown: [String] = []
        for await line in statusLines {
            let fields = Self.statusFields(line)
            // A line that could not be sent is overtaken by the next; nothing depends on it.
            if fields != shown, (try? send(fields)) != nil { shown = fields }
            guard (try? await clock.sleep(for: .seconds(1))) != nil else { return }
        }
    }

    private static func statusFields(_ line: String?) -> [String] {
        guard let line else { return [] }
        var text = ""
        for scalar in line.unicodeScalars.prefix(statusLength) {
            let isControl = scalar.properties.generalCategory == .control
            text.unicodeScalars.append(isControl ? " " : scalar)
        }
        return ["STATUS=\(text)"]
    }

    private func send(_ fields: [String]) throws(NotifyError) {
        try socket?.send(fields.joined(separator: "\n"))
    }
}
