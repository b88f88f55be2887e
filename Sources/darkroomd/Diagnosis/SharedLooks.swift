// A look at a project is a dozen connections to its upstream: one at a time, shared by all who ask meanwhile and by those
// who ask within the second after it, so that whoever mends something and asks again is not told what was before.

import Synchronization
import Wire

/// The looks that are under way or fresh, and who waits for them.
final class SharedLooks: Sendable {
    private struct Look {
        let task: Task<[Diagnose.Step], Never>
        /// When it ended and how long it is believed then; absent as long as it goes on.
        var freshUntil: ContinuousClock.Instant?
    }

    private let freshFor: Duration
    /// Most diagnoses of one user under way; with an image each, they wait for it.
    private static let most = 4

    private let looks = Mutex<[String: Look]>([:])
    private let underWay = Mutex<[UInt32: Int]>([:])

    /// - Parameter freshFor: How long a look is believed after its end.
    init(freshFor: Duration = .seconds(1)) { self.freshFor = freshFor }

    /// Takes a place among the diagnoses of a user, to be given back with `leave`.
    ///
    /// - Throws: `queue_full`.
    func enter(_ uid: UInt32) throws(WireError) {
        let isFull = underWay.withLock { counts in
            guard counts[uid, default: 0] < Self.most else { return true }
            counts[uid, default: 0] += 1
            return false
        }
        guard !isFull else {
            throw WireError(
                .queueFull, "\(Self.most) diagnoses of yours are under way", hint: "wait for one of them",
                retryable: true)
        }
    }

    func leave(_ uid: UInt32) {
        underWay.withLock { counts in
            let left = counts[uid, default: 1] - 1
            counts[uid] = left > 0 ? left : nil
        }
    }

    /// What a look at a project finds; `run` is called when there is none to share.
    func steps(of project: String, _ run: @escaping @Sendable () async -> [Diagnose.Step]) async -> [Diagnose.Step] {
        let now = ContinuousClock.now
        let task = looks.withLock { looks in
            if let look = looks[project], look.freshUntil.map({ $0 > now }) ?? true { return look.task }
            // Nobody's child: whoever asked first may leave, and the others still wait for it.
            let task = Task { [self] in
                let steps = await run()
                looksEnded(project)
                return steps
            }
            looks[project] = Look(task: task)
            return task
        }
        return await task.value
    }

    /// Has the next one who asks look again: what is known to have changed is not told as it was.
    func forget(_ project: String) {
        looks.withLock { if $0[project]?.freshUntil != nil { $0[project] = nil } }
    }

    private func looksEnded(_ project: String) {
        looks.withLock { $0[project]?.freshUntil = ContinuousClock.now + freshFor }
    }
}
