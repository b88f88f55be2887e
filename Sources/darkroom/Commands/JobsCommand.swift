// `darkroom jobs`: the user's jobs, newest first.

import ArgumentParser
import Client
import Wire

struct JobsCommand: DarkroomCommand {
    static let configuration = CommandConfiguration(commandName: "jobs", abstract: "List your jobs, newest first.")

    @OptionGroup var root: Darkroom

    @Option(name: .shortAndLong, help: "How many, up to \(ListJobs.limit); 50 if not given.")
    var limit: Int?

    @Option(help: "Only jobs in this state.", transform: { try Token.read($0) })
    var state: JobState?

    @Option(help: "Only jobs with this label.")
    var label: String?

    @Option(help: "Go on where the page before ended.")
    var cursor: String?

    func run() throws {
        let received = try root.shared.connect().call(
            ListJobs.self, ListJobs.Params(limit: limit, cursor: cursor, state: state, label: label))
        if root.shared.json { return Conversation.answer(json: try JSONAnswer.plain(received.line)) }
        var table = Table("JOB", "STATE", "CREATED", "MODEL", "COST", "LABEL")
        for job in received.result.jobs {
            table.add(
                "\(job.job)", job.state.rawValue, job.createdAt.map { "\($0)" } ?? "-", job.model.sent,
                job.cost.map { Quantity.dollars($0.usd) } ?? "-", job.label ?? "")
        }
        table.print()
        if let cursor = received.result.cursor {
            Conversation.say("hint: there are more: darkroom jobs --cursor \(quoted(cursor))")
        }
    }
}
