// What goes into the job's rows and what comes out of them.

package import Wire

import Crypto
import FoundationEssentials

/// Who asked, as the kernel and the listening socket say; pid, unit, session and executable are attribution.
package struct Origin: Sendable, Hashable {
    package var uid: UInt32
    package var gid: UInt32
    package var pid: Int32
    package var unit: String?
    package var socket: String
    /// In the details of the rows that tell of an act of theirs; a job's own rows name them once, at its admission.
    package var session: String?
    package var executable: String?

    package init(uid: UInt32, gid: UInt32, pid: Int32, unit: String?, socket: String) {
        self.uid = uid
        self.gid = gid
        self.pid = pid
        self.unit = unit
        self.socket = socket
    }
}

/// A job at the moment of its admission.
package struct NewJob: Sendable {
    package var id: JobID
    package var origin: Origin
    package var priority: Priority
    package var label: String?
    package var project: String
    package var route: String
    package var model: JobModel
    /// The params as JSON, less what says nothing about the image: wait, delivery, deadline, priority, label, key.
    package var request: [UInt8]
    /// What tells it from another request under the same idempotency key; `request` where that does.
    package var sameness: [UInt8]?
    package var idempotencyKey: String?
    package var requested: Requested
    package var warnings: [Warning]
    package var created: Timestamp
    package var deadline: Timestamp
    /// Images asked for; one call each.
    package var callCount: Int
    /// The most that one call can cost.
    package var holdMicros: Int64
    /// The most that one call can have of them.
    package var inputTokens: Int64
    /// The accounts of policy rules that its money concerns besides its project's.
    package var budgets: [String]
    /// Projects beside `project` that may serve it, the first that has room.
    package var overflow: [String] = []
    /// Most calls of its principal that may be under way at once, where a rule says so.
    package var concurrency: Int?
    package var inputs: [KeptInput]
    /// The job whose conversation it goes on with.
    package var continues: JobID?
    /// Every job of that conversation.
    package var conversation: [JobID] = []
    /// All that decides the image, so that an identical request can use the result again; hashed for its row.
    package var reuseKey: [UInt8]?
    /// What is on record of the prompt.
    package var prompt: PromptRecord?

    package init(
        id: JobID, origin: Origin, priority: Priority, label: String?, project: String, route: String, model: JobModel,
        request: [UInt8], idempotencyKey: String?, requested: Requested, warnings: [Warning], created: Timestamp,
        deadline: Timestamp, callCount: Int, holdMicros: Int64, inputTokens: Int64 = 0, budgets: [String] = [],
        inputs: [KeptInput] = [], continues: JobID? = nil, reuseKey: [UInt8]? = nil
    ) {
        self.id = id
        self.origin = origin
        self.priority = priority
        self.label = label
        self.project = project
        self.route = route
        self.model = model
        self.request = request
        self.idempotencyKey = idempotencyKey
        self.requested = requested
        self.warnings = warnings
        self.created = created
        self.deadline = deadline
        self.callCount = callCount
        self.holdMicros = holdMicros
        self.inputTokens = inputTokens
        self.budgets = budgets
        self.inputs = inputs
        self.continues = continues
        self.reuseKey = reuseKey
    }
}

/// What became of an admission.
package enum Admitted: Sendable, Equatable {
    case new
    /// The uid has a job under this idempotency key; `isSame` when it was asked the same.
    case existing(JobID, isSame: Bool)
    /// A turn of the conversation that it goes on with is no longer kept.
    case broken(JobID)
}

/// The job that has an idempotency key, and what it was asked.
package struct KeyedJob: Sendable {
    package let id: JobID
    let hash: Data

    /// Whether it was asked one of these: `NewJob.sameness`, or `NewJob.request` as earlier versions hashed it.
    package func wasAsked(_ requests: [[UInt8]]) -> Bool {
        requests.contains { Data(SHA256.hash(data: $0)) == hash }
    }
}

/// A job with its owner.
package struct JobRecord: Sendable, Equatable {
    package var owner: UInt32
    package var result: JobResult

    package init(owner: UInt32, result: JobResult) {
        self.owner = owner
        self.result = result
    }
}

/// A job of which a call had not been sent when it was read.
package struct OpenJob: Sendable, Equatable {
    package struct Call: Sendable, Equatable {
        package var number: Int
        package var state: JobState
        package var attempts: Int
    }

    package var id: JobID
    package var uid: UInt32
    package var label: String?
    package var priority: Priority
    /// The project that it was admitted for.
    package var home: String
    package var modelSent: String
    package var created: Timestamp
    package var deadline: Timestamp
    /// The most that one call can cost and can have of input tokens.
    package var holdMicros: Int64
    package var inputTokens: Int64
    /// See `NewJob`.
    package var overflow: [String]
    package var concurrency: Int?
    /// All of its calls, by number; those that have ended as well.
    package var calls: [Call]
}

/// An image whose file is kept, on its way to its row.
package struct KeptArtifact: Sendable, Equatable {
    package enum Kind: String, Sendable { case final, extra, draft }

    package var kind: Kind
    package var entry: ImageEntry

    package init(kind: Kind, entry: ImageEntry) {
        self.kind = kind
        self.entry = entry
    }
}

/// A call that brought an answer with images.
package struct FinishedCall: Sendable {
    package var job: JobID
    /// From 0.
    package var call: Int
    package var at: Timestamp
    /// In the order of the answer.
    package var artifacts: [KeptArtifact]
    package var text: String?
    package var finishReason: String?
    package var modelAnswered: String?
    /// Added to those of the admission.
    package var warnings: [Warning]
    package var usage: Usage?
    package var costMicros: Int64
    package var basis: Cost.Basis
    package var timing: Timing
    /// Set when the images are kept and are not what had to come: then the call has failed with this.
    package var error: WireError?
    /// See `PastTurn.content`.
    package var turn: [UInt8]?
    package var grounding: GroundingResult?

    package init(
        job: JobID, call: Int, at: Timestamp, artifacts: [KeptArtifact], text: String?, finishReason: String?,
        modelAnswered: String?, warnings: [Warning], usage: Usage?, costMicros: Int64, basis: Cost.Basis,
        timing: Timing, error: WireError? = nil, turn: [UInt8]? = nil, grounding: GroundingResult? = nil
    ) {
        self.job = job
        self.call = call
        self.at = at
        self.artifacts = artifacts
        self.text = text
        self.finishReason = finishReason
        self.modelAnswered = modelAnswered
        self.warnings = warnings
        self.usage = usage
        self.costMicros = costMicros
        self.basis = basis
        self.timing = timing
        self.error = error
        self.turn = turn
        self.grounding = grounding
    }
}

/// A call that ended without the image that it was for.
package struct FailedCall: Sendable {
    package var job: JobID
    package var call: Int
    package var at: Timestamp
    /// With `charged`; it says what becomes of the hold: `no` releases, `yes` settles, `unknown` keeps it.
    package var error: WireError
    /// What is settled when it was charged.
    package var costMicros: Int64
    /// What `costMicros` was reckoned from; nil when that is the catalogue.
    package var usage: Usage?
    package var timing: Timing?
    /// What had come whole all the same.
    package var artifacts: [KeptArtifact] = []

    package init(
        job: JobID, call: Int, at: Timestamp, error: WireError, costMicros: Int64, usage: Usage? = nil, timing: Timing?
    ) {
        self.usage = usage
        self.job = job
        self.call = call
        self.at = at
        self.error = error
        self.costMicros = costMicros
        self.timing = timing
    }
}
