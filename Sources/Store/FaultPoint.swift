// Places in the life of a request at which a test ends the daemon, as a power cut would. They exist in debug builds
// alone: in a release build `reach` is empty and no environment is read.

#if DEBUG
    import Glibc
    import Synchronization
#endif

/// A place that a daemon may never come past; the order is that of a request's life.
package enum FaultPoint: String, CaseIterable, Sendable {
    case migrationBefore, migrationAfter
    case recoveryBeforeRename, recoveryBeforeCommit, recoveryAfterCommit
    case inputBeforeRows
    case admissionBeforeCommit, admissionAfterCommit, admissionAnswered
    case reuseBeforeCommit, reuseAfterCommit
    case sentBeforeCommit, sentAfterCommit
    case requestBeforeSend, requestWritten
    case firstByteBefore, firstByteAfter, lastByte
    case receiptBefore, receiptAfter
    case artifactBeforeFlush, artifactBeforeRename, parentMade, artifactAfterRename, parentFlushed
    case artifactAfterNameFlush
    case finishBeforeCommit, finishAfterCommit, receiptRemoval
    case failureBeforeCommit, failureAfterCommit
    case requeueBeforeCommit, requeueAfterCommit
    case cancelBeforeCommit, cancelAfterCommit
    case resolveBeforeCommit, resolveAfterCommit
    case timeoutBeforeCommit, timeoutAfterCommit
    case pauseBeforeCommit, pauseAfterCommit
    case retentionBeforeCommit, retentionAfterCommit, retentionAfterFiles
    case answerBeforeSend
    case stopBegun, stoppedBeforeRow, stoppedAfterRow

    #if DEBUG
        private final class Plan: Sendable {
            let point: FaultPoint
            let count: Mutex<Int>

            init(_ point: FaultPoint, count: Int) {
                self.point = point
                self.count = Mutex(count)
            }
        }

        /// What the environment says: `DARKROOM_FAULT=NAME:kill`, with `:n` behind it for the n-th time.
        private static let left: Plan? = {
            guard let text = unsafe getenv("DARKROOM_FAULT") else { return nil }
            let parts = unsafe String(cString: text).split(separator: ":", omittingEmptySubsequences: false)
            guard parts.count == 2 || parts.count == 3, parts[1] == "kill",
                let point = FaultPoint(rawValue: String(parts[0])),
                let count = parts.count == 3 ? Int(parts[2]) : 1
            else { return nil }
            return Plan(point, count: count)
        }()
    #endif

    /// Ends the process by SIGKILL when this is the place that the environment names.
    package static func reach(_ point: FaultPoint) {
        #if DEBUG
            guard let left, left.point == point else { return }
            let isDue = left.count.withLock { count in
                count -= 1
                return count == 0
            }
            guard isDue else { return }
            kill(getpid(), SIGKILL)
            // The signal is on its way; nothing after this line may happen.
            while true { pause() }
        #endif
    }
}
