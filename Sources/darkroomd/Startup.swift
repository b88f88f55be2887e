// The parts of a start that can fail, each with its sentence.

import Dispatch
import Engine
import Gemini
import Glibc
import LineSocket
import Logging
import Quota
import Store
import Systemd
import Wire

/// Makes the parts of the daemon.
enum Startup {
    static func now() -> Timestamp { SystemClock().now() }

    static func serviceManager(_ environment: SystemdEnvironment) throws(StartFailure) -> ServiceManager {
        do {
            return try ServiceManager(environment)
        } catch {
            throw StartFailure(status: StartFailure.ioError, message: "systemd's notification socket: \(error)")
        }
    }

    static func statePath(_ options: Darkroomd, _ environment: SystemdEnvironment) throws(StartFailure) -> String {
        guard let path = options.state ?? environment.stateDirectory else {
            throw StartFailure(
                status: 64, message: "there is no state directory: give --state, or StateDirectory= in the unit")
        }
        return path
    }

    /// Opens the state directory, asking systemd for time as long as it takes.
    ///
    /// - Parameters:
    ///   - options: The command line.
    ///   - environment: What systemd said.
    ///   - manager: Who is asked for time.
    ///   - retention: The room to keep.
    /// - Returns: The open store.
    /// - Throws: With a sentence for each reason.
    static func openStore(
        _ options: Darkroomd, _ environment: SystemdEnvironment, _ manager: ServiceManager,
        _ retention: RetentionConfiguration
    ) async throws(StartFailure) -> Store {
        let path = try statePath(options, environment)
        let opened: Result<Store, StoreError> = await withTaskGroup { group in
            group.addTask { await extendTimeout(of: manager) }
            // It blocks, for seconds when there is much to recover, so it has a thread of its own.
            let opened: Result<Store, StoreError> = await withCheckedContinuation { continuation in
                DispatchQueue(label: "darkroomd.start").async {
                    do throws(StoreError) {
                        let store = try Store(
                            path: path, durability: options.noFsync ? .none : .full,
                            reserveBytes: retention.reserveBytes, now: now())
                        continuation.resume(returning: .success(store))
                    } catch {
                        continuation.resume(returning: .failure(error))
                    }
                }
            }
            group.cancelAll()
            return opened
        }
        do throws(StoreError) {
            return try opened.get()
        } catch {
            switch error {
            case .inUse(let pid):
                let holder = pid.map { "the process \($0)" } ?? "another process"
                throw StartFailure(
                    status: StartFailure.temporary, message: "\(holder) has the state directory \(path)")
            case .newerSchema:
                throw StartFailure(
                    status: StartFailure.badConfiguration,
                    message: "the state directory \(path) was written by a newer darkroomd; install that one again")
            default:
                throw StartFailure(
                    status: StartFailure.ioError, message: "the state directory \(path) cannot be used: \(error)")
            }
        }
    }

    /// Asks systemd for more time, again and again until the task is cancelled.
    static func extendTimeout(of manager: ServiceManager) async {
        while !Task.isCancelled {
            try? manager.extendTimeout(by: .seconds(30))
            // The rhythm that sd_notify(3) asks for: again within each window that was asked for, with room to spare.
            guard (try? await Task.sleep(for: .seconds(10))) != nil else { return }
        }
    }

    static func engine(
        _ store: Store, _ generators: [String: any ImageGenerator], _ configuration: Configuration, _ logger: Logger
    ) -> Engine {
        Engine(
            store: store, generators: generators,
            defaultProject: configuration.projects.first?.name ?? ProjectConfiguration.standard.name,
            settings: engineSettings(configuration), clock: clock, logger: logger)
    }

    /// The machine's clock; in a debug build as many times as fast as its environment says, for a test against a
    /// simulator whose clock is so too.
    private static var clock: any EngineClock {
        #if DEBUG
            if let text = unsafe getenv("DARKROOM_CLOCK_SCALE"), let scale = unsafe Double(String(cString: text)),
                scale > 0
            {
                return CompressedClock(scale: scale)
            }
        #endif
        return SystemClock()
    }

    static func engineSettings(_ configuration: Configuration) -> EngineSettings {
        let concurrent = configuration.projects.map { ($0.name, $0.maxConcurrent) }
        let limits = configuration.projects.map { ($0.name, $0.engineLimits(configuration.catalogue)) }
        return EngineSettings(
            maxQueue: configuration.limits.maxQueue, maxQueuePerUser: configuration.limits.maxQueuePerUser,
            maxConcurrent: Dictionary(uniqueKeysWithValues: concurrent),
            defaultDeadline: configuration.limits.defaultDeadline,
            inputs: InputLimits(inputBytes: configuration.limits.maxInputBytes),
            unknownHold: configuration.limits.unknownHold, retention: configuration.retention.retention,
            projectLimits: Dictionary(uniqueKeysWithValues: limits),
            calendar: CivilCalendar(zone: configuration.timeZone) ?? .pacific)
    }

    /// Counters that begin with this run.
    static func metrics(_ store: Store) async throws(StartFailure) -> Metrics {
        do throws(StoreError) {
            return Metrics(after: try await store.auditHead()?.sequence ?? 0)
        } catch {
            throw StartFailure(status: StartFailure.ioError, message: "the audit ledger cannot be read: \(error)")
        }
    }

    static func serverLimits(_ limits: LimitsConfiguration) -> LineServer.Limits {
        var bounds = LineServer.Limits()
        bounds.maxLineBytes = limits.maxLineBytes
        bounds.connections = limits.maxConnections
        bounds.connectionsPerUser = limits.maxConnectionsPerUser
        bounds.exemptProcess = getpid()
        bounds.reservedListener = Rule.SocketName.admin.rawValue
        return bounds
    }

    static func server(_ listening: Listening, _ limits: LimitsConfiguration, _ drops: DropLog) -> LineServer {
        let tooLong = WireError(
            .lineTooLong, "the line is longer than \(limits.maxLineBytes) bytes",
            hint: "send images as descriptors, with delivery fd for those that come back")
        let full = WireError(
            .queueFull, "there are too many connections", hint: "close some, or try again later")
        let tooSlow = WireError(
            .deadline, "the line did not end in time", hint: "send each request at once", retryable: true)
        let hoard = WireError(
            .queueFull, "too many of your bytes wait for the end of their lines", hint: "end some lines first")
        return LineServer(
            listeners: listening.listeners, limits: serverLimits(limits),
            refusals: LineServer.Refusals(
                lineTooLong: Answer.failure(nil, tooLong), tooManyConnections: Answer.failure(nil, full),
                lineTooSlow: Answer.failure(nil, tooSlow), tooMuchUnfinished: Answer.failure(nil, hoard)),
            report: drops.note)
    }
}

extension ProjectConfiguration {
    /// What bounds the project, by the models that are sent.
    fileprivate func engineLimits(_ catalogue: Catalogue) -> ProjectLimits {
        let models = limits.map { (catalogue.resolve($0.model)?.id ?? $0.model, $0.limits) }
        return ProjectLimits(
            models: Dictionary(models) { first, _ in first }, spendPer10Minutes: spendPer10Minutes, budget: budget,
            quota: sharesQuotaOf)
    }
}
