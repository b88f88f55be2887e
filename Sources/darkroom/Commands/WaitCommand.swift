// `darkroom wait`: takes up a job again, as if `generate` had just been typed.

import ArgumentParser
import Client
import Wire

struct WaitCommand: DarkroomCommand {
    static let configuration = CommandConfiguration(
        commandName: "wait", abstract: "Wait for a job's end and write its images.")

    @OptionGroup var root: Darkroom

    @Argument(help: "The job's id.")
    var job: String

    @Option(
        name: [.short, .customLong("output")],
        help: ArgumentHelp("Where to write, as with generate.", valueName: "file"))
    var output: String?

    func run() throws {
        let delivery = try ImageDelivery(output: output, json: root.shared.json)
        let id = JobID(rawValue: job)
        try delivery.deliver(
            try JobWait.finish(
                WaitForJob.self, WaitForJob.Params(job: id, delivery: .fd), job: id, output: output,
                shared: root.shared))
    }
}
