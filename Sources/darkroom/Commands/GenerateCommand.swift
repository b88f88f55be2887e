// `darkroom generate`: from a prompt to a file.

import ArgumentParser
import Client
import Glibc
import Wire

struct GenerateCommand: DarkroomCommand {
    static let configuration = CommandConfiguration(
        commandName: "generate",
        abstract: "Make an image from a prompt and print the path of its file.",
        discussion: """
            The file is named by what it really is: -o cat becomes cat.jpg when the image is JPEG, and so does \
            -o cat.png, with a word about it. Without -o the file is named by the job, in the current directory. \
            A file of the very name that was given is replaced; any other is not.
            """)

    @OptionGroup var root: Darkroom

    @Argument(help: "What to draw; - reads it from standard input.")
    var prompt: String

    @Option(
        name: [.short, .customLong("output")],
        help: ArgumentHelp("Where to write; a directory, or - for a pipe.", valueName: "file"))
    var output: String?

    @Option(name: .shortAndLong, help: "A model's id or alias; darkroom models lists them.")
    var model: String?

    @Option(name: .shortAndLong, help: "The aspect ratio, as 16:9.")
    var aspect: String?

    @Option(name: .shortAndLong, help: "The size: 512, 1K, 2K or 4K.")
    var size: String?

    @Option(name: .shortAndLong, help: "How many images.")
    var count: Int?

    @Option(help: ArgumentHelp("How long to wait at most, in the queue too.", valueName: "seconds"))
    var deadline: Double?

    @Option(help: "Your own name for the job.")
    var label: String?

    @Option(help: "interactive or bulk.", transform: { try Token.read($0) })
    var priority: Priority?

    @Flag(help: "Do not wait: print the job's id at once.")
    var noWait = false

    func validate() throws {
        if noWait, output != nil {
            throw ValidationError("--no-wait leaves nothing to write to -o; use darkroom wait JOB -o FILE later")
        }
        if output == "-", let count, count > 1 {
            throw ValidationError("\(count) images do not fit one pipe; use -o DIR/")
        }
        if let deadline, !deadline.isFinite || deadline <= 0 {
            throw ValidationError("--deadline takes a number of seconds above 0")
        }
    }

    func run() throws {
        var request = GenerateImage.Params(prompt: try prompt == "-" ? Prompt.fromStandardInput() : prompt)
        request.model = model
        request.aspectRatio = aspect
        request.imageSize = size
        request.count = count
        request.deadlineSeconds = deadline
        request.label = label
        request.priority = priority
        if noWait { return try admit(request) }
        request.delivery = .fd
        let delivery = try ImageDelivery(output: output, json: root.shared.json)
        try delivery.deliver(
            try JobWait.finish(GenerateImage.self, request, output: output, shared: root.shared))
    }

    private func admit(_ request: GenerateImage.Params) throws {
        var request = request
        request.wait = false
        request.delivery = Delivery.none
        let received = try root.shared.connect().call(AdmitImage.self, request)
        if root.shared.json {
            Conversation.answer(json: try JSONAnswer.plain(received.line))
        } else {
            Conversation.answer("\(received.result.job)")
        }
    }
}

/// `image.generate` with `wait` false, which is answered by the job's id and state alone.
private enum AdmitImage: Method {
    static let name = GenerateImage.name
    static let access = GenerateImage.access
    typealias Params = GenerateImage.Params

    struct Result: Sendable, Codable {
        var job: JobID
        var state: JobState
    }
}

/// The prompt, where it does not come as an argument.
private enum Prompt {
    /// Reads it whole; the line feed that ends it is not part of it.
    static func fromStandardInput() throws(CommandError) -> String {
        var bytes: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 65536)
        while bytes.count <= Limits.promptBytes {
            let count = unsafe buffer.withUnsafeMutableBytes { unsafe read(STDIN_FILENO, $0.baseAddress, $0.count) }
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { break }
            bytes += buffer[..<count]
        }
        if bytes.last == UInt8(ascii: "\n") { bytes.removeLast() }
        guard bytes.count <= Limits.promptBytes else {
            throw CommandError(.request, "the prompt is longer than \(Limits.promptBytes) bytes")
        }
        guard let prompt = String(validating: bytes, as: UTF8.self) else {
            throw CommandError(.request, "the prompt is not UTF-8")
        }
        return prompt
    }
}
