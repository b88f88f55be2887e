// A job: what it is called, where it stands, and how it reads on the wire (protocol sections 3 and 4).

/// Names a job; unique for ever, sortable by the time of admission.
public struct JobID: RawRepresentable, Sendable, Hashable, Codable, CustomStringConvertible {
    public let rawValue: String

    public init(rawValue: String) { self.rawValue = rawValue }

    public var description: String { rawValue }

    /// Whether it has the form of every id: 26 digits of Crockford's base 32, in lower case.
    var isWellFormed: Bool {
        rawValue.utf8.count == 26 && rawValue.utf8.allSatisfy("0123456789abcdefghjkmnpqrstvwxyz".utf8.contains)
    }

    public init(from decoder: any Decoder) throws {
        rawValue = try decoder.singleValueContainer().decode(String.self)
    }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(rawValue)
    }
}

/// Where a job or one of its calls stands.
public enum JobState: String, Sendable, Hashable, Codable, CaseIterable {
    /// Durable, not yet its turn.
    case queued
    /// Its turn has come, but a gate (quota, pause, breaker) is shut.
    case waiting
    /// Written before the first byte goes out: from here on it may have cost money.
    case sent
    /// The head of the answer has arrived.
    case receiving
    case done
    case failed
    case cancelled
    /// It went out and nobody knows what became of it; never sent again by itself.
    case unknown

    public var isEnded: Bool {
        switch self {
        case .queued, .waiting, .sent, .receiving: false
        case .done, .failed, .cancelled, .unknown: true
        }
    }
}

/// One image, as a result lists it.
///
/// Type and pixels are read from the bytes.
public struct ImageEntry: Sendable, Hashable, Codable {
    public var sha256: String
    public var mimeType: String
    public var width: Int
    public var height: Int
    public var bytes: Int
    /// Base64, with delivery `inline`.
    public var data: String?
    /// Index into the descriptors of the answer's line, with delivery `fd`.
    public var fd: Int?

    public init(
        sha256: String, mimeType: String, width: Int, height: Int, bytes: Int, data: String? = nil, fd: Int? = nil
    ) {
        self.sha256 = sha256
        self.mimeType = mimeType
        self.width = width
        self.height = height
        self.bytes = bytes
        self.data = data
        self.fd = fd
    }
}

/// Something that came back other than it was asked for, or was sent other than it was written.
public struct Warning: Sendable, Hashable, Codable {
    public struct Code: RawRepresentable, Sendable, Hashable, Codable {
        public let rawValue: String
        public init(rawValue: String) { self.rawValue = rawValue }

        public static let sizeDiffers = Code(rawValue: "size_differs")
        /// The image does not say how large it is.
        public static let sizeUnknown = Code(rawValue: "size_unknown")
        public static let ratioDiffers = Code(rawValue: "ratio_differs")
        public static let typeDiffers = Code(rawValue: "type_differs")
        public static let modelSubstituted = Code(rawValue: "model_substituted")
        public static let modelDiffers = Code(rawValue: "model_differs")
        public static let extraImages = Code(rawValue: "extra_images")
        /// The conversation began with another model: its last image was sent as an input, its turns were not.
        public static let conversationRestarted = Code(rawValue: "conversation_restarted")
    }

    public var code: Code
    public var message: String

    public init(_ code: Code, _ message: String) {
        self.code = code
        self.message = message
    }
}

/// The three names of a model in one job.
public struct JobModel: Sendable, Hashable, Codable {
    public var asked: String
    public var sent: String
    /// What upstream said it was; null until it answered.
    public var answered: String?

    public init(asked: String, sent: String, answered: String? = nil) {
        self.asked = asked
        self.sent = sent
        self.answered = answered
    }

    private enum CodingKeys: String, CodingKey { case asked, sent, answered }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(asked, forKey: .asked)
        try container.encode(sent, forKey: .sent)
        try container.encode(answered, forKey: .answered)
    }
}

/// What was asked of the picture; null is the model's default.
public struct Requested: Sendable, Hashable, Codable {
    public var aspectRatio: String?
    public var imageSize: String?

    public init(aspectRatio: String? = nil, imageSize: String? = nil) {
        self.aspectRatio = aspectRatio
        self.imageSize = imageSize
    }

    private enum CodingKeys: String, CodingKey { case aspectRatio, imageSize }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(aspectRatio, forKey: .aspectRatio)
        try container.encode(imageSize, forKey: .imageSize)
    }
}

/// Tokens as upstream counted them.
public struct Usage: Sendable, Hashable, Codable {
    public var promptTokens: Int
    /// All that came out: images, text and thoughts.
    public var outputTokens: Int
    public var imageTokens: Int
    public var thoughtTokens: Int

    public init(promptTokens: Int, outputTokens: Int, imageTokens: Int, thoughtTokens: Int) {
        self.promptTokens = promptTokens
        self.outputTokens = outputTokens
        self.imageTokens = imageTokens
        self.thoughtTokens = thoughtTokens
    }
}

/// What a job cost.
public struct Cost: Sendable, Hashable, Codable {
    /// From what the figure was reckoned.
    public struct Basis: RawRepresentable, Sendable, Hashable, Codable {
        public let rawValue: String
        public init(rawValue: String) { self.rawValue = rawValue }

        /// Upstream's own token counts.
        public static let usage = Basis(rawValue: "usage")
        /// The catalogue's price: upstream sent no counts.
        public static let catalogue = Basis(rawValue: "catalogue")
        /// The whole hold: the outcome is not known.
        public static let hold = Basis(rawValue: "hold")
        /// Nothing: an earlier result was used again.
        public static let reused = Basis(rawValue: "reused")
    }

    /// US dollars.
    public var usd: Double
    public var basis: Basis
    /// What a reused result cost when it was made, in US dollars.
    public var wouldHaveUSD: Double?

    /// - Parameters:
    ///   - micros: Micro-dollars.
    ///   - basis: From what the figure was reckoned.
    ///   - savedMicros: What a reused result cost when it was made.
    public init(micros: Int64, basis: Basis, savedMicros: Int64? = nil) {
        usd = Double(micros) / 1_000_000
        self.basis = basis
        wouldHaveUSD = savedMicros.map { Double($0) / 1_000_000 }
    }
}

/// Where the time went, in milliseconds.
public struct Timing: Sendable, Hashable, Codable {
    public var queuedMs: Double
    public var upstreamMs: Double
    /// The daemon's own part: admission, writing, keeping.
    public var overheadMs: Double

    public init(queuedMs: Double, upstreamMs: Double, overheadMs: Double) {
        self.queuedMs = queuedMs
        self.upstreamMs = upstreamMs
        self.overheadMs = overheadMs
    }
}
