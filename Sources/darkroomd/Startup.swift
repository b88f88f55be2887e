// The parts of a start that can fail, each with its sentence.

import Engine
import Gemini
import Glibc
import LineSocket
import Logging
import Store
import Systemd
import Wire

/// Makes the parts of the daemon.
enum Startup {
    /// How long paid calls may take to finish after SIGTERM: the longest that upstream is given.
    static let drain: Duration = .seconds(600)

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

    static func openStore(_ options: Darkroomd, _ environment: SystemdEnvironment) throws(StartFailure) -> Store {
        let path = try statePath(options, environment)
        do throws(StoreError) {
            return try Store(path: path, durability: options.noFsync ? .none : .full, now: now())
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

    static func engine(
        _ store: Store, _ generators: [String: any ImageGenerator], _ configuration: Configuration, _ logger: Logger
    ) -> Engine {
        let concurrent = configuration.projects.map { ($0.name, $0.maxConcurrent) }
        return Engine(
            store: store, generators: generators,
            defaultProject: configuration.projects.first?.name ?? ProjectConfiguration.standard.name,
            settings: EngineSettings(
                maxQueue: configuration.limits.maxQueue, maxQueuePerUser: configuration.limits.maxQueue,
                maxConcurrent: Dictionary(uniqueKeysWithValues: concurrent),
                defaultDeadline: configuration.limits.defaultDeadline,
                inputs: InputLimits(inputBytes: configuration.limits.maxInputBytes),
                unknownHold: configuration.limits.unknownHold),
            clock: SystemClock(), logger: logger)
    }

    static func server(_ listening: Listening, _ limits: LimitsConfiguration) -> LineServer {
        var bounds = LineServer.Limits()
        bounds.maxLineBytes = limits.maxLineBytes
        bounds.connections = limits.maxConnections
        bounds.connectionsPerUser = limits.maxConnectionsPerUser
        bounds.exemptProcess = getpid()
        let tooLong = WireError(
            .lineTooLong, "the line is longer than \(limits.maxLineBytes) bytes",
            hint: "send images as descriptors, with delivery fd for those that come back")
        let full = WireError(
            .queueFull, "there are too many connections", hint: "close some, or try again later")
        return LineServer(
            listeners: listening.listeners, limits: bounds,
            refusals: LineServer.Refusals(
                lineTooLong: Answer.failure(nil, tooLong), tooManyConnections: Answer.failure(nil, full)))
    }
}
