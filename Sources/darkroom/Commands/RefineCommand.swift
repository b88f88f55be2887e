// `darkroom refine`: another turn on the conversation of a job.

import ArgumentParser
import Wire

struct RefineCommand: DarkroomCommand {
    static let configuration = CommandConfiguration(
        commandName: "refine",
        abstract: "Go on from a job with another prompt and print the path of the new file.",
        discussion: """
            The model sees the whole conversation that led to the job, its own images included. The same job may be \
            gone on from more than once, in different directions. With another model than the job's the last image \
            goes as an input instead, and that is said.
            """)

    @OptionGroup var root: Darkroom

    @Argument(help: "The id of the job to go on from.")
    var earlier: String

    @Argument(help: "What to change; - reads it from standard input.")
    var prompt: String

    @OptionGroup var place: OutputOptions
    @OptionGroup(title: "The image") var images: ImageOptions
    @OptionGroup(title: "The job") var job: JobOptions
    @OptionGroup(title: "The job") var patience: PatienceOptions
    @OptionGroup(title: "The job") var mode: ModeOptions

    func validate() throws { try mode.check(place, count: images.count) }

    func run() throws {
        try NewJob(root: root, images: images, job: job, place: place, patience: patience, mode: mode).run {
            var request = try images.request(prompt)
            request.params.continues = JobID(rawValue: earlier)
            return request
        }
    }
}
