// `darkroom status`: whether images can be had now.

import ArgumentParser
import Client
import Wire

struct StatusCommand: DarkroomCommand {
    static let configuration = CommandConfiguration(
        commandName: "status", abstract: "Show whether images can be had now, and what is under way.")

    @OptionGroup var root: Darkroom

    func run() throws {
        let received = try root.shared.connect().call(GetStatus.self, NoParams())
        if root.shared.json { return Conversation.answer(json: try JSONAnswer.plain(received.line)) }
        let status = received.result
        var facts = Facts()
        facts.add("ready", status.ready ? "yes" : "no")
        facts.add("since", "\(status.startedAt)")
        facts.add("in flight", "\(status.inFlight)")
        facts.add("queued", "\(status.queued)")
        facts.add("unknown", "\(status.unknown)")
        facts.add("disk free", Quantity.bytes(status.diskFreeBytes))
        facts.print()
        Conversation.answer("")
        var table = Table("PROJECT", "ROUTE", "KEY", "PAUSED", "IN FLIGHT", "QUEUED")
        for project in status.projects {
            table.add(
                project.name, project.route, project.key.rawValue, project.paused ? "yes" : "no",
                "\(project.inFlight)", "\(project.queued)")
        }
        table.print()
    }
}
