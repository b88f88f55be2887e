// The seam between a job's life and what draws: `darkroomd` adapts the Gemini client to it, tests script it.

package import Quota
package import Store
package import Wire

/// What can draw: one project's route.
package protocol ImageGenerator: Sendable {
    /// Refuses what can be refused without looking at a byte of an input: model, what route and model support, values.
    ///
    /// Called before inputs are copied.
    func check(_ params: GenerateImage.Params) throws(WireError)

    /// Refuses what would have to be sent as long as there is no key to send it with.
    func checkKey() throws(WireError)

    /// Says what a request comes to, or refuses it before it costs anything: all that `check` refuses, what its inputs
    /// and its conversation add, price; no key is needed to know that.
    func plan(_ params: GenerateImage.Params, _ material: Material) throws(WireError) -> CallPlan

    /// Makes one exchange with upstream, for one image; never a second.
    ///
    /// Cancelling the task aborts the exchange.
    ///
    /// - Parameters:
    ///   - order: What to ask for.
    ///   - sink: Makes a place for the bytes of one image; throws when the disk does.
    ///   - progress: Is told how far the exchange is; cheap, from any thread.
    /// - Returns: What came of it; the images are in sinks that `sink` made.
    func generate(
        _ order: CallOrder, sink: @Sendable @escaping () throws -> any ArtifactSink,
        progress: @Sendable @escaping (CallProgress) -> Void
    ) async -> CallOutcome
}

/// What a request brings besides its parameters.
package struct Material: Sendable, Equatable {
    /// In the order of the request.
    package var inputs: [KeptInput]
    /// The conversation that `continues` names, oldest first.
    package var history: [PastTurn]

    package init(inputs: [KeptInput] = [], history: [PastTurn] = []) {
        self.inputs = inputs
        self.history = history
    }
}

/// What a request comes to.
package struct CallPlan: Sendable {
    package var project: String
    package var route: String
    package var model: JobModel
    /// The most that one call can cost, in micro-dollars.
    package var holdMicros: Int64
    /// What one call costs by the catalogue, in micro-dollars.
    package var expectedMicros: Int64
    /// The most that one call can have of them.
    package var inputTokens: Int64
    package var warnings: [Warning]
    /// The usual time from sent to done, low and high.
    package var usuallySeconds: [Double]
    /// How long an exchange may take, whatever the caller's deadline.
    package var upstreamTimeout: Duration
    /// What the caller asked of the picture.
    package var requested: Requested
    /// What the model makes of that, when it is known.
    package var expectedPixels: (width: Int, height: Int)?
    /// That the history is not replayed and its last image goes as an input; a warning `conversation_restarted` of the
    /// plan says so.
    package var freshStart: Bool

    package init(
        project: String, route: String, model: JobModel, holdMicros: Int64, expectedMicros: Int64,
        warnings: [Warning] = [], usuallySeconds: [Double], upstreamTimeout: Duration, requested: Requested,
        expectedPixels: (width: Int, height: Int)? = nil, freshStart: Bool = false, inputTokens: Int64 = 0
    ) {
        self.inputTokens = inputTokens
        self.project = project
        self.route = route
        self.model = model
        self.holdMicros = holdMicros
        self.expectedMicros = expectedMicros
        self.warnings = warnings
        self.usuallySeconds = usuallySeconds
        self.upstreamTimeout = upstreamTimeout
        self.requested = requested
        self.expectedPixels = expectedPixels
        self.freshStart = freshStart
    }
}

/// One exchange to be made.
package struct CallOrder: Sendable {
    package var job: JobID
    /// From 0.
    package var call: Int
    package var params: GenerateImage.Params
    package var plan: CallPlan
    package var material: Material
    /// Opens the file of an input or of an image of the history, at offset 0.
    package var open: @Sendable (_ sha256: String) throws -> OpenFile
    /// Wall time for the whole exchange.
    package var timeout: Duration
}

/// Takes the bytes of one image, in order, from one thread at a time.
package protocol ArtifactSink: AnyObject, Sendable {
    func write(_ bytes: UnsafeRawBufferPointer) throws
}

extension TemporaryArtifact: ArtifactSink {}

/// How far an exchange is.
package enum CallProgress: Sendable {
    case sent
    /// Image bytes so far.
    case receiving(bytes: Int)
}

/// What an exchange came to.
package enum CallOutcome: Sendable {
    case answered(CallAnswer)
    /// Nothing reached upstream, or it refused in a way that costs nothing.
    ///
    /// `retryAfter` is upstream's own word; `scope` says who else must wait; `limits` are what upstream named.
    case refused(WireError, retryAfter: Duration?, scope: RefusalScope, limits: [NamedLimit] = [])
    /// An answer that is an error, charged as the error says; with what upstream counted and its price, if it did.
    case failed(WireError, Counted? = nil)
    case outcomeUnknown(WireError)
}

/// What upstream counted of a call, and what that comes to.
package struct Counted: Sendable, Equatable {
    package var usage: Usage
    package var costMicros: Int64

    package init(usage: Usage, costMicros: Int64) {
        self.usage = usage
        self.costMicros = costMicros
    }
}

/// Whom a refusal concerns: the one call, all that is sent for the model, or the whole project until the month ends or
/// an admin has acted.
package enum RefusalScope: Sendable { case call, model, project, projectThisMonth }

/// An answer with images.
package struct CallAnswer: Sendable {
    /// In the order of their numbers in `turn`.
    package var images: [AnswerImage]
    package var text: String?
    package var finishReason: String?
    package var modelAnswered: String?
    package var usage: Usage?
    /// From `usage`; nil when upstream counted nothing.
    package var costMicros: Int64?
    package var httpStatus: Int?
    /// The model's content verbatim, JSON in which each image's base64 is replaced by its number; nil where the route
    /// has no conversations.
    package var turn: [UInt8]?
    package var grounding: GroundingResult?
    /// What upstream said besides, of the model's end for one.
    package var remarks: [Warning]

    package init(
        images: [AnswerImage], text: String? = nil, finishReason: String? = nil, modelAnswered: String? = nil,
        usage: Usage? = nil, costMicros: Int64? = nil, httpStatus: Int? = nil, turn: [UInt8]? = nil,
        grounding: GroundingResult? = nil, remarks: [Warning] = []
    ) {
        self.images = images
        self.text = text
        self.finishReason = finishReason
        self.modelAnswered = modelAnswered
        self.usage = usage
        self.costMicros = costMicros
        self.httpStatus = httpStatus
        self.turn = turn
        self.grounding = grounding
        self.remarks = remarks
    }
}

/// One image of an answer.
package struct AnswerImage: Sendable {
    package typealias Kind = KeptArtifact.Kind

    /// As the engine's `sink` made it.
    package var sink: any ArtifactSink
    /// What upstream said it was.
    package var claimedType: String
    package var kind: Kind
    /// Read from the bytes.
    package var mimeType: String
    package var width: Int
    package var height: Int

    package init(
        sink: any ArtifactSink, claimedType: String, kind: Kind, mimeType: String, width: Int, height: Int
    ) {
        self.sink = sink
        self.claimedType = claimedType
        self.kind = kind
        self.mimeType = mimeType
        self.width = width
        self.height = height
    }
}
