// What happens when a row of the audit chain cannot be written: mostly the act that it is about does not happen either.
// Where the configuration prefers images to a record without gaps, the row is left out, and a row says how many were.

import GRDB
import Synchronization

/// Whether the chain can be written, and what to do when not; of one store.
final class AuditKeeping: Sendable {
    private struct State {
        var isOpen = false
        var isFailing = false
        /// Rows that were left out since the last one that was written.
        var lost = 0
    }

    private let state = Mutex(State())

    /// Set while a transaction of a store runs.
    @TaskLocal static var current: AuditKeeping?

    /// Goes on without a row that cannot be written, or not.
    func setOpen(_ isOpen: Bool) { state.withLock { $0.isOpen = isOpen } }

    var isFailing: Bool { state.withLock { $0.isFailing } }
    var lost: Int { state.withLock { $0.lost } }

    /// Runs a transaction that writes rows; what was left out counts when the transaction does.
    func run(_ transaction: () throws -> Void) throws {
        let before = lost
        do {
            try Self.$current.withValue(self, operation: transaction)
        } catch {
            state.withLock { $0.lost = before }
            throw error
        }
    }

    func append(_ entry: AuditEntry, to database: Database) throws {
        let (isOpen, lost) = state.withLock { ($0.isOpen, $0.lost) }
        do {
            if isOpen {
                // What fails is taken back alone, and the transaction goes on.
                try database.inSavepoint {
                    if lost > 0 { try AuditChain.insert(Self.gap(lost, at: entry.at), to: database) }
                    try AuditChain.insert(entry, to: database)
                    return .commit
                }
            } else {
                if lost > 0 { try AuditChain.insert(Self.gap(lost, at: entry.at), to: database) }
                try AuditChain.insert(entry, to: database)
            }
            state.withLock { state in
                state.isFailing = false
                state.lost = 0
            }
        } catch {
            state.withLock { $0.isFailing = true }
            // A full disk ends the whole transaction, and then there is nothing to go on with.
            guard isOpen, database.isInsideTransaction else { throw error }
            state.withLock { $0.lost += 1 }
        }
    }

    private static func gap(_ count: Int, at time: Int64) -> AuditEntry {
        AuditEntry(.gap, at: time, details: "{\"lostRows\":\(count)}")
    }
}

extension Store {
    /// Says whether what cannot be put on record happens all the same.
    package func goOnWithoutRecord(_ isOpen: Bool) { audit.setOpen(isOpen) }

    /// That the last row of the chain could be written.
    package var isRecording: Bool { !audit.isFailing }

    /// Rows that were left out, and are not told of in the chain yet.
    package var unrecordedCount: Int { audit.lost }
}
