// `darkroom cancel`: stops what has not been sent, and says the truth about what has.

import ArgumentParser
import Client
import Wire

struct CancelCommand: DarkroomCommand {
    static let configuration = CommandConfiguration(
        commandName: "cancel", abstract: "Cancel a job and print the state that it is in then.")

    @OptionGroup var root: Darkroom

    @Argument(help: "The job's id.")
    var job: String

    func run() throws {
        let received = try root.shared.connect().call(CancelJob.self, CancelJob.Params(job: JobID(rawValue: job)))
        if root.shared.json { return Conversation.answer(json: try JSONAnswer.plain(received.line)) }
        let result = received.result
        if !result.state.isEnded {
            Conversation.warn("the job was sent already: it is left to finish, and its image is kept")
        }
        switch result.charged {
        case .yes: Conversation.warn("this was charged")
        case .unknown: Conversation.warn("this may be charged")
        case .no: break
        }
        Conversation.answer(result.state.rawValue)
    }
}
