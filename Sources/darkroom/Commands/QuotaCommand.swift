// `darkroom quota`: the limits that are known, what of them is used, and when they open again.

import ArgumentParser
import Client
import Wire

struct QuotaCommand: DarkroomCommand {
    static let configuration = CommandConfiguration(
        commandName: "quota", abstract: "Show what is left of quota and budgets, as bars.",
        discussion: "In a bar, # is used, + is taken by what is under way, and . is left.")

    @OptionGroup var root: Darkroom

    @Option(help: "Only this project.")
    var project: String?

    func run() throws {
        let received = try root.shared.connect().call(GetQuota.self, GetQuota.Params(project: project))
        if root.shared.json { return Conversation.answer(json: try JSONAnswer.plain(received.line)) }
        for line in QuotaPage(received.result).lines {
            Conversation.answer(Conversation.plain(line))
        }
    }
}
