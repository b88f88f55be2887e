// `darkroom retry`: asks again for what an ended job had asked for.

import ArgumentParser
import Client
import Wire

struct RetryCommand: DarkroomCommand {
    static let configuration = CommandConfiguration(
        commandName: "retry",
        abstract: "Make a new job from an ended one's record and print the path of its file.",
        discussion: """
            The new job may cost as much as the old one. What became of a job whose outcome is not known is to be \
            looked at first: darkroom show.
            """)

    @OptionGroup var root: Darkroom

    @Argument(help: "The ended job's id.")
    var job: String

    @OptionGroup var place: OutputOptions
    @OptionGroup var patience: PatienceOptions

    @Flag(help: "Do not wait: print the new job's id at once.")
    var noWait = false

    func validate() throws {
        if noWait, place.output != nil {
            throw ValidationError("--no-wait leaves nothing to write to -o; use darkroom wait JOB -o FILE later")
        }
    }

    func run() throws {
        let old = JobID(rawValue: job)
        if noWait { return try admit(old) }
        let delivery = try ImageDelivery(output: place.output, json: root.shared.json)
        let following = try Following(root.shared, patience, output: place.output)
        try delivery.deliver(
            try following.run { connection, progress in
                try connection.finish(
                    RetryJob.self, RetryJob.Params(job: old, delivery: .fd), patience: patience.afterLoss,
                    heartbeat: progress.heartbeat, onEvent: progress.hear, onLoss: progress.lose)
            })
    }

    private func admit(_ old: JobID) throws {
        let received = try root.shared.connect(patience.connecting).call(
            AdmitRetry.self, RetryJob.Params(job: old, delivery: Delivery.none, wait: false))
        if root.shared.json { return Conversation.answer(json: try JSONAnswer.plain(received.line)) }
        Conversation.answer("\(received.result.job)")
    }
}

/// `job.retry` with `wait` false, which is answered by the new job's id and state alone.
private enum AdmitRetry: Method {
    static let name = RetryJob.name
    static let access = RetryJob.access
    typealias Params = RetryJob.Params
    typealias Result = GenerateImage.Accepted
}
