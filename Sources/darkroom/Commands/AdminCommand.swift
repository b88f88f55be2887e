// `darkroom admin`: what only an admin may, on the admin socket.

import ArgumentParser
import Client
import Glibc
import Wire

struct AdminCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "admin", abstract: "Reload, pause and settle, on the admin socket.",
        subcommands: [ReloadCommand.self, PauseCommand.self, ResumeCommand.self, ResolveCommand.self])
}

/// The socket of the commands that only an admin may call.
struct AdminOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "The daemon's admin socket; else --socket, $DARKROOM_ADMIN_SOCKET, \(SocketPath.adminStandard).",
            valueName: "path"),
        completion: .file())
    var adminSocket: String?

    /// Connects to the socket that these options and the root's name; `$DARKROOM_SOCKET` is never an admin's.
    func connect(_ root: Darkroom) throws(ClientError) -> DarkroomConnection {
        let named = unsafe getenv("DARKROOM_ADMIN_SOCKET").map { unsafe String(cString: $0) }
        let path = [adminSocket, root.shared.socket, named].compactMap(\.self).first { !$0.isEmpty }
        return try DarkroomConnection(path ?? SocketPath.adminStandard)
    }
}

struct ReloadCommand: DarkroomCommand {
    static let configuration = CommandConfiguration(
        commandName: "reload", abstract: "Have the configuration read again; a bad one changes nothing.")

    @OptionGroup var root: Darkroom
    @OptionGroup var admin: AdminOptions

    @Flag(help: "Wait as long as it takes; 30 seconds otherwise.")
    var wait = false

    func run() throws {
        let received = try admin.connect(root).call(
            ReloadConfiguration.self, NoParams(), within: .seconds(wait ? 3600 : 30))
        if root.shared.json { return Conversation.answer(json: try JSONAnswer.plain(received.line)) }
        for warning in received.result.warnings ?? [] { Conversation.warn(warning.message) }
        Conversation.answer(received.result.reloaded ? "reloaded" : "unchanged")
    }
}

struct PauseCommand: DarkroomCommand {
    static let configuration = CommandConfiguration(
        commandName: "pause", abstract: "Send nothing more for a project; its queue stays.")

    @OptionGroup var root: Darkroom
    @OptionGroup var admin: AdminOptions

    @Argument(help: "The project's name.")
    var project: String

    func run() throws {
        let received = try admin.connect(root).call(PauseProject.self, PauseProject.Params(project: project))
        if root.shared.json { return Conversation.answer(json: try JSONAnswer.plain(received.line)) }
        Conversation.answer(received.result.paused ? "paused" : "running")
    }
}

struct ResumeCommand: DarkroomCommand {
    static let configuration = CommandConfiguration(
        commandName: "resume", abstract: "Send for a paused project again; let one request try what a limit has shut.")

    @OptionGroup var root: Darkroom
    @OptionGroup var admin: AdminOptions

    @Argument(help: "The project's name.")
    var project: String

    func run() throws {
        let received = try admin.connect(root).call(ResumeProject.self, ResumeProject.Params(project: project))
        if root.shared.json { return Conversation.answer(json: try JSONAnswer.plain(received.line)) }
        Conversation.answer(received.result.paused ? "paused" : "running")
    }
}

struct ResolveCommand: DarkroomCommand {
    static let configuration = CommandConfiguration(
        commandName: "resolve", abstract: "Settle a job whose outcome is not known, as Google's bill says.")

    enum Bill: EnumerableFlag { case charged, notCharged }

    @OptionGroup var root: Darkroom
    @OptionGroup var admin: AdminOptions

    @Argument(help: "The job's id.")
    var job: String

    @Flag(help: "Whether Google charged for it.")
    var bill: Bill

    func run() throws {
        let received = try admin.connect(root).call(
            ResolveJob.self, ResolveJob.Params(job: JobID(rawValue: job), charged: bill == .charged))
        if root.shared.json { return Conversation.answer(json: try JSONAnswer.plain(received.line)) }
        Conversation.answer(received.result.state.rawValue)
    }
}
