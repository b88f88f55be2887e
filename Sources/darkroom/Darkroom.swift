// The root of the command: what it is, and the options that every part of it has.

import ArgumentParser
import Client
import Wire

struct Darkroom: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "darkroom",
        abstract: "Make images through darkroomd, which holds the key.",
        usage: "darkroom COMMAND … [--socket PATH] [--json] [--quiet]",
        discussion: """
            The answer goes to standard output and nothing else does: `darkroom generate "a red kite" -o kite` prints \
            the path of the image that it wrote.

            Exit statuses:
            \(ExitStatus.help)
            """,
        version: "darkroom \(Release.version) (protocol \(Hello.protocolVersion))",
        subcommands: [
            GenerateCommand.self, EditCommand.self, RefineCommand.self, RetryCommand.self, WaitCommand.self,
            FetchCommand.self, PriceCommand.self, JobsCommand.self, ShowCommand.self, CancelCommand.self,
            StatusCommand.self, ModelsCommand.self, QuotaCommand.self, UsageCommand.self, DoctorCommand.self,
            MetricsCommand.self, PolicyCommand.self, AuditCommand.self, AdminCommand.self,
        ])

    @OptionGroup var shared: SharedOptions
}

/// A part of the command, with the root's options.
protocol DarkroomCommand: ParsableCommand {
    var root: Darkroom { get }
}

/// The options that every command has; legal before and after its name.
struct SharedOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "The daemon's socket; else $DARKROOM_SOCKET, $XDG_RUNTIME_DIR/darkroom.sock, \(SocketPath.standard).",
            valueName: "path"),
        completion: .file())
    var socket: String?

    @Flag(help: "Print the daemon's result as JSON, one line.")
    var json = false

    @Flag(name: .shortAndLong, help: "Draw no progress.")
    var quiet = false

    /// Where the daemon's socket is.
    var path: String { SocketPath.resolve(socket) }

    /// Connects to the daemon that these options name.
    func connect(_ patience: Duration? = nil) throws(ClientError) -> DarkroomConnection {
        try DarkroomConnection(path, patience: patience)
    }
}
