// The audit chain, mirrored into the journal. The chain itself is the queue: rows are read from the ledger when they
// are durable there, so nothing waits in memory for a journald that is slow, frozen or gone, and nobody waits for it.

import Dispatch
import FoundationEssentials
import Logging
import Store
import Synchronization
import Systemd
import Wire

/// Copies rows from the ledger to the journal, in order, from a thread of its own.
struct JournalMirror: Sendable {
    /// Rows that the journal may be behind; what is older is told as a gap, and is in the ledger.
    static let backlog: Int64 = 100_000
    static let pageRows = 256

    private let store: Store
    private let position: MirrorPosition
    private let thread = DispatchQueue(label: "darkroom.audit.mirror")
    private let deliver: @Sendable (JournalEntry) -> Bool
    private let backlog: Int64
    private let pause: @Sendable () async -> Bool
    private let logger: Logger

    /// - Parameters:
    ///   - store: Whose chain.
    ///   - position: Where the run before this one came to.
    ///   - backlog: Most rows behind.
    ///   - pause: Waits before what the journal did not take is tried again, since it says nothing when it would take
    ///     it; false ends that.
    ///   - logger: Told of gaps and of a journal that does not answer.
    ///   - deliver: Sends one row, however long that takes, and says whether it arrived.
    init(
        _ store: Store, position: MirrorPosition, backlog: Int64 = JournalMirror.backlog,
        pause: @escaping @Sendable () async -> Bool = { (try? await Task.sleep(for: .seconds(10))) != nil },
        logger: Logger, deliver: @escaping @Sendable (JournalEntry) -> Bool = { SystemJournal.deliver($0) }
    ) {
        self.store = store
        self.position = position
        self.backlog = backlog
        self.pause = pause
        self.logger = logger
        self.deliver = deliver
    }

    /// Notices that the journal has more than the ledger: somebody has put an older copy back.
    ///
    /// To be called before this run writes its first row; without it, the rows up to there would never be mirrored.
    func lookBack() async {
        do {
            let head = try await store.auditHead()?.sequence ?? 0
            let reached = position.read()
            guard reached > head else { return }
            logger.critical(
                "the record is shorter than what the journal has of it; an older copy was put back",
                metadata: ["ledger.shorter.by": "\(reached - head)"])
            try await store.record(
                AuditEntry(
                    .gap, at: Startup.now().milliseconds, details: "{\"ledgerShorterBy\":\(reached - head)}"))
            position.write(head)
        } catch {
            logger.error("the record could not be compared with the journal", metadata: ["error": "\(error)"])
        }
    }

    /// Mirrors until the task is cancelled; what is left then is the next run's.
    func run() async {
        let (wakes, wake) = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingNewest(1))
        let lag = Lag()
        await withTaskGroup { group in
            group.addTask { for await _ in store.news { wake.yield() } }
            // A journal that is back tells nobody, and the next row may be hours away.
            group.addTask {
                while await pause() {
                    if lag.isBehind { wake.yield() }
                }
            }
            var reached = position.read()
            var turns = wakes.makeAsyncIterator()
            repeat {
                do {
                    let caught = try await catchUp(from: reached)
                    reached = caught.reached
                    lag.isBehind = !caught.isWhole
                } catch {
                    lag.isBehind = true
                    logger.error("the record could not be read for the journal", metadata: ["error": "\(error)"])
                }
            } while await turns.next() != nil
            group.cancelAll()
        }
    }

    /// Waits until the journal has everything, or for as long as this; at the end of the process.
    func rest(for patience: Duration) async {
        let deadline = ContinuousClock.now + patience
        while ContinuousClock.now < deadline, let head = try? await store.auditHead(),
            position.read() < head.sequence
        {
            // There is nothing to be told by: what is awaited happens on another thread, or not at all.
            guard (try? await Task.sleep(for: .milliseconds(10))) != nil else { return }
        }
    }

    /// Mirrors what there is; returns the last row that the journal has, and whether that is all.
    private func catchUp(from start: Int64) async throws(StoreError) -> (reached: Int64, isWhole: Bool) {
        var reached = try await skip(from: start)
        while !Task.isCancelled {
            let rows = try await store.auditRows(after: reached, limit: Self.pageRows)
            guard !rows.isEmpty else { break }
            let sent = await send(rows)
            if let last = sent.last {
                reached = last.sequence
                position.write(reached)
            }
            // journald is not there: the rows stay in the ledger, and are tried again.
            guard sent.count == rows.count else { return (reached, false) }
        }
        return (reached, true)
    }

    /// Gives up rows beyond the backlog, on record.
    private func skip(from start: Int64) async throws(StoreError) -> Int64 {
        guard let head = try await store.auditHead(), head.sequence - start > backlog else { return start }
        let first = head.sequence - backlog
        logger.critical(
            "the journal is too far behind; rows of the record are only in the ledger",
            metadata: ["lost.rows": "\(first - start)"])
        try await store.record(
            AuditEntry(
                .gap, at: Startup.now().milliseconds,
                details: "{\"firstSequence\":\(start + 1),\"lastSequence\":\(first)}"))
        position.write(first)
        return first
    }

    /// Sends rows from the mirror's thread; a cancelled task does not wait for a frozen journald.
    private func send(_ rows: [AuditRow]) async -> ArraySlice<AuditRow> {
        let entries = rows.map(Self.entry)
        let once = Once()
        let count: Int = await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                once.set(continuation)
                thread.async { [deliver] in
                    var count = 0
                    for entry in entries {
                        guard deliver(entry) else { break }
                        count += 1
                    }
                    once.resume(count)
                }
            }
        } onCancel: {
            once.resume(0)
        }
        return rows.prefix(count)
    }

    /// The journal's form of a row.
    static func entry(_ row: AuditRow) -> JournalEntry {
        let details =
            row.details.flatMap { try? WireJSON.decode([String: JSONValue].self, from: Array($0.utf8)) } ?? [:]
        var kind: String?
        if case .string(let text)? = details["kind"] { kind = text }
        let message = AuditMessage(event: row.event, kind: kind)
        let who = row.origin.map { " (uid \($0.uid))" } ?? ""
        let what = row.job.map { ", job \($0)" } ?? ""
        var entry = JournalEntry(message: "\(message.sentence)\(who)\(what)", priority: message.priority)
        func add(_ name: String, _ value: String?) {
            if let value { entry.add(JournalFieldName(metadataKey: name), value) }
        }
        entry.add(.messageID, message.id)
        // authpriv: what an auditor's filter looks for.
        entry.add(.syslogFacility, "10")
        add("event", row.event)
        add("sequence", "\(row.sequence)")
        add("previous", row.previous)
        add("hash", row.hash)
        add("socket", row.origin?.socket)
        add("peer.uid", row.origin.map { "\($0.uid)" })
        add("peer.gid", row.origin.map { "\($0.gid)" })
        add("peer.pid", row.origin.map { "\($0.pid)" })
        add("peer.unit", row.origin?.unit)
        add("job", row.job)
        add("project", row.project)
        add("model", row.model)
        for (key, value) in details.sorted(by: { $0.key < $1.key }) {
            add(Self.fieldName(key), Self.text(value))
        }
        return entry
    }

    /// `costMicros` becomes `cost.micros`, and that `DARKROOM_COST_MICROS`.
    private static func fieldName(_ key: String) -> String {
        key.reduce(into: "") { name, character in
            if character.isUppercase { name += "." }
            name += character.lowercased()
        }
    }

    private static func text(_ value: JSONValue) -> String {
        if case .string(let text) = value { return text }
        return String(decoding: WireJSON.encode(value), as: UTF8.self)
    }
}

/// Whether there are rows that the journal did not take.
private final class Lag: Sendable {
    private let state = Mutex(false)

    var isBehind: Bool {
        get { state.withLock { $0 } }
        set { state.withLock { $0 = newValue } }
    }
}

/// Resumes a continuation once, whoever comes first.
private final class Once: Sendable {
    private struct State {
        var continuation: CheckedContinuation<Int, Never>?
        var early: Int?
    }

    private let state = Mutex(State())

    func set(_ continuation: CheckedContinuation<Int, Never>) {
        let early = state.withLock { state -> Int? in
            if state.early == nil { state.continuation = continuation }
            return state.early
        }
        if let early { continuation.resume(returning: early) }
    }

    func resume(_ count: Int) {
        let continuation = state.withLock { state in
            defer { state.continuation = nil }
            if state.continuation == nil, state.early == nil { state.early = count }
            return state.continuation
        }
        continuation?.resume(returning: count)
    }
}
