// `server.metrics`: the counters of this run, and how things stand at this moment.

import Engine
import LineSocket
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
            values.set(Double(project.queued), .queueDepth, ["project": project.name])
            values.set(1, .keyState, ["project": project.name, "state": project.key.rawValue])
        }
        values.set(Double(await reloading.server.connectionCount), .clients)
        for (reason, count) in await reloading.server.counters.rejections {
            values.set(Double(count), .rejected, ["reason": reason])
        }
        return ReadMetrics.Result(text: values.text())
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
