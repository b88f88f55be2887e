// What a queued job is told: its place, and when it starts.

/// How long upstream takes, by model, as measured.
struct UpstreamTimes: Sendable {
    private var secondsByModel: [String: Double] = [:]

    /// An eighth for the newest, as TCP's smoothed round-trip time (RFC 6298) takes it.
    mutating func measured(_ seconds: Double, model: String) {
        let before = secondsByModel[model] ?? seconds
        secondsByModel[model] = before + (seconds - before) / 8
    }

    func seconds(model: String) -> Double? { secondsByModel[model] }
}

/// When a queued job can be expected to start.
package struct Forecast: Sendable, Equatable {
    /// From 1: how many starts until its own.
    package var position: Int
    package var startsInSeconds: Double

    package init(position: Int, startsInSeconds: Double) {
        self.position = position
        self.startsInSeconds = startsInSeconds
    }
}

extension Scheduler {
    /// Takes note of how long upstream took.
    package mutating func measured(seconds: Double, project: String, model: String) {
        projects[project]?.upstream.measured(seconds, model: model)
    }

    /// The place and the expected start of a queued job.
    ///
    /// With all slots busy they come free one by one, `time / slots` apart; a shut gate is waited for first.
    ///
    /// - Parameters:
    ///   - job: The job that is asked about.
    ///   - usualSeconds: Upstream's time, for as long as none was measured.
    ///   - now: Milliseconds since 1970.
    /// - Returns: Nil for a job that is not queued.
    package func forecast(_ job: Job, usualSeconds: Double, now: Int64) -> Forecast? {
        guard let ticket = tickets[job], let project = projects[ticket.project] else { return nil }
        let ahead = project.ahead(of: ticket)
        let gate = shutGate(project: ticket.project, model: ticket.model, now: now)
        let gateSeconds = gate.map { Double($0.until - now) / 1000 } ?? 0
        let free = max(0, project.slots - project.inFlight)
        let waves = Double(max(0, ahead + 1 - free)) / Double(max(1, project.slots))
        let seconds = project.upstream.seconds(model: ticket.model) ?? usualSeconds
        return Forecast(position: ahead + 1, startsInSeconds: gateSeconds + waves * seconds)
    }
}
