// The life of a call as a table: from which states it may come into which. Every change of state in the database is one
// UPDATE that names the states it may come from, and the number of rows it changed is the verdict.

package import Wire

/// A move of a call from one state to another.
package struct Transition: Sendable, Equatable {
    package let from: [JobState]
    package let to: JobState

    /// Its turn has come: durable before the first byte goes out.
    package static let start = Transition(from: [.queued, .waiting], to: .sent)
    /// Upstream refused before any charge: it waits for another attempt.
    package static let requeue = Transition(from: [.sent], to: .waiting)
    package static let finish = Transition(from: [.sent, .receiving], to: .done)
    package static let fail = Transition(from: [.sent, .receiving], to: .failed)
    package static let lose = Transition(from: [.sent, .receiving], to: .unknown)
    /// It ends before it was sent: a deadline, a gate that opens too late.
    package static let refuse = Transition(from: [.queued, .waiting], to: .failed)
    package static let cancel = Transition(from: [.queued, .waiting], to: .cancelled)

    /// Cancelled, and known to have cost nothing although its row may say `sent`: it never left, or upstream refused it.
    package static let recall = Transition(from: [.queued, .waiting, .sent], to: .cancelled)

    /// Every move there is.
    package static let all: [Transition] = [start, requeue, finish, fail, lose, refuse, cancel, recall]

    /// The states it may come from, as a list for SQL's IN.
    var origins: String { from.map { "'\($0.rawValue)'" }.joined(separator: ",") }

    /// What a job is whose calls stand so: the most advanced open call's state, else the best end.
    package static func state(ofCalls calls: [JobState]) -> JobState {
        let order: [JobState] = [.receiving, .sent, .waiting, .queued, .done, .unknown, .failed, .cancelled]
        return order.first { calls.contains($0) } ?? .failed
    }
}
