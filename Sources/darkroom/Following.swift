// Following a job to its end with progress on standard error, as every command does that asks for images.

import Client
import Wire

struct Following {
    private let connection: DarkroomConnection
    private let progress: Progress

    /// Connects.
    ///
    /// - Parameters:
    ///   - shared: Where the daemon is and how to talk.
    ///   - patience: How long to wait for a daemon that is away.
    ///   - output: What `-o` said, to be repeated to a user who does not wait.
    ///   - job: The job's id, where it is known already.
    /// - Throws: `ClientError` when there is no daemon.
    init(_ shared: SharedOptions, _ patience: PatienceOptions, output: String?, job: JobID? = nil) throws(ClientError) {
        progress = Progress(quiet: shared.quiet, output: output)
        if let job { progress.know(job) }
        connection = try shared.connect(patience.connecting)
    }

    /// Does what waits, with the progress drawn and interruptions heard.
    ///
    /// - Parameter follow: Given the connection and what draws.
    /// - Returns: What it returns.
    /// - Throws: What it throws, `Interruption` when the user stopped waiting.
    func run<Answer>(_ follow: (DarkroomConnection, Progress) throws -> Answer) throws -> Answer {
        Interruption.watch()
        defer { progress.clear() }
        return try follow(connection, progress)
    }
}

/// A job that is asked for and then followed, admitted or only priced: what `generate`, `edit` and `refine` share.
struct NewJob {
    let root: Darkroom
    let images: ImageOptions
    let job: JobOptions
    let place: OutputOptions
    let patience: PatienceOptions
    let mode: ModeOptions

    /// Does what the mode says with a request.
    ///
    /// - Parameter make: Makes the request; called after the place for its images was looked at.
    /// - Throws: What making, asking or writing throws.
    func run(_ make: () throws -> PreparedRequest) throws {
        if mode.dryRun { return try prepared(make).asked { try Price.tell($0, root.shared) } }
        if mode.noWait { return try prepared(make).asked(admit) }
        let delivery = try ImageDelivery(output: place.output, json: root.shared.json)
        var request = try prepared(make)
        request.params.delivery = .fd
        let following = try Following(root.shared, patience, output: place.output)
        let received = try request.asked { request in
            try following.run { connection, progress in
                try connection.generate(
                    request.params, descriptors: request.descriptors, patience: patience.afterLoss,
                    heartbeat: progress.heartbeat, onEvent: progress.hear, onLoss: progress.lose)
            }
        }
        try delivery.deliver(received)
    }

    private func prepared(_ make: () throws -> PreparedRequest) throws -> PreparedRequest {
        var request = try make()
        job.apply(to: &request.params)
        return request
    }

    private func admit(_ request: PreparedRequest) throws {
        let following = try Following(root.shared, patience, output: nil)
        let received = try following.run { connection, progress in
            try connection.admit(
                request.params, descriptors: request.descriptors, patience: patience.afterLoss,
                heartbeat: progress.heartbeat, onLoss: progress.lose)
        }
        if root.shared.json { return Conversation.answer(json: try JSONAnswer.plain(received.line)) }
        Conversation.answer("\(received.result.job)")
    }
}
