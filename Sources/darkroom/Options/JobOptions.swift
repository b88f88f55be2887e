// How a job is let in and waited for (protocol section 3): what is no part of the picture.

import ArgumentParser
import Wire

/// Where images go.
struct OutputOptions: ParsableArguments {
    @Option(
        name: [.short, .customLong("output")],
        help: ArgumentHelp(
            "Where to write; {n} is the image's number; a directory; or - for a pipe.", valueName: "file"),
        completion: .file())
    var output: String?
}

/// How long a daemon that is away is waited for.
struct PatienceOptions: ParsableArguments {
    @Option(
        parsing: .unconditional,
        help: ArgumentHelp(
            "How long to try to reach a daemon that is away; 60 for one that restarts meanwhile.", valueName: "seconds")
    )
    var wait: Double?

    func validate() throws {
        if let wait, !(0...Limits.deadlineSeconds).contains(wait) {
            throw ValidationError("--wait takes a number of seconds from 0 on")
        }
    }

    /// For a connection that is not there yet: absent unless it was asked for.
    var connecting: Duration? { wait.map { .seconds($0) } }

    /// For one that was lost.
    var afterLoss: Duration { .seconds(wait ?? 60) }
}

/// What a new job brings along beside the picture.
struct JobOptions: ParsableArguments {
    @Option(
        parsing: .unconditional, help: ArgumentHelp("How long to wait at most, in the queue too.", valueName: "seconds")
    )
    var deadline: Double?

    @Option(
        help: "interactive or bulk.", completion: .list(["interactive", "bulk"]), transform: { try Token.read($0) })
    var priority: Priority?

    @Option(help: "Your own name for the job.")
    var label: String?

    @Option(
        help: "A key of your own: the same one with the same request is the same job, and is paid for once.")
    var key: String?

    @Option(
        help: "prefer an image that the same request has made before, or take only such a one.",
        completion: .list(["prefer", "only", "never"]), transform: { try Token.read($0) })
    var reuse: Reuse?

    @Option(parsing: .unconditional, help: ArgumentHelp("Refuse what may cost more.", valueName: "usd"))
    var maxCost: Double?

    func validate() throws {
        if let deadline, !deadline.isFinite || deadline <= 0 {
            throw ValidationError("--deadline takes a number of seconds above 0")
        }
        if let maxCost, !(0...1_000_000).contains(maxCost) {
            throw ValidationError("--max-cost takes US dollars from 0 on")
        }
        if let key, !(1...255).contains(key.utf8.count) { throw ValidationError("--key takes 1 to 255 bytes") }
        if let label, label.utf8.count > Limits.labelBytes {
            throw ValidationError("--label takes at most \(Limits.labelBytes) bytes")
        }
    }

    func apply(to request: inout GenerateImage.Params) {
        request.deadlineSeconds = deadline
        request.priority = priority
        request.label = label
        request.idempotencyKey = key
        request.reuse = reuse
        request.maxCostUSD = maxCost
    }
}

/// What is done with a request: the job is waited for unless one of these says otherwise.
struct ModeOptions: ParsableArguments {
    @Flag(help: "Do not wait: print the job's id at once.")
    var noWait = false

    @Flag(help: "Say what it would cost and when it would start; nothing is asked for.")
    var dryRun = false

    /// Refuses what does not go together.
    func check(_ output: OutputOptions, count: Int?) throws {
        if noWait, dryRun { throw ValidationError("--dry-run asks for nothing, so there is nothing to wait for") }
        if noWait, output.output != nil {
            throw ValidationError("--no-wait leaves nothing to write to -o; use darkroom wait JOB -o FILE later")
        }
        if output.output == "-", let count, count > 1 {
            throw ValidationError("\(count) images do not fit one pipe; use -o DIR/")
        }
    }
}
