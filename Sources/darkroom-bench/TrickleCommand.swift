// What a thousand connections of one user that never end their lines cost another user.

import ArgumentParser
import Glibc
import LineSocket

struct TrickleCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "trickle",
        abstract: "Measure server.hello beside another user's connections that send a byte at a time.",
        discussion: """
            darkroomd and gemini-simulator have to lie beside this program. Started by root, the trickling connections \
            are another user's; otherwise all are the same user's. Ends with status 1 when the 99th percentile is over \
            100 ms.
            """)

    @Option(help: "How many connections trickle.")
    var connections = 1_000

    @Option(help: "Whose they are.")
    var uid: UInt32 = 2_000

    @Option(help: "How long each row is measured, in seconds.")
    var seconds = 20

    @Option(help: "A directory on a disk.")
    var work: String?

    /// What has to be kept, in milliseconds.
    private static let bar = 100.0

    func validate() throws {
        guard (1...10_000).contains(connections), (1...3_600).contains(seconds), uid != 0, uid != getuid() else {
            throw ValidationError("connections, seconds and the uid have to be sensible")
        }
    }

    func run() throws {
        DescriptorLimit.raise()
        let workplace = try Workplace(work: work)
        defer { workplace.remove() }
        let interruption = Interruption(workplace: workplace)
        defer { interruption.cancel() }
        let upstream = try Upstream(workplace: workplace)
        defer { upstream.stop() }
        let daemon = try DaemonProcess(name: "trickle", upstream: upstream, workplace: workplace)
        defer { daemon.stop() }
        if getuid() != 0 { Progress.say("not root: the trickling connections are of the same user") }
        guard unsafe chmod(daemon.socket, 0o666) == 0 else { throw BenchError.system("chmod") }

        print("| beside | on one connection: median | p99 | longest | on a new one each time: median | p99 | longest |")
        print("|---|---:|---:|---:|---:|---:|---:|")
        let own = try workplace.own
        _ = try row("nobody", daemon)
        let slow = try trickling(bytesPerSecond: 10, daemon, own) { try row("\(connections) at 10 bytes/s", daemon) }
        let fast = try trickling(bytesPerSecond: 0, daemon, own) { try row("\(connections) without a pause", daemon) }
        guard max(slow, fast) < Self.bar else { throw ExitCode(1) }
    }

    /// Measures while the connections trickle in a process of their user's.
    private func trickling(
        bytesPerSecond: Int, _ daemon: DaemonProcess, _ own: String, _ measure: () throws -> Double
    ) throws -> Double {
        let output = try Pipe()
        let process = try ChildProcess(
            own,
            [
                "trickle-clients", "\(connections)", daemon.socket, "--uid", "\(getuid() == 0 ? uid : getuid())",
                "--bytes-per-second", "\(bytesPerSecond)",
            ], output: .descriptor(output.writing))
        close(output.writing)
        defer {
            process.end()
            close(output.reading)
        }
        var byte: UInt8 = 0
        guard Sockets.isReadable(output.reading, within: .seconds(60)), unsafe read(output.reading, &byte, 1) == 1
        else { throw BenchError("the connections did not come about") }
        return try measure()
    }

    /// Prints a row; returns the larger 99th percentile, in milliseconds.
    private func row(_ name: String, _ daemon: DaemonProcess) throws -> Double {
        let kept = try client(of: daemon)
        var (onOne, onNew): ([Double], [Double]) = ([], [])
        let end = ContinuousClock.now + .seconds(seconds)
        while ContinuousClock.now < end {
            onOne.append(try milliseconds { try kept.greet() })
            onNew.append(try milliseconds { try client(of: daemon).greet() })
            // An answer in a while, as a person asks; a loop would take the processor from both sides.
            usleep(2_000)
        }
        let figures = [onOne, onNew].map { samples in
            let sorted = samples.sorted()
            return (Statistics.median(sorted) ?? 0, sorted[sorted.count * 99 / 100], sorted.last ?? 0)
        }
        let cells = figures.map { "\($0.0.short) ms | \($0.1.short) ms | \($0.2.short) ms" }
        print("| \(name) | \(cells.joined(separator: " | ")) |")
        fflush(nil)
        return figures.map { $0.1 }.max() ?? 0
    }

    private func client(of daemon: DaemonProcess) throws -> DaemonClient {
        try DaemonClient(socket: daemon.socket, way: .fd, size: .tiny, expectedBytes: 0)
    }

    private func milliseconds(_ work: () throws -> Void) rethrows -> Double {
        try ContinuousClock().measure(work).milliseconds
    }
}

/// The other side of `trickle`; not for a person.
struct TrickleClientsCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "trickle-clients", abstract: "Send a byte at a time on many connections.", shouldDisplay: false)

    @Argument(help: "How many connections.")
    var count: Int

    @Argument(help: "The daemon's socket.")
    var socket: String

    @Option(help: "Whose they are.")
    var uid: UInt32

    @Option(help: "On each connection; 0 is without a pause.")
    var bytesPerSecond: Int

    func run() throws {
        DescriptorLimit.raise()
        guard uid == getuid() || (setgid(uid) == 0 && setuid(uid) == 0) else { throw BenchError.system("setuid") }
        var sockets: [Int32] = []
        for _ in 0..<count { sockets.append(try Sockets.unix(socket, type: SOCK_STREAM)) }
        print("trickling")
        fflush(nil)
        // The process is ended from outside.
        while true {
            for index in sockets.indices {
                if index % 10 == 0, bytesPerSecond > 0 {
                    // The pause is the trickle: it makes the rate that this is about.
                    usleep(UInt32(10 * 1_000_000 / (bytesPerSecond * max(10, count))))
                }
                var byte = UInt8(ascii: "[")
                let sent = unsafe send(sockets[index], &byte, 1, Int32(MSG_NOSIGNAL) | Int32(MSG_DONTWAIT))
                guard sent < 0, errno != EAGAIN else { continue }
                // Refused because its line took too long, or no longer wanted: it comes again.
                close(sockets[index])
                sockets[index] = try Sockets.unix(socket, type: SOCK_STREAM)
            }
        }
    }
}
