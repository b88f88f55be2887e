// `server.metrics`: the counters of this run, and how things stand at this moment.

import Engine
import LineSocket
import Store
import Wire

extension Methods {
    func measure() async throws -> ReadMetrics.Result {
        try await metrics.catchUp(with: store)
        var values = metrics.values()
        values.set(
            1, .build, ["version": Release.version, "protocol": "\(Hello.protocolVersion)"])
        let status = try await status()
        values.set(status.ready ? 1 : 0, .ready)
        values.set(Double(status.unknown), .unknown)
        values.set(Double(status.diskFreeBytes), .spoolFree)
        for project in status.projects {
            values.set(Double(project.inFlight), .inFlight, ["project": project.name])
            values.set(1, .keyState, ["project": project.name, "state": project.key.rawValue])
        }
        let work = try await engine.status()
        for (name, project) in work.projects {
            let bulk = project.queuedBulk
            values.set(Double(bulk), .queueDepth, ["project": name, "priority": "bulk"])
            values.set(
                Double(max(0, project.queued - bulk)), .queueDepth, ["project": name, "priority": "interactive"])
        }
        values.set(Double(work.joined), .coalesced)
        values.set(Double(work.missed), .cacheMisses)
        for (model, micros) in try await store.heldMicros() {
            values.set(Double(micros) / 1_000_000, .held, ["model": model])
        }
        for project in try await engine.quota(of: nil, terms: Terms()).projects { Self.add(project, to: &values) }
        values.set(Double(await reloading.server.connectionCount), .clients)
        for (reason, count) in await reloading.server.counters.rejections {
            values.set(Double(count), .rejected, ["reason": reason])
        }
        return ReadMetrics.Result(text: values.text())
    }

    private static func add(_ project: GetQuota.Project, to values: inout MetricValues) {
        for model in project.models {
            for window in model.windows {
                let labels: MetricLabels = [
                    "project": project.name, "model": model.model, "dimension": window.kind,
                ]
                values.set(Double(window.limit), .quotaLimit, labels)
                values.set(Double(window.used + window.held), .quotaUsed, labels)
                if window.limit > 0 {
                    values.set(Double(window.remaining) / Double(window.limit), .quotaRemaining, labels)
                }
                if let reset = window.resetsAt {
                    values.set((Double(reset.milliseconds) / 1000).rounded(), .quotaReset, labels)
                }
            }
        }
        for spend in project.spend {
            let labels: MetricLabels = ["project": project.name, "window": spend.kind]
            values.set(spend.limitUSD, .spendLimit, labels)
            values.set(spend.spentUSD + spend.heldUSD, .spendUsed, labels)
        }
    }
}

extension LineServer.Counters {
    /// Connections that were not served to their end, by reason.
    var rejections: [(reason: String, count: Int)] {
        [
            ("cap", refused), ("unidentified", unidentified), ("out_of_descriptors", outOfDescriptors),
            ("line_too_long", linesTooLong), ("line_too_slow", linesTooSlow), ("too_much_unfinished", hoarders),
            ("not_reading", stalled), ("broken_body", brokenBodies),
        ]
    }
}
