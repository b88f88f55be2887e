// `darkroom policy`: what the rules say to a user's request, and which of them says it.

import ArgumentParser
import Client
import Wire

struct PolicyCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "policy", abstract: "Ask the rules, on the admin socket.", subcommands: [ExplainCommand.self])
}

struct ExplainCommand: DarkroomCommand {
    static let configuration = CommandConfiguration(
        commandName: "explain", abstract: "Say whether a user may ask for an image, and which rule decides.")

    @OptionGroup var root: Darkroom
    @OptionGroup var admin: AdminOptions

    @Option(help: "The user's name or uid.")
    var user: String

    @Argument(help: "What to draw, which no rule looks at.")
    var prompt = "an image"

    @OptionGroup(title: "The image") var images: ImageOptions

    func run() throws {
        let request = try images.request(prompt)
        let received = try admin.connect(root).call(
            ExplainPolicy.self, ExplainPolicy.Params(user: user, request: request.params),
            descriptors: request.descriptors)
        if root.shared.json { return Conversation.answer(json: try JSONAnswer.plain(received.line)) }
        var facts = Facts()
        facts.add("allowed", received.result.allowed ? "yes" : "no")
        facts.add("rule", received.result.rule ?? "none")
        facts.add("reason", received.result.reason)
        facts.print()
    }
}
