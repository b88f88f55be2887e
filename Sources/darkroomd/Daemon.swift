// The daemon as a whole: what is made at a start, who runs, and in which order it ends.

import Engine
import Gemini
import LineSocket
import Logging
import ServiceLifecycle
import Store
import Systemd
import UnixSignals
import Wire

/// A daemon that is ready to serve.
struct Daemon: Sendable {
    private let engine: Engine
    private let server: LineServer
    private let routes: Routes
    private let listings: [ModelListing]
    private let methods: Methods
    private let probe: Probe?
    /// Kept until the end: our own sockets are unlinked with it.
    private let listening: Listening
    private let manager: ServiceManager
    /// Absent in the foreground, where there is no journal to mirror into.
    private let mirror: JournalMirror?
    private let logger: Logger

    init(
        _ settings: Settings, from file: String?, _ store: Store, _ listening: Listening, credentials: String?,
        _ manager: ServiceManager, isJournalled: Bool, _ logger: Logger
    ) async throws(StartFailure) {
        let live = LiveSettings(settings)
        let configuration = settings.configuration
        for caution in configuration.cautions { logger.warning("\(caution)") }
        let metrics = try await Startup.metrics(store)
        var generators: [String: any ImageGenerator] = [:]
        var projects: [Methods.Project] = []
        var listings: [ModelListing] = []
        for project in configuration.projects {
            let access: ProjectAccess
            do throws(StartFailure) {
                access = try ProjectAccess(
                    project, credentials: credentials,
                    uploads: KeptUploads(store: store, project: project.name, logger: logger))
            } catch {
                // A client that is let go without its shutdown is a trap of AsyncHTTPClient's.
                for made in listings { await made.route.shutdown() }
                throw error
            }
            let models = ModelWatch()
            generators[project.name] = GeminiGenerator(
                project: project, live: live, route: access.route, key: access.watch, models: models)
            projects.append(
                Methods.Project(
                    configuration: project, route: access.route, key: access.watch, keyDigest: access.keyDigest,
                    models: models))
            if let route = access.route {
                listings.append(
                    ModelListing(
                        project: project.name, route: route, key: access.watch, models: models,
                        interval: project.listingInterval, logger: logger))
            } else if project.addressFault == nil {
                logger.warning(
                    "a project has no key; its requests are refused", metadata: ["project": "\(project.name)"])
            }
        }
        store.goOnWithoutRecord(configuration.failsOpen)
        engine = Startup.engine(store, generators, configuration, logger)
        server = Startup.server(listening, configuration.limits, DropLog(logger: logger))
        methods = Methods(
            engine: engine, store: store, live: live, projects: projects,
            reloading: Reloading(
                path: file, live: live, engine: engine, server: server, store: store, manager: manager, logger: logger),
            metrics: metrics, startedAt: Startup.now())
        let identification = Identification(live: live)
        routes = Routes(
            methods.table(), identify: identification.principal, metrics: metrics,
            record: { entry throws(StoreError) in try await store.record(entry) }, logger: logger)
        probe = listening.probePath.map(Probe.init(path:))
        self.listening = listening
        self.listings = listings
        self.manager = manager
        mirror = isJournalled ? JournalMirror(store, position: MirrorPosition(in: store), logger: logger) : nil
        self.logger = logger
    }

    /// Serves until SIGTERM or SIGINT, then lets what is paid for finish.
    func serve(_ watchdog: Watchdog?) async throws(StartFailure) {
        let service = DaemonService { try await run(watchdog) }
        let group = ServiceGroup(
            configuration: ServiceGroupConfiguration(
                services: [service], gracefulShutdownSignals: [.sigterm, .sigint],
                logger: Logger(label: "darkroomd.lifecycle") { _ in SwiftLogNoOpLogHandler() }))
        var failure: StartFailure?
        do {
            try await group.run()
        } catch {
            failure =
                error as? StartFailure
                ?? StartFailure(status: 70, message: "the daemon failed in an unforeseen way: \(type(of: error))")
        }
        listening.remove()
        for listing in listings { await listing.route.shutdown() }
        if let failure { throw failure }
    }

    private func run(_ watchdog: Watchdog?) async throws {
        try await withThrowingTaskGroup { group in
            if let mirror {
                await mirror.lookBack()
                group.addTask { await mirror.run() }
            }
            try await keepRecord(watchdog)
            await mirror?.rest(for: .seconds(1))
            group.cancelAll()
        }
    }

    private func keepRecord(_ watchdog: Watchdog?) async throws {
        try await record(.started, details: ["version": Release.version])
        try await record(.policyLoaded, details: ["hash": methods.live.configuration.hash])
        for project in methods.projects { try await recordKey(of: project) }
        await serveUntilStopped(watchdog)
        FaultPoint.reach(.stoppedBeforeRow)
        try await record(.stopped)
        FaultPoint.reach(.stoppedAfterRow)
    }

    /// Writes a row of the audit chain; without its ledger the daemon does not go on.
    private func record(
        _ event: AuditEvent, project: String? = nil, details: [String: String]? = nil
    ) async throws(StartFailure) {
        let entry = AuditEntry(
            event, at: Startup.now().milliseconds, project: project,
            details: details.map { String(decoding: WireJSON.encode($0), as: UTF8.self) })
        do throws(StoreError) {
            try await methods.store.record(entry)
        } catch {
            throw StartFailure(status: StartFailure.ioError, message: "the audit ledger cannot be written: \(error)")
        }
    }

    /// Notes which key a project works with, and whether it is another than the last time.
    private func recordKey(of project: Methods.Project) async throws(StartFailure) {
        guard let digest = project.keyDigest else { return }
        let details = WireJSON.encode(["credential": project.configuration.credential])
        do throws(StoreError) {
            let isOther = try await methods.store.noteKey(
                of: project.configuration.name, digest: digest, at: Startup.now(),
                details: String(decoding: details, as: UTF8.self))
            if isOther {
                logger.notice(
                    "a project has another key than the last time",
                    metadata: ["project": "\(project.configuration.name)"])
            }
        } catch {
            throw StartFailure(status: StartFailure.ioError, message: "the audit ledger cannot be written: \(error)")
        }
    }

    private func serveUntilStopped(_ watchdog: Watchdog?) async {
        await withTaskGroup { group in
            group.addTask { await engine.run() }
            group.addTask {
                await server.run(begin: routes.open) { opening, connection in
                    await routes.answer(opening, on: connection)
                }
            }
            for listing in listings { group.addTask { await listing.run() } }
            await announce()
            if let watchdog, let probe {
                group.addTask { await watchdog.run { await probe.isAnswered() } }
            }
            await tellUntilStopped()
            await stop()
            group.cancelAll()
        }
    }

    /// Tells how things stand until the end begins; after that nobody is told that the daemon serves.
    private func tellUntilStopped() async {
        await withTaskGroup { group in
            if manager.isListening {
                group.addTask { await manager.sendStatus() }
                group.addTask { await tellStatus() }
            }
            // It only throws when this task is cancelled, and then everything ends anyway.
            try? await gracefulShutdown()
            group.cancelAll()
        }
    }

    /// READY, once a client has been served through the socket that all clients use, or nothing when the end comes first.
    private func announce() async {
        guard await isServed() else { return }
        do {
            try manager.ready(status: await statusLine())
        } catch {
            logger.error("systemd could not be told that the daemon is ready", metadata: ["error": "\(error)"])
        }
        logger.info("ready", metadata: ["version": "\(Release.version)"])
    }

    private func isServed() async -> Bool {
        guard let probe else { return true }
        var isTold = false
        while await !probe.isAnswered() {
            if !isTold {
                logger.error("the daemon's own probe gets no answer on its socket; it is not ready before that")
            }
            isTold = true
            let isGoingOn = await cancelWhenGracefulShutdown {
                // The probe asks from outside, so nothing inside could tell when it would be answered.
                (try? await Task.sleep(for: .milliseconds(500))) != nil
            }
            guard isGoingOn else { return false }
        }
        return true
    }

    private func stop() async {
        logger.info("stopping: what is sent may finish, what is queued goes on after the next start")
        try? manager.stopping(status: "stopping: waiting for what is paid for")
        await withTaskGroup { group in
            group.addTask { await Startup.extendTimeout(of: manager) }
            await engine.stop(drain: methods.live.configuration.limits.drain)
            await server.stop(within: .seconds(5))
            group.cancelAll()
        }
    }

    private func tellStatus() async {
        while !Task.isCancelled {
            manager.status(await statusLine())
            // Little by little, so that who asks for metrics once a week does not wait for a week's rows.
            try? await methods.metrics.catchUp(with: methods.store)
            // What the line counts changes with every job, too often to be told each time.
            guard (try? await Task.sleep(for: .seconds(2))) != nil else { return }
        }
    }

    /// One line for `systemctl status`.
    private func statusLine() async -> String {
        guard let status = try? await engine.status() else { return "serving; the state cannot be read" }
        let keys = methods.projects.map { "\($0.configuration.name): key \($0.key.current.rawValue)" }
        let refused = methods.live.isRefused ? "; the last reload was refused: see journalctl -u darkroom" : ""
        let missing = methods.store.unrecordedCount > 0 ? ", \(methods.store.unrecordedCount) rows are missing" : ""
        let record = methods.store.isRecording ? "" : "the record cannot be written\(missing); "
        return "\(record)serving, \(status.inFlight) in flight, \(status.queued) queued, \(status.unknown) unknown; "
            + keys.joined(separator: ", ") + refused
    }
}

/// The daemon's body as a service of the group that listens for signals.
private struct DaemonService: Service {
    let body: @Sendable () async throws -> Void

    func run() async throws { try await body() }
}
