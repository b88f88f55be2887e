// `darkroom edit`: from images and a prompt to a file.

import ArgumentParser

struct EditCommand: DarkroomCommand {
    static let configuration = CommandConfiguration(
        commandName: "edit",
        abstract: "Make an image from images and a prompt and print the path of its file.",
        usage: "darkroom edit IMAGE… PROMPT [-o FILE] [--model M] [--aspect R] [--size S] …",
        discussion: """
            The images are files, or the sha256 of images that are kept. The prompt comes last; - reads it from \
            standard input. They are opened here and go to the daemon as open files, so it need not be able to read \
            them by name.
            """)

    @OptionGroup var root: Darkroom

    @Argument(
        help: ArgumentHelp("The images, and then the prompt.", valueName: "image … prompt"), completion: .file())
    var words: [String]

    @OptionGroup var place: OutputOptions
    @OptionGroup(title: "The image") var images: ImageOptions
    @OptionGroup(title: "The job") var job: JobOptions
    @OptionGroup(title: "The job") var patience: PatienceOptions
    @OptionGroup(title: "The job") var mode: ModeOptions

    func validate() throws {
        if words.count < 2, images.input.isEmpty {
            throw ValidationError("there have to be an image and a prompt; darkroom generate needs no image")
        }
        try mode.check(place, count: images.count)
    }

    func run() throws {
        try NewJob(root: root, images: images, job: job, place: place, patience: patience, mode: mode).run {
            try images.request(words[words.count - 1], images: Array(words.dropLast()))
        }
    }
}
