// What is done once a round, by section: the work, and the figures that it gives.

import Glibc
import NIOCore

/// A part of the comparison that can be run alone.
enum Section: String, CaseIterable {
    case warm, tiny, memory, fresh, link, start, idle, version
}

/// How much work a trial is.
struct Amount {
    /// 4K images of one trial, one at a time.
    let large: Int
    /// Tiny images of one trial, one at a time.
    var tiny: Int { large * 10 }
    /// Tiny images of each of 64 connections.
    var tinyEach: Int { large * 2 }
    /// Runs of a fresh process.
    var fresh: Int { max(3, large / 4) }
    /// Ended jobs in the state of `start`.
    let endedJobs: Int
}

/// Makes the trials of a section.
struct Trials {
    let contenders: Contenders
    let amount: Amount

    static let connections = 64

    func trials(of section: Section) throws -> [Trial] {
        switch section {
        case .warm: warm()
        case .tiny: tiny()
        case .memory: memory()
        case .fresh: try fresh()
        case .link: try link()
        case .start: try start()
        case .idle: idle()
        case .version: try version()
        }
    }

    private func warm() -> [Trial] {
        let daemons: [Contender] = [
            .daemon(.fd, .memory), .daemon(.fd, .disk), .daemon(.inline, .memory), .daemon(.inline, .disk),
        ]
        return [direct(.k4, .warm4KLatency, processor: .warm4KProcessor, count: amount.large)]
            + ([.nginx, .liteLLM] + daemons).map { contender in
                single(contender, .k4, .warm4KLatency, processor: .warm4KProcessor, count: amount.large)
            }
    }

    private func tiny() -> [Trial] {
        let daemons: [Contender] = [.daemon(.fd, .disk), .daemon(.fd, .memory)]
        return [direct(.tiny, .tinyLatency, processor: nil, count: amount.tiny)]
            + ([.nginx, .liteLLM] + daemons).map { single($0, .tiny, .tinyLatency, processor: nil, count: amount.tiny) }
            + ([.nginx, .liteLLM] + daemons).map { rate($0) }
    }

    private func direct(_ size: ImageSize, _ latency: Measure, processor: Measure?, count: Int) -> Trial {
        Trial(name: "direct, \(size.rawValue)") {
            let client = DirectClient(upstream: contenders.upstream, size: size)
            let before = ProcessFigures.ownProcessorTime
            let durations = try client.fetch(count: count, warmUp: 3)
            let used = ProcessFigures.ownProcessorTime - before
            var figures = [Series(latency, .direct): Statistics.median(durations.map(\.milliseconds)) ?? 0]
            if let processor { figures[Series(processor, .direct)] = used.milliseconds / Double(count + 3) }
            return figures
        }
    }

    private func single(
        _ contender: Contender, _ size: ImageSize, _ latency: Measure, processor: Measure?, count: Int
    ) -> Trial {
        Trial(name: "\(contender.title), \(size.rawValue)") {
            guard let (open, pid) = try contenders.clients(of: contender, size: size) else { return [:] }
            let client = try open()
            for _ in 0..<3 { try client.fetch() }
            func processorTime() -> Duration {
                ProcessFigures.processorTime(withDescendants: pid) + ProcessFigures.ownProcessorTime
            }
            let before = processorTime()
            let figures = try Load.single(client, count: count)
            let used = processorTime() - before
            var result = [Series(latency, contender): figures.medianMilliseconds ?? 0]
            if let processor { result[Series(processor, contender)] = used.milliseconds / Double(count) }
            return result
        }
    }

    private func rate(_ contender: Contender) -> Trial {
        Trial(name: "\(contender.title), \(Self.connections) at once") {
            guard let (open, _) = try contenders.clients(of: contender, size: .tiny) else { return [:] }
            // LiteLLM answers some 150 a second: a tenth of the work tells as much.
            let each = contender == .liteLLM ? max(1, amount.tinyEach / 10) : amount.tinyEach
            let figures = try Load.concurrent(connections: Self.connections, count: each, open: open)
            return [
                Series(.tinyRate, contender): Double(Self.connections * each) / figures.elapsed.seconds
            ]
        }
    }

    /// Each daemon is a new one: what an earlier load left in its heap would hide what this one needs.
    private func memory() -> [Trial] {
        let all: [Contender] = [.daemon(.fd, .memory), .daemon(.inline, .memory), .nginx, .liteLLM]
        return all.map { contender in
            Trial(name: "\(contender.title), \(Self.connections) of 4K") {
                let own: DaemonProcess?
                if case .daemon(_, let place) = contender { own = try contenders.newDaemon(place) } else { own = nil }
                defer { own?.stop() }
                guard let (open, pid) = try contenders.clients(of: contender, size: .k4, daemon: own) else {
                    return [:]
                }
                // Each client has fetched one image before the peak is reset, so the pools are filled.
                _ = try Load.concurrent(connections: Self.connections, count: 1, open: open) {
                    try ProcessFigures.resetPeak(withDescendants: pid)
                }
                let peak = try ProcessFigures.memory(withDescendants: pid).peak
                return [Series(.peakMemory, contender): Double(peak) / 1e6]
            }
        }
    }

    private func fresh() throws -> [Trial] {
        let place = contenders.workplace
        let upstream = contenders.upstream
        let daemon = try contenders.daemon(.memory)
        var trials: [Trial] = []
        for (measure, size) in [(Measure.fresh4K, ImageSize.k4), (.fresh1K, .k1)] {
            func add(_ contender: Contender, _ process: FreshProcess?, count: Int) {
                guard let process else { return }
                trials.append(
                    Trial(name: "\(contender.title), \(size.rawValue)") {
                        [Series(measure, contender): try process.milliseconds(count: count)]
                    })
            }
            add(
                .command, try .command(size, daemon: daemon, upstream: upstream, workplace: place),
                count: amount.fresh * 2)
            add(.pipeline, .pipeline(size, upstream: upstream, workplace: place), count: amount.fresh)
            if let python = contenders.python {
                add(
                    .script, try .script(size, python: python, upstream: upstream, workplace: place),
                    count: max(2, amount.fresh / 2))
            }
        }
        return trials
    }

    private func version() throws -> [Trial] {
        let process = FreshProcess(
            executable: try contenders.workplace.program("darkroom"), arguments: ["--version"], file: nil,
            expectedBytes: 0)
        return [
            Trial(name: "darkroom --version") {
                [Series(.version, .command): try process.milliseconds(count: amount.fresh * 4)]
            }
        ]
    }
}
