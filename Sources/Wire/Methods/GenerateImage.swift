// `image.generate`: from a prompt to images (protocol section 3).

/// Makes images.
public enum GenerateImage: Method {
    public static let name = "image.generate"
    public static let access = Access.policy
    public typealias Result = JobResult

    /// The answer at once, to a request with `wait` false.
    public struct Accepted: Sendable, Hashable, Codable {
        public var job: JobID
        public var state: JobState

        public init(job: JobID, state: JobState) {
            self.job = job
            self.state = state
        }
    }

    /// What is asked for; absent is the default of the protocol, the configuration or the model.
    public struct Params: MethodParams, Hashable {
        /// At least one byte, at most `Limits.promptBytes`.
        ///
        /// Never logged unless the configuration says so.
        public var prompt: String
        public var model: String?
        public var aspectRatio: String?
        public var imageSize: String?
        public var count: Int?
        public var inputs: [ImageInput]?
        public var continues: JobID?
        public var systemInstruction: String?
        public var seed: Int32?
        public var temperature: Double?
        public var thinking: ThinkingLevel?
        public var grounding: [Grounding]?
        /// Harm category to threshold, both in Google's names.
        public var safety: [String: String]?
        public var personGeneration: PersonGeneration?
        public var outputType: OutputType?
        public var route: RouteName?
        public var project: String?
        public var native: [String: JSONValue]?
        public var exact: Bool?
        public var wait: Bool?
        public var delivery: Delivery?
        public var priority: Priority?
        public var deadlineSeconds: Double?
        public var idempotencyKey: String?
        public var reuse: Reuse?
        public var maxCostUSD: Double?
        public var label: String?

        public init(prompt: String) { self.prompt = prompt }

        public init(from reader: inout ParamReader) throws(WireError) {
            prompt = try reader.require(
                try reader.string("prompt", bytes: 1...Limits.promptBytes), "prompt")
            model = try reader.string("model", bytes: 1...Limits.nameBytes)
            aspectRatio = try reader.string("aspectRatio", bytes: 1...Limits.nameBytes)
            imageSize = try reader.string("imageSize", bytes: 1...Limits.nameBytes)
            count = try reader.integer("count", in: 1...Int64(Limits.count)).map { Int($0) }
            inputs = try Self.inputs(&reader)
            continues = try reader.string("continues", bytes: 1...Limits.nameBytes).map(JobID.init(rawValue:))
            systemInstruction = try reader.string("systemInstruction", bytes: 1...Limits.promptBytes)
            seed = try reader.integer("seed", in: Int64(Int32.min)...Int64(Int32.max)).map { Int32($0) }
            temperature = try reader.number("temperature", in: 0...2)
            thinking = try reader.token("thinking", ThinkingLevel.self)
            grounding = try Self.grounding(&reader)
            safety = try Self.safety(&reader)
            personGeneration = try reader.token("personGeneration", PersonGeneration.self)
            outputType = try reader.token("outputType", OutputType.self)
            route = try reader.token("route", RouteName.self)
            project = try reader.string("project", bytes: 1...Limits.nameBytes)
            native = try reader.object("native")
            exact = try reader.bool("exact")
            wait = try reader.bool("wait")
            delivery = try reader.token("delivery", Delivery.self)
            priority = try reader.token("priority", Priority.self)
            deadlineSeconds = try reader.number("deadlineSeconds", in: 0.001...Limits.deadlineSeconds)
            idempotencyKey = try reader.string("idempotencyKey", bytes: 1...255)
            reuse = try reader.token("reuse", Reuse.self)
            maxCostUSD = try reader.number("maxCostUSD", in: 0...1_000_000)
            label = try reader.string("label", bytes: 0...Limits.labelBytes)
        }
    }
}

/// Bounds of the protocol's values.
public enum Limits {
    /// Longest prompt; Google's own bound is in tokens, and 128 KiB of text is above every model's.
    public static let promptBytes = 131_072
    /// Longest name of a model, project or token: nothing legal comes near.
    public static let nameBytes = 256
    public static let labelBytes = 128
    /// Most images of one job.
    public static let count = 10
    /// Most input images (`upstream.md` 1.8).
    public static let inputs = 14
    /// A week: longer than any batch, short enough for every clock's arithmetic.
    public static let deadlineSeconds = 604_800.0
}

public enum ThinkingLevel: String, Sendable, Hashable, Codable, CaseIterable { case minimal, low, medium, high }
public enum Grounding: String, Sendable, Hashable, Codable, CaseIterable { case web, image }
public enum RouteName: String, Sendable, Hashable, Codable, CaseIterable { case native, openai, vertex }
public enum Priority: String, Sendable, Hashable, Codable, CaseIterable { case interactive, bulk }
public enum Reuse: String, Sendable, Hashable, Codable, CaseIterable { case never, prefer, only }

public enum PersonGeneration: String, Sendable, Hashable, Codable, CaseIterable {
    case all = "ALLOW_ALL"
    case adult = "ALLOW_ADULT"
    case none = "ALLOW_NONE"
}

public enum OutputType: String, Sendable, Hashable, Codable, CaseIterable {
    case png = "image/png"
    case jpeg = "image/jpeg"
}

/// An image to edit or to follow: one of its three members is set.
public enum ImageInput: Sendable, Hashable {
    /// Index into the descriptors of the request's line.
    case descriptor(Int)
    /// Base64.
    case data(String)
    /// The sha256 of an artifact of the same uid.
    case artifact(String)
}

extension ImageInput: Encodable {
    private enum CodingKeys: String, CodingKey { case fd, data, artifact }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        switch self {
        case .descriptor(let index): try container.encode(index, forKey: .fd)
        case .data(let base64): try container.encode(base64, forKey: .data)
        case .artifact(let sha256): try container.encode(sha256, forKey: .artifact)
        }
    }
}

extension GenerateImage.Params {
    private static func inputs(_ reader: inout ParamReader) throws(WireError) -> [ImageInput]? {
        guard let elements = try reader.array("inputs", atMost: Limits.inputs) else { return nil }
        var inputs: [ImageInput] = []
        for (index, element) in elements.enumerated() {
            guard case .object(let members) = element else {
                throw reader.invalid("inputs.\(index)", "is \(element.kindName), not an object")
            }
            var input = ParamReader(members, prefix: "inputs.\(index)")
            let fd = try input.integer("fd", in: 0...252)
            let data = try input.string("data", bytes: 1...Int.max)
            let artifact = try input.string("artifact", bytes: 64...64)
            try input.finish()
            switch (fd, data, artifact) {
            case (let fd?, nil, nil): inputs.append(.descriptor(Int(fd)))
            case (nil, let data?, nil): inputs.append(.data(data))
            case (nil, nil, let artifact?): inputs.append(.artifact(artifact))
            default:
                throw reader.invalid("inputs.\(index)", "has to have exactly one of fd, data and artifact")
            }
        }
        return inputs
    }

    private static func grounding(_ reader: inout ParamReader) throws(WireError) -> [Grounding]? {
        guard let elements = try reader.array("grounding", atMost: Grounding.allCases.count) else { return nil }
        var tools: [Grounding] = []
        for (index, element) in elements.enumerated() {
            guard case .string(let text) = element, let tool = Grounding(rawValue: text) else {
                throw reader.invalid("grounding.\(index)", "has to be \"web\" or \"image\"")
            }
            tools.append(tool)
        }
        return tools
    }

    private static func safety(_ reader: inout ParamReader) throws(WireError) -> [String: String]? {
        guard let members = try reader.object("safety") else { return nil }
        var thresholds: [String: String] = [:]
        for (category, threshold) in members {
            guard case .string(let text) = threshold else {
                throw reader.invalid("safety.\(category.prefix(64))", "is \(threshold.kindName), not a string")
            }
            thresholds[category] = text
        }
        return thresholds
    }
}
