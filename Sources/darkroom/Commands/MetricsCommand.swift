// `darkroom metrics`: the daemon's figures, as a textfile collector takes them.

import ArgumentParser
import Client
import Glibc
import Wire

struct MetricsCommand: DarkroomCommand {
    static let configuration = CommandConfiguration(
        commandName: "metrics", abstract: "Print the daemon's figures as OpenMetrics text.")

    @OptionGroup var root: Darkroom

    func run() throws {
        let received = try root.shared.connect().call(ReadMetrics.self, NoParams())
        if root.shared.json { return Conversation.answer(json: try JSONAnswer.plain(received.line)) }
        Conversation.write(received.result.text, to: STDOUT_FILENO)
    }
}
