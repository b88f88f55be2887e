// Rows on their way to the journal. sd_journal_sendv(3) may block for as long as journald is frozen, and may lose a row
// without a word, so nobody who has other work calls it: rows wait here, within bounds, and what is lost is counted.

import CSystemd
import Dispatch
import Glibc
import Synchronization

/// Sends rows from a thread that does nothing else.
package final class JournalWriter: Sendable {
    private struct State {
        var waiting: [JournalEntry] = []
        var waitingBytes = 0
        var lostCount = 0
        var isSending = false
    }

    /// How much may wait, about two thousand rows: a frozen journald must not fill our memory.
    package static let queueBytes = 1 << 20

    private let state = Mutex(State())
    // A serial queue of its own: on Linux such a queue overcommits, so its one thread is taken from nobody.
    private let thread = DispatchQueue(label: "darkroom.journal")
    private let queueBytes: Int
    private let deliver: @Sendable (JournalEntry) -> Bool

    /// Makes a writer; no thread runs until there is a row.
    ///
    /// - Parameters:
    ///   - queueBytes: Rows that would go beyond are lost, and counted.
    ///   - deliver: Sends one row and says whether it arrived; the system's journal unless a test looks on.
    package init(
        queueBytes: Int = JournalWriter.queueBytes,
        deliver: @escaping @Sendable (JournalEntry) -> Bool = { SystemJournal.deliver($0) }
    ) {
        self.queueBytes = queueBytes
        self.deliver = deliver
    }

    /// Hands a row over and returns at once, whatever journald does.
    package func write(_ entry: JournalEntry) {
        let mustStart = state.withLock { state in
            guard state.waitingBytes + entry.bytes.count <= queueBytes else {
                state.lostCount += 1
                return false
            }
            state.waiting.append(entry)
            state.waitingBytes += entry.bytes.count
            if state.isSending { return false }
            state.isSending = true
            return true
        }
        if mustStart { thread.async { self.sendWaiting() } }
    }

    /// Waits until everything handed over was sent, at the end of the process.
    ///
    /// - Parameter patience: Longest wait; journald may be frozen.
    /// - Returns: How many rows did not get there and were not yet reported in the journal either.
    package func finish(within patience: Duration = .seconds(1)) -> Int {
        let sent = DispatchSemaphore(value: 0)
        thread.async { sent.signal() }
        let (seconds, attoseconds) = patience.components
        let nanoseconds = Int(seconds) * 1_000_000_000 + Int(attoseconds / 1_000_000_000)
        _ = sent.wait(timeout: .now() + .nanoseconds(nanoseconds))
        return state.withLock { $0.lostCount + $0.waiting.count }
    }

    private func sendWaiting() {
        while true {
            let (entries, lostCount) = state.withLock { state in
                let taken = (state.waiting, state.lostCount)
                state.waiting = []
                state.isSending = !taken.0.isEmpty
                return taken
            }
            if entries.isEmpty { return }
            // What was lost was lost before these rows were read, so it is told before them.
            if lostCount > 0, deliver(Self.gap(lostCount)) {
                state.withLock { $0.lostCount -= lostCount }
            }
            for entry in entries {
                let arrived = deliver(entry)
                state.withLock { state in
                    state.waitingBytes -= entry.bytes.count
                    if !arrived { state.lostCount += 1 }
                }
            }
        }
    }

    private static func gap(_ lostCount: Int) -> JournalEntry {
        var entry = JournalEntry(message: "journal rows were lost before this one", priority: 4)
        entry.add(JournalFieldName(metadataKey: "lost.rows"), "\(lostCount)")
        return entry
    }
}

/// The journal of this machine.
package enum SystemJournal {
    static let socketPath = "/run/systemd/journal/socket"

    /// Sends one row, blocking while journald's queue is full.
    ///
    /// - Returns: Whether journald has it. Without journald's socket sd_journal_sendv(3) drops the row and reports success,
    ///   so the socket is looked for first.
    package static func deliver(_ entry: JournalEntry) -> Bool {
        guard unsafe access(socketPath, F_OK) == 0 else { return false }
        return unsafe entry.bytes.withUnsafeBytes { bytes in
            guard let base = bytes.baseAddress else { return false }
            var fields: [iovec] = unsafe []
            var start = 0
            for end in entry.ends {
                let field = unsafe UnsafeMutableRawPointer(mutating: base + start)
                unsafe fields.append(iovec(iov_base: field, iov_len: end - start))
                start = end
            }
            return unsafe sd_journal_sendv(fields, Int32(fields.count)) == 0
        }
    }
}
