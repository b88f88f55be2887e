// What can be said about an image (protocol section 3): one option for each parameter, the same wherever images are
// asked for or priced.

import ArgumentParser
import Wire

struct ImageOptions: ParsableArguments {
    @Option(
        name: .shortAndLong, help: "A model's id or alias; darkroom models lists them.",
        completion: .list(["flash", "pro", "lite", "nano"]))
    var model: String?

    @Option(
        name: .shortAndLong, help: "The aspect ratio, as 16:9.",
        completion: .list([
            "1:1", "2:3", "3:2", "3:4", "4:3", "4:5", "5:4", "9:16", "16:9", "21:9", "1:4", "4:1", "1:8", "8:1",
        ]))
    var aspect: String?

    @Option(name: .shortAndLong, help: "The size: 512, 1K, 2K or 4K.", completion: .list(["512", "1K", "2K", "4K"]))
    var size: String?

    @Option(name: .shortAndLong, parsing: .unconditional, help: "How many images, up to \(Limits.count).")
    var count: Int?

    @Option(
        parsing: .unconditional, help: "A whole number: the same one draws alike.", transform: { try Token.seed($0) })
    var seed: Int32?

    @Option(parsing: .unconditional, help: "How far it may stray, from 0 to 2.")
    var temperature: Double?

    @Option(
        help: "How long it thinks: minimal, low, medium or high.",
        completion: .list(["minimal", "low", "medium", "high"]), transform: { try Token.read($0) })
    var thinking: ThinkingLevel?

    @Option(
        help: ArgumentHelp("What it may look up: web, image, or both with a comma.", valueName: "source"),
        completion: .list(["web", "image", "web,image"]),
        transform: { try Token.list($0) })
    var ground: [[Grounding]] = []

    @Option(
        help: ArgumentHelp(
            "A threshold in Google's names, as HARM_CATEGORY_HARASSMENT=BLOCK_ONLY_HIGH; may be given again.",
            valueName: "category=threshold"),
        transform: { try SafetySetting($0) })
    var safety: [SafetySetting] = []

    @Option(help: ArgumentHelp("An instruction that stands above the prompt.", valueName: "text"))
    var system: String?

    @Option(
        help: "The people it may show: all, adult or none.", completion: .list(["all", "adult", "none"]),
        transform: { try Token.person($0) })
    var person: PersonGeneration?

    @Option(
        help: "png or jpeg, where the route can choose.", completion: .list(["png", "jpeg"]),
        transform: { try Token.outputType($0) })
    var type: OutputType?

    @Option(
        help: "native, openai or vertex.", completion: .list(["native", "openai", "vertex"]),
        transform: { try Token.read($0) })
    var route: RouteName?

    @Option(help: "The project whose key and quota it goes on.")
    var project: String?

    @Option(
        help: ArgumentHelp(
            "A file with a JSON object to merge into the native request, where the rules allow it.", valueName: "file"),
        completion: .file())
    var native: String?

    @Flag(help: "Send the model's id as it is, and take a result that differs from what was asked for an error.")
    var exact = false

    @Option(
        name: .shortAndLong,
        help: ArgumentHelp(
            "An image to follow, or the sha256 of one that is kept; may be given again.", valueName: "file"),
        completion: .file())
    var input: [String] = []

    func validate() throws {
        if let count, !(1...Limits.count).contains(count) {
            throw ValidationError("--count takes 1 to \(Limits.count)")
        }
        if let temperature, !(0...2).contains(temperature) { throw ValidationError("--temperature takes 0 to 2") }
        let categories = safety.map(\.category)
        if let twice = categories.first(where: { name in categories.filter { $0 == name }.count > 1 }) {
            throw ValidationError("--safety names \(twice) twice")
        }
    }

    /// The request that these options make of a prompt, with the files that it names.
    ///
    /// - Parameters:
    ///   - prompt: What was typed; `-` reads it from standard input.
    ///   - images: Files named in another way than by `--input`, which stand before those.
    /// - Returns: The request; its inputs count the open files.
    /// - Throws: `CommandError` for a file that cannot be read or is no image.
    func request(_ prompt: String, images: [String] = []) throws(CommandError) -> PreparedRequest {
        let inputs = try InputFile.open(images + input)
        var request = GenerateImage.Params(prompt: try prompt == "-" ? Prompt.fromStandardInput() : prompt)
        request.model = model
        request.aspectRatio = aspect
        request.imageSize = size
        request.count = count
        request.seed = seed
        request.temperature = temperature
        request.thinking = thinking
        let sources = ground.flatMap(\.self)
        request.grounding = sources.isEmpty ? nil : sources
        request.safety =
            safety.isEmpty ? nil : Dictionary(uniqueKeysWithValues: safety.map { ($0.category, $0.threshold) })
        request.systemInstruction = system
        request.personGeneration = person
        request.outputType = type
        request.route = route
        request.project = project
        request.native = try native.map(NativeFile.read)
        request.exact = exact ? true : nil
        request.inputs = inputs.isEmpty ? nil : inputs.map(\.input)
        return PreparedRequest(params: request, files: inputs.compactMap(\.file), names: images + input)
    }
}

/// A request with the files that go with it; they are open as long as this is kept.
struct PreparedRequest {
    var params: GenerateImage.Params
    let files: [OpenInput]
    /// What was typed for each input.
    let names: [String]

    var descriptors: [Int32] { files.map(\.descriptor) }

    /// Asks for this; what is refused because of an input is said of the file, not of its place in the request.
    func asked<Answer>(_ ask: (PreparedRequest) throws -> Answer) throws -> Answer {
        do {
            return try ask(self)
        } catch let error as WireError {
            throw named(error)
        }
    }

    func named(_ error: WireError) -> WireError {
        let place = error.path?.split(separator: ".", omittingEmptySubsequences: false) ?? []
        guard place.count > 1, place[0] == "inputs", let index = Int(place[1]), names.indices.contains(index),
            let path = error.path, let found = error.message.firstRange(of: path)
        else { return error }
        var error = error
        error.message.replaceSubrange(found, with: names[index])
        return error
    }
}

/// One category with its threshold: `HARM_CATEGORY_HARASSMENT=BLOCK_ONLY_HIGH`.
struct SafetySetting: Equatable {
    let category: String
    let threshold: String

    init(_ text: String) throws {
        let parts = text.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
        guard parts.count == 2, parts.allSatisfy({ !$0.isEmpty }) else {
            throw ValidationError("it has the form CATEGORY=THRESHOLD")
        }
        category = parts[0]
        threshold = parts[1]
    }
}
