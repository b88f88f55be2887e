// What one project's upstream is known to offer: its listing, and the calls that it answered with 404.

import Gemini
import Logging
import Synchronization
import Wire

/// The models of one project, as upstream has told.
final class ModelWatch: Sendable {
    private let availability = Mutex(Availability())
    private let origin = ContinuousClock.now

    private var elapsed: Duration { ContinuousClock.now - origin }

    func heard(_ listing: [ListedModel]) { availability.withLock { $0.heard(listing) } }

    func refused(_ model: String) { availability.withLock { $0.refused(model, at: elapsed) } }

    func answered(_ model: String) { availability.withLock { $0.answered(model) } }

    func state(of model: String) -> Availability.State {
        availability.withLock { $0.state(of: model, at: elapsed) }
    }

    /// How long a refusal is still believed; nil when the model may be asked for.
    func refusedFor(_ model: String) -> Duration? {
        availability.withLock { $0.refusedFor(model, at: elapsed) }
    }
}

/// Keeps what is known of one project's models fresh, and with it the first connection warm and the key heard of.
struct ModelListing: Sendable {
    let project: String
    let route: any Route
    let key: KeyWatch
    let models: ModelWatch
    let interval: Duration
    let logger: Logger

    /// A listing that failed is tried again after this, then after twice as long, up to `interval`.
    private static let firstRetry = Duration.seconds(60)

    /// Lists at once and then again and again, until its task is cancelled.
    func run() async {
        var wait = Self.firstRetry
        while !Task.isCancelled {
            let isHeard = await refresh()
            let pause = isHeard ? interval : min(wait, interval)
            wait = isHeard ? Self.firstRetry : min(wait * 2, interval)
            // It only throws when the task is cancelled.
            guard (try? await Task.sleep(for: pause)) != nil else { return }
        }
    }

    private func refresh() async -> Bool {
        do throws(GeminiError) {
            models.heard(try await route.listModels())
            key.accepted()
            return true
        } catch {
            guard error.kind != .cancelled else { return false }
            key.heard(listing: error)
            logger.warning(
                "upstream did not list its models, trying again later",
                metadata: [
                    "project": "\(project)", "kind": "\(error.kind.rawValue)", "reason": "\(error.message)",
                ])
            return false
        }
    }
}
