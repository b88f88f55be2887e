// `server.reload`: the configuration is read again while the daemon serves. What is wrong changes nothing; what is right
// is on record before it is in force. systemd is told of both, since `systemctl reload` waits for READY either way.

import Dispatch
import Engine
import LineSocket
import Logging
import Store
import Synchronization
import Systemd
import Wire

/// Puts a new configuration in the place of the old one.
struct Reloading: Sendable {
    /// The file that the daemon was started with; nothing for the standard one.
    let path: String?
    let live: LiveSettings
    /// What the projects were made from: their keys act with a restart.
    let projects: [ProjectConfiguration]
    let engine: Engine
    let server: LineServer
    let store: Store
    let manager: ServiceManager
    let logger: Logger
    private let turn = OneAtATime()

    init(
        path: String?, live: LiveSettings, engine: Engine, server: LineServer, store: Store, manager: ServiceManager,
        logger: Logger
    ) {
        self.path = path
        self.live = live
        projects = live.configuration.projects
        self.engine = engine
        self.server = server
        self.store = store
        self.manager = manager
        self.logger = logger
    }

    /// Reads, checks and takes into use; returns when the new configuration is in force.
    ///
    /// - Throws: `invalid_configuration` with file and line, and then the old one stays in force.
    func run(by principal: Principal) async throws -> ReloadConfiguration.Result {
        guard turn.begin() else {
            throw WireError(.conflict, "the configuration is being read already", hint: "try again", retryable: true)
        }
        defer { turn.end() }
        try? manager.reloading()
        // Last of all, and whatever came of it: without READY the unit would stay in `reloading` for ever.
        defer { try? manager.ready() }
        switch await read() {
        case .success(let settings): return try await adopt(settings, for: principal)
        case .failure(let error):
            live.refuse()
            logger.error("the configuration was refused, the old one stays", metadata: ["reason": "\(error)"])
            try await record(
                .reloadRefused, by: principal,
                [
                    "file": .string(error.origin.file), "line": error.origin.line.map { .integer(Int64($0)) } ?? .null,
                    "reason": .string(error.reason),
                ])
            throw error.wireError
        }
    }

    /// On a thread of its own: files and account databases are waited for.
    private func read() async -> Result<Settings, ConfigurationError> {
        await withCheckedContinuation { continuation in
            DispatchQueue(label: "darkroomd.reload").async {
                continuation.resume(
                    returning: Result { () throws(ConfigurationError) in try Settings(reading: path) })
            }
        }
    }

    private func adopt(_ settings: Settings, for principal: Principal) async throws -> ReloadConfiguration.Result {
        let configuration = settings.configuration
        let late = waitingForRestart(configuration)
        try await record(.policyLoaded, by: principal, ["hash": .string(configuration.hash)])
        live.adopt(settings)
        store.goOnWithoutRecord(configuration.failsOpen)
        engine.adopt(Startup.engineSettings(configuration))
        await server.adopt(Startup.serverLimits(configuration.limits))
        for caution in configuration.cautions + late { logger.warning("\(caution)") }
        logger.info("the configuration was read again", metadata: ["hash": "\(configuration.hash)"])
        let warnings =
            configuration.cautions.map { Warning(.caution, $0) } + late.map { Warning(.needsRestart, $0) }
        return ReloadConfiguration.Result(reloaded: true, warnings: warnings.isEmpty ? nil : warnings)
    }

    /// What differs and does not act before the daemon is started again.
    private func waitingForRestart(_ new: Configuration) -> [String] {
        let old = Dictionary(uniqueKeysWithValues: projects.map { ($0.name, $0) })
        var late: [String] = []
        for project in new.projects {
            guard let before = old[project.name] else {
                late.append("project \(project.name) is new: restart the daemon for it")
                continue
            }
            let keys = project.fixedKeys(unlike: before)
            guard !keys.isEmpty else { continue }
            late.append("project \(project.name): \(keys.joined(separator: ", ")) changes with a restart of the daemon")
        }
        let names = Set(new.projects.map { $0.name })
        late += projects.filter { !names.contains($0.name) }
            .map { "project \($0.name) is gone from the configuration: it is served until a restart of the daemon" }
        if new.timeZone != live.configuration.timeZone {
            late.append("time_zone changes with a restart of the daemon")
        }
        if new.retention.reserveBytes != live.configuration.retention.reserveBytes {
            late.append("retention.reserve_bytes changes with a restart of the daemon")
        }
        return late
    }

    private func record(_ event: AuditEvent, by principal: Principal, _ details: [String: JSONValue]) async throws {
        try await store.record(
            AuditEntry(
                event, at: Startup.now().milliseconds, origin: principal.origin,
                details: String(decoding: WireJSON.encode(details), as: UTF8.self)))
    }
}

extension Warning.Code {
    /// A part of the configuration does not act.
    static let caution = Warning.Code(rawValue: "caution")
    /// A part of the configuration acts with the daemon's next start.
    static let needsRestart = Warning.Code(rawValue: "needs_restart")
}

/// Lets one in.
private final class OneAtATime: Sendable {
    private let isTaken = Mutex(false)

    func begin() -> Bool {
        isTaken.withLock { isTaken in
            defer { isTaken = true }
            return !isTaken
        }
    }

    func end() { isTaken.withLock { $0 = false } }
}
