// The last thing that upstream said against a project's quota or its billing.

import Gemini
import Synchronization

/// Remembers refusals until the model answers again.
final class QuotaWatch: Sendable {
    private let refusals = Mutex<[String: GeminiError]>([:])

    func heard(_ error: GeminiError, of model: String) {
        switch error.kind {
        case .quotaMinute, .quotaDay, .noQuota, .spendCap: refusals.withLock { $0[model] = error }
        default: break
        }
    }

    func answered(_ model: String) { refusals.withLock { $0[model] = nil } }

    /// By model, in the order of their names.
    var current: [(model: String, error: GeminiError)] {
        refusals.withLock { $0.sorted { $0.key < $1.key }.map { ($0.key, $0.value) } }
    }
}
