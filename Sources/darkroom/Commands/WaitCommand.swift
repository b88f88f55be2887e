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

    @OptionGroup var place: OutputOptions
    @OptionGroup var patience: PatienceOptions

    func run() throws {
        let delivery = try ImageDelivery(output: place.output, json: root.shared.json)
        let id = JobID(rawValue: job)
        let following = try Following(root.shared, patience, output: place.output, job: id)
        try delivery.deliver(
            try following.run { connection, progress in
                try connection.wait(
                    for: id, patience: patience.afterLoss, heartbeat: progress.heartbeat, onEvent: progress.hear,
                    onLoss: progress.lose)
            })
    }
}
