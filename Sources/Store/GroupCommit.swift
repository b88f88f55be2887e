// One writer, many callers, one fsync for all who wait at the same time.
//
// GRDB's own asynchronous `write` answers a cancelled task with CancellationError, also after the commit; a paid image
// must not hang on whether its asker is still there, so the queue is our own and does not look at cancellation.

import Dispatch
import GRDB
import Synchronization

/// Runs write transactions one after the other, as many in one SQLite transaction as are waiting.
final class GroupCommit: Sendable {
    /// Most transactions in one commit: keeps the first of a group from waiting for a crowd.
    static let groupCount = 256

    private struct Entry: Sendable {
        let run: @Sendable (Database) throws -> Void
        /// Called once, after the commit, with nil or with what spoilt the whole group.
        let committed: @Sendable (StoreError?) -> Void
    }

    private struct Pending {
        var entries: [Entry] = []
        var isDraining = false
    }

    private let pool: DatabasePool
    private let audit: AuditKeeping
    private let queue = DispatchQueue(label: "darkroom.store.writer")
    private let pending = Mutex(Pending())
    private let makeRoom: @Sendable () -> Bool
    private let didCommit: @Sendable () -> Void

    /// - Parameters:
    ///   - pool: The database.
    ///   - audit: What a transaction does whose row of the chain cannot be written.
    ///   - makeRoom: Called when the disk is full; true when it is worth another try.
    ///   - didCommit: Called after each commit, on the writer's thread.
    init(
        pool: DatabasePool, audit: AuditKeeping = AuditKeeping(),
        makeRoom: @escaping @Sendable () -> Bool = { false },
        didCommit: @escaping @Sendable () -> Void = {}
    ) {
        self.pool = pool
        self.audit = audit
        self.makeRoom = makeRoom
        self.didCommit = didCommit
    }

    /// Runs a transaction and returns when it is durable; an error of its own undoes it alone.
    func write<Value: Sendable>(
        _ body: @escaping @Sendable (Database) throws -> Value
    ) async throws(StoreError) -> Value {
        let outcome: Result<Value, StoreError> = await withCheckedContinuation { continuation in
            let slot = ValueSlot<Value>()
            enqueue(
                Entry(
                    run: { database in slot.set(.success(try body(database))) },
                    committed: { failure in continuation.resume(returning: failure.map { .failure($0) } ?? slot.value) }
                ))
        }
        return try outcome.get()
    }

    private func enqueue(_ entry: Entry) {
        let isFirst = pending.withLock { pending in
            pending.entries.append(entry)
            defer { pending.isDraining = true }
            return !pending.isDraining
        }
        if isFirst { queue.async { self.drain() } }
    }

    private func drain() {
        while true {
            let group = pending.withLock { pending -> [Entry] in
                let group = Array(pending.entries.prefix(Self.groupCount))
                pending.entries.removeFirst(group.count)
                pending.isDraining = !group.isEmpty
                return group
            }
            guard !group.isEmpty else { return }
            settle(group)
        }
    }

    /// Commits a group; when one of its members failed, each by itself, so that it spoils nobody else's.
    ///
    /// A savepoint for each member would keep the others without running them again, but failures are rare, and SQLite
    /// copies every page that a savepoint may have to bring back, in time into a file of their own.
    private func settle(_ group: [Entry]) {
        let failure = commit(group)
        guard failure != nil, group.count > 1 else {
            for entry in group { entry.committed(failure) }
            return
        }
        for entry in group { entry.committed(commit([entry])) }
    }

    /// Commits a group, with the help of the reserve when the disk is full; returns what spoilt all of it.
    private func commit(_ group: [Entry]) -> StoreError? {
        var failure = commitOnce(group)
        if failure == .full, (try? pool.beginLogAnew()) != nil { failure = commitOnce(group) }
        // As many times as a reserve can be halved; others may take what it gives up, and a job that comes may refill it.
        for _ in 0..<16 {
            guard failure == .full, makeRoom() else { break }
            failure = commitOnce(group)
        }
        return failure
    }

    private func commitOnce(_ group: [Entry]) -> StoreError? {
        do {
            try pool.writeWithoutTransaction { database in
                try audit.run {
                    try database.inTransaction(.immediate) {
                        for entry in group { try entry.run(database) }
                        return .commit
                    }
                }
            }
            didCommit()
            return nil
        } catch {
            return StoreError(error)
        }
    }
}

/// What a transaction returned, on its way from the writer's thread to its caller.
private final class ValueSlot<Value: Sendable>: Sendable {
    private let stored = Mutex<Result<Value, StoreError>>(.failure(.corrupt("a transaction did not run")))

    func set(_ result: Result<Value, StoreError>) { stored.withLock { $0 = result } }

    var value: Result<Value, StoreError> { stored.withLock { $0 } }
}
