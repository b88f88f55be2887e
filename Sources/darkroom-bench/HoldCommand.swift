// Connections that are opened, greeted, and then do nothing.

import ArgumentParser
import Glibc

struct HoldCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "hold",
        abstract: "Hold idle connections to a daemon until standard input ends.",
        discussion: "Writes the line \"held\" to standard output when each connection has had an answer.")

    @Argument(help: "How many connections.")
    var count: Int

    @Argument(help: "The daemon's socket.")
    var socket: String

    func run() throws {
        DescriptorLimit.raise()
        var clients: [DaemonClient] = []
        for _ in 0..<count {
            let client = try DaemonClient(socket: socket, way: .fd, size: .tiny, expectedBytes: 0)
            try client.greet()
            clients.append(client)
        }
        print("held")
        fflush(nil)
        withExtendedLifetime(clients) {
            while readLine() != nil {}
        }
    }
}

/// How many files a process may have open.
enum DescriptorLimit {
    /// Raises the limit as far as it goes; children inherit it.
    static func raise() {
        var limit = rlimit()
        guard unsafe getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 else { return }
        limit.rlim_cur = limit.rlim_max
        _ = unsafe setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
    }
}
