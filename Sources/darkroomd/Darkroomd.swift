// The daemon. `run()` is the table of contents of a start; each line of it has a file of its own.

import ArgumentParser
import Glibc
import Logging
import Store
import Systemd
import Wire

/// The command line of `darkroomd` (protocol section 7).
@main
struct Darkroomd: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "darkroomd",
        abstract:
            "Makes images with Google's Gemini models for the programs of this host, and keeps the key to itself.",
        discussion: """
            Under systemd the sockets, the state directory and the credentials come from the units and no option is \
            needed. In the foreground, for a laptop or a container:

              darkroomd --socket /tmp/darkroom.sock --state ~/.local/state/darkroom --credentials DIR

            where DIR holds the file gemini-api-key. Exit statuses: 0 stopped as asked, 64 wrong use, 65 the audit chain \
            is broken, 74 a socket or the state cannot be used, 75 another daemon has them, 78 the configuration is wrong.
            """,
        version: "darkroomd \(Release.version) (protocol \(Hello.protocolVersion))")

    @Option(
        help: ArgumentHelp(
            "The configuration; FILE.d/*.toml beside it are read too. (default: \(ConfigurationFile.standardPath))",
            valueName: "file"))
    var config: String?

    @Option(help: ArgumentHelp("Listen here, when systemd hands over no sockets.", valueName: "path"))
    var socket: String?

    @Option(help: ArgumentHelp("Listen here for admins.", valueName: "path"))
    var adminSocket: String?

    @Option(help: ArgumentHelp("Permissions of a socket that the daemon makes itself, in octal.", valueName: "mode"))
    var socketMode = "0600"

    @Option(help: ArgumentHelp("Keep jobs and images here; $STATE_DIRECTORY under systemd.", valueName: "dir"))
    var state: String?

    @Option(help: ArgumentHelp("Read keys from here; $CREDENTIALS_DIRECTORY under systemd.", valueName: "dir"))
    var credentials: String?

    @Flag(help: "Check the configuration, say what is wrong, and end.")
    var checkConfig = false

    @Flag(help: "Recompute the audit chain of the state directory, say whether it is whole, and end.")
    var verifyAudit = false

    @Option(
        help: ArgumentHelp(
            "With --verify-audit: a row that has to be there, as darkroom audit head printed it once, NUMBER:HASH.",
            valueName: "row"))
    var anchor: String?

    @Option(
        help: ArgumentHelp(
            "Copy the database of the state directory to this file, and end; a daemon may run meanwhile. The images are files of their own below artifacts: copy them after it.",
            valueName: "file"))
    var backup: String?

    @Flag(name: .customLong("no-fsync"), help: .hidden)
    var noFsync = false

    func validate() throws {
        guard [checkConfig, verifyAudit, backup != nil].count(where: { $0 }) <= 1 else {
            throw ValidationError("--check-config, --verify-audit and --backup are different things to do")
        }
        guard anchor == nil || verifyAudit else { throw ValidationError("--anchor belongs to --verify-audit") }
        guard anchor.map({ AuditHead($0) != nil }) != false else {
            throw ValidationError("--anchor takes NUMBER:HASH, as darkroom audit head prints them")
        }
        guard UInt32(socketMode, radix: 8).map({ $0 <= 0o777 }) == true else {
            throw ValidationError("--socket-mode takes an octal mode from 0000 to 0777, like 0660")
        }
    }

    func run() async throws {
        let environment = SystemdEnvironment.take()
        ProcessHygiene.apply()
        let destination = LogDestination(environment)
        LoggingSystem.bootstrap { destination.makeHandler(label: $0) }
        let logger = Logger(label: "darkroomd")
        do throws(StartFailure) {
            if verifyAudit {
                return try Maintenance.verifyAudit(of: try Startup.statePath(self, environment), anchor: anchor)
            }
            if let backup { return try Maintenance.backUp(try Startup.statePath(self, environment), to: backup) }
            let settings = try Settings(reading: self)
            if checkConfig { return settings.printCautions() }
            try ProcessHygiene.requireHostIdentities(environment, logger)
            let manager = try Startup.serviceManager(environment)
            let store = try await Startup.openStore(self, environment, manager, settings.configuration.retention)
            let listening = try Listening(self, environment)
            let daemon = try await Daemon(
                settings, from: config, store, listening, credentials: credentials ?? environment.credentialsDirectory,
                manager,
                isJournalled: destination.isJournal, logger)
            try await daemon.serve(Watchdog(environment, manager: manager))
        } catch {
            // One line for a person in the foreground; in the journal it is an entry like the others.
            switch destination {
            case .journal: logger.critical("\(error.message)")
            case .standardError: StandardError.write("darkroomd: error: \(error.message)\n")
            }
            _ = destination.finish()
            throw ExitCode(error.status)
        }
        _ = destination.finish()
    }
}

/// Why the daemon did not start or could not go on; a sentence, and the status that a script decides by.
struct StartFailure: Error {
    var status: Int32
    var message: String

    /// sysexits.h, as far as the daemon uses it.
    static let badData: Int32 = 65
    static let ioError: Int32 = 74
    static let temporary: Int32 = 75
    static let badConfiguration: Int32 = 78
}

/// Standard error for what is said before, or instead of, logging.
enum StandardError {
    static func write(_ text: String) {
        let bytes = Array(text.utf8)
        _ = unsafe Glibc.write(STDERR_FILENO, bytes, bytes.count)
    }
}
