// `darkroom generate`: from a prompt to a file.

import ArgumentParser

struct GenerateCommand: DarkroomCommand {
    static let configuration = CommandConfiguration(
        commandName: "generate",
        abstract: "Make an image from a prompt and print the path of its file.",
        discussion: """
            The file is named by what it really is: -o cat becomes cat.jpg when the image is JPEG, and so does \
            -o cat.png, with a word about it. Without -o the file is named by the job, in the current directory. \
            A file of the very name that was given is replaced; any other is not. Several images get numbers: -1, -2 \
            before the ending, or wherever the name has {n}.
            """)

    @OptionGroup var root: Darkroom

    @Argument(help: "What to draw; - reads it from standard input.")
    var prompt: String

    @OptionGroup var place: OutputOptions
    @OptionGroup(title: "The image") var images: ImageOptions
    @OptionGroup(title: "The job") var job: JobOptions
    @OptionGroup(title: "The job") var patience: PatienceOptions
    @OptionGroup(title: "The job") var mode: ModeOptions

    func validate() throws { try mode.check(place, count: images.count) }

    func run() throws {
        try NewJob(root: root, images: images, job: job, place: place, patience: patience, mode: mode).run {
            try images.request(prompt)
        }
    }
}
