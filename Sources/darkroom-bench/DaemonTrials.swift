// The trials that need daemons of their own: behind a slow link, at start, and with nothing to do.

import FoundationEssentials
import Glibc
import NIOCore

extension Trials {
    func link() throws -> [Trial] {
        let relay = try DelayingRelay(to: contenders.upstream.port, delay: .milliseconds(20))
        let daemon = try contenders.newDaemon(.memory, port: relay.port)
        var trials = [
            Trial(name: "darkroom behind the link") {
                let contender = Contender.daemon(.fd, .memory)
                guard let (open, _) = try contenders.clients(of: contender, size: .k4, daemon: daemon) else {
                    return [:]
                }
                let client = try open()
                for _ in 0..<2 { try client.fetch() }
                let figures = try Load.single(client, count: amount.large)
                return [Series(.link4K, contender): figures.medianMilliseconds ?? 0]
            }
        ]
        if let curl = Workplace.installed("curl") {
            trials.append(Trial(name: "curl behind the link") { try transfers(curl, port: relay.port) })
        }
        return trials
    }

    /// Several transfers by one curl: the first opens the connection, the others find it open.
    private func transfers(_ curl: String, port: Int) throws -> [Series: Double] {
        let directory = contenders.workplace.disk
        let times = "\(directory)/times"
        let url = "\(contenders.upstream.baseURL(port: port))/models/\(ImageSize.k4.model):generateContent"
        var arguments = [
            "-sS", "--fail", "--http1.1", "--cacert", contenders.upstream.authority,
            "-H", "x-goog-api-key: \(contenders.upstream.key)", "-H", "content-type: application/json",
            "-d", #"{"contents":[{"parts":[{"text":"a red fox"}]}]}"#,
            "-w", "%{num_connects} %{time_total} %{size_download}\n",
        ]
        for _ in 0...amount.large { arguments += [url, "-o", "/dev/null"] }
        let ending = try ChildProcess(curl, arguments, output: .file(times)).wait()
        guard ending.status == 0 else { throw BenchError("curl ended with status \(ending.status)") }
        let body = "\(contenders.workplace.answers)/\(ImageSize.k4.model).json"
        let bodyBytes = try Data(contentsOf: URL(filePath: body)).count
        var kept: [Double] = []
        var fresh: [Double] = []
        for line in try ProcFile.text(times).split(separator: "\n") {
            let fields = line.split(separator: " ").compactMap { Double($0) }
            guard fields.count == 3, Int(fields[2]) == bodyBytes else { throw BenchError("curl fetched: \(line)") }
            if fields[0] == 0 { kept.append(fields[1] * 1_000) } else { fresh.append(fields[1] * 1_000) }
        }
        return [
            Series(.link4K, .curlReused): Statistics.median(kept) ?? .infinity,
            Series(.link4K, .curlFresh): Statistics.median(fresh) ?? .infinity,
        ]
    }

    func start() throws -> [Trial] {
        let contender = Contender.daemon(.fd, .disk)
        var trials = [
            Trial(name: "start, empty") {
                let daemon = try contenders.newDaemon(.disk)
                defer { daemon.stop() }
                return [Series(.startEmpty, contender): daemon.startDuration.milliseconds]
            }
        ]
        guard amount.endedJobs > 0 else { return trials }
        let state = try stateWithEndedJobs()
        trials.append(
            Trial(name: "start, \(amount.endedJobs) ended jobs") {
                let daemon = try contenders.newDaemon(.disk, state: state)
                defer { daemon.stop() }
                return [Series(.startFull, contender): daemon.startDuration.milliseconds]
            })
        return trials
    }

    /// Real jobs, made through a daemon whose state is in memory, then copied to disk.
    private func stateWithEndedJobs() throws -> String {
        let daemon = try contenders.newDaemon(.memory)
        let each = amount.endedJobs / Self.connections
        if let (open, _) = try contenders.clients(of: .daemon(.fd, .memory), size: .tiny, daemon: daemon) {
            _ = try Load.concurrent(connections: Self.connections, count: each, open: open)
        }
        daemon.stop()
        let state = "\(contenders.workplace.disk)/ended"
        try FileManager.default.copyItem(atPath: daemon.state, toPath: state)
        try FileManager.default.removeItem(atPath: daemon.state)
        return state
    }

    func idle() -> [Trial] {
        let contender = Contender.daemon(.fd, .disk)
        var trials = [
            Trial(name: "idle") {
                let daemon = try contenders.newDaemon(.disk)
                defer { daemon.stop() }
                let resident = try ProcessFigures.memory(withDescendants: daemon.pid).resident
                let held = try memoryWithConnections(daemon)
                return [
                    Series(.idleMemory, contender): Double(resident) / 1e6,
                    Series(.heldMemory, contender): Double(held) / 1e6,
                ]
            }
        ]
        for (proxy, resident) in contenders.idleBytes {
            trials.append(
                Trial(name: "\(proxy.title), idle") { [Series(.idleMemory, proxy): Double(resident) / 1e6] })
        }
        return trials
    }

    private func memoryWithConnections(_ daemon: DaemonProcess) throws -> Int {
        let input = try Pipe()
        let output = try Pipe()
        let holder = try ChildProcess(
            contenders.workplace.own, ["hold", "10000", daemon.socket], input: .descriptor(input.reading),
            output: .descriptor(output.writing))
        close(input.reading)
        close(output.writing)
        defer {
            close(input.writing)
            close(output.reading)
            holder.end()
        }
        var byte: UInt8 = 0
        guard Sockets.isReadable(output.reading, within: .seconds(60)), unsafe read(output.reading, &byte, 1) == 1
        else {
            throw BenchError("10,000 connections could not be held")
        }
        return try ProcessFigures.memory(withDescendants: daemon.pid).resident
    }
}
