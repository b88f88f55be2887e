// What it costs that nothing is lost: from a request to its durable acknowledgement, from a start to the jobs of the run
// before, and a page of a long list.

import ArgumentParser
import Glibc
import LineSocket
import Wire

struct DurabilityCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "durability",
        abstract: "Measure durable acknowledgement, recovery and lists, with every fsync on.")

    @Option(help: "Requests of each submitter.")
    var requests = 500

    @Option(help: "Open jobs to recover, least first; several times. (default: 1000, 10000, 100000)")
    var open: [Int] = []

    @Option(help: "Ended jobs to list at the end, as copies of those that were made.")
    var ended = 1_000_000

    @Option(help: "Where the state lies; a directory on a real disk.")
    var work: String?

    func validate() throws {
        guard (10...100_000).contains(requests), (0...10_000_000).contains(ended),
            open.allSatisfy({ (1...10_000_000).contains($0) })
        else {
            throw ValidationError("requests and open jobs have to be sensible")
        }
    }

    func run() throws {
        DescriptorLimit.raise()
        let workplace = try Workplace(work: work)
        defer { workplace.remove() }
        let upstream = try Upstream(workplace: workplace)
        defer { upstream.stop() }
        // Nothing is answered upstream, so jobs stay open and take no time from what is measured.
        let (listener, port) = try Sockets.silentPort()
        defer { close(listener) }
        let extra = "[limits]\nmax_queue = 1000000\n"
        func start(_ name: String, state: String? = nil) throws -> DaemonProcess {
            try DaemonProcess(
                name: name, state: state, extra: extra, port: port, upstream: upstream, workplace: workplace)
        }
        try acknowledge(try start("durable"))
        try recover(try start("recovered"), start)
    }

    /// From a request to its durable acknowledgement.
    private func acknowledge(_ daemon: DaemonProcess) throws {
        defer { daemon.stop() }
        print("| submitters | median ms | p99 ms | jobs/s |\n|---:|---:|---:|---:|")
        for submitters in [1, 32] {
            let figures = try submit(requests, by: submitters, to: daemon)
            let sorted = figures.durations.map(\.milliseconds).sorted()
            let rate = Double(sorted.count) / figures.elapsed.seconds
            print(
                "| \(submitters) | \((Statistics.median(sorted) ?? 0).short) | \(sorted[sorted.count * 99 / 100].short) "
                    + "| \(rate.short) |")
        }
    }

    /// From a start to the jobs of the run before, and the pages of its list.
    private func recover(_ first: DaemonProcess, _ start: (String, String?) throws -> DaemonProcess) throws {
        var daemon = first
        defer { daemon.stop() }
        let state = daemon.state
        print(
            "\n| open jobs | start to READY ms | to all in line ms | goal | job.list page ms |\n|---:|---:|---:|---|---:|"
        )
        var made = 0
        var shortPage: Double?
        for count in (open.isEmpty ? [1_000, 10_000, 100_000] : open).sorted() {
            if made < count {
                let more = max(1, (count - made + 31) / 32 - 1)
                _ = try submit(more, by: 32, to: daemon)
                made += (more + 1) * 32
            }
            daemon.crash()
            daemon = try start("recovered-\(count)", state)
            let client = try JobClient(socket: daemon.socket)
            let inLine = daemon.startDuration + (try client.waitUntilTakenUp())
            let page = Statistics.median(try (0..<50).map { _ in try client.page().milliseconds }) ?? 0
            shortPage = shortPage ?? page
            let verdict = inLine.milliseconds <= Self.recoveryMilliseconds ? "reached" : "missed"
            // What is known of a hundred thousand says nothing of more.
            let goal = made <= 110_000 ? "\(Self.recoveryMilliseconds.short): \(verdict)" : ""
            print(
                "| \(made) | \(daemon.startDuration.milliseconds.short) | \(inLine.milliseconds.short) | \(goal) "
                    + "| \(page.short) |")
        }
        guard ended > 0 else { return }
        daemon.stop()
        let total = try Copies.end(ended, in: state)
        daemon = try start("listed", state)
        let client = try JobClient(socket: daemon.socket)
        // Beside taking up a hundred thousand jobs a page takes as long as that lets it.
        _ = try client.waitUntilTakenUp()
        let newest = Statistics.median(try (0..<50).map { _ in try client.page().milliseconds }) ?? 0
        let done = Statistics.median(try client.pages(50, of: .done).map(\.milliseconds)) ?? 0
        // A done job has rows that an open one has not, so a longer list may cost twice a page of the shortest.
        let isFlat = max(newest, done) <= 2 * (shortPage ?? .infinity)
        print("\n| jobs | newest page of job.list ms | 50 pages of done jobs, median ms | goal |\n|---:|---:|---:|---|")
        print("| \(total) | \(newest.short) | \(done.short) | flat: \(isFlat ? "reached" : "missed") |")
    }

    /// A hundred thousand open jobs are in line again within this time.
    private static let recoveryMilliseconds = 2000.0

    private func submit(_ count: Int, by submitters: Int, to daemon: DaemonProcess) throws -> Load.Figures {
        let socket = daemon.socket
        return try Load.concurrent(connections: submitters, count: count) { try JobClient(socket: socket) }
    }
}

/// A client that does not wait for its jobs.
private final class JobClient: ImageClient {
    private let channel: LineChannel
    private var lastID: Int64 = 0

    init(socket: String) throws { channel = try LineChannel(connectingTo: socket, timeout: .seconds(10)) }

    /// Has a job accepted.
    func fetch() throws {
        var params = GenerateImage.Params(prompt: "a red fox")
        params.wait = false
        params.deadlineSeconds = 86_400
        _ = try ask(GenerateImage.self, params, answeredBy: GenerateImage.Accepted.self)
    }

    /// Asks until the jobs of the run before are all in line; how long that took.
    func waitUntilTakenUp() throws -> Duration {
        let clock = ContinuousClock()
        let start = clock.now
        while try !ask(GetStatus.self, GetStatus.Params(), answeredBy: GetStatus.Result.self).ready {
            // Asked without a pause it would measure the asking.
            usleep(5000)
        }
        return clock.now - start
    }

    /// The time of one page of the newest jobs.
    func page() throws -> Duration {
        try ContinuousClock().measure {
            _ = try ask(ListJobs.self, ListJobs.Params(limit: 50), answeredBy: ListJobs.Result.self)
        }
    }

    /// The times of pages of jobs in a state that follow one another.
    func pages(_ count: Int, of state: JobState) throws -> [Duration] {
        var cursor: String?
        return try (0..<count).map { _ in
            try ContinuousClock().measure {
                var params = ListJobs.Params(limit: 50)
                params.cursor = cursor
                params.state = state
                cursor = try ask(ListJobs.self, params, answeredBy: ListJobs.Result.self).cursor
            }
        }
    }

    private func ask<M: Method, Result: Decodable & Sendable>(
        _ method: M.Type, _ params: M.Params, answeredBy result: Result.Type
    ) throws -> Result {
        lastID += 1
        try channel.send(Question.line(method, id: .integer(lastID), params: params))
        while let line = try channel.receive(until: .now + .seconds(300)) {
            switch try WireJSON.decode(Incoming<Result>.self, from: line.bytes) {
            case .failure(_, let error): throw error
            case .success(_, let result): return result
            case .event, .other: continue
            }
        }
        throw BenchError("the daemon closed the connection")
    }
}
