// A clock whose time moves when a test says so.

import Synchronization

/// Time that stands still until `advance`.
final class ManualClock: Clock {
    struct Instant: InstantProtocol {
        var offset: Duration = .zero
        func advanced(by duration: Duration) -> Instant { Instant(offset: offset + duration) }
        func duration(to other: Instant) -> Duration { other.offset - offset }
        static func < (left: Instant, right: Instant) -> Bool { left.offset < right.offset }
    }

    private struct Sleeper {
        let deadline: Instant
        let wake: CheckedContinuation<Void, Never>
    }

    private struct State {
        var now = Instant()
        var sleepers: [Sleeper] = []
        var watchers: [CheckedContinuation<Void, Never>] = []
    }

    private let state = Mutex(State())

    var now: Instant { state.withLock { $0.now } }
    var minimumResolution: Duration { .nanoseconds(1) }

    func sleep(until deadline: Instant, tolerance: Duration?) async throws {
        await withTaskCancellationHandler {
            await withCheckedContinuation { (wake: CheckedContinuation<Void, Never>) in
                let ready = state.withLock { state in
                    if deadline <= state.now || Task.isCancelled { return [wake] }
                    state.sleepers.append(Sleeper(deadline: deadline, wake: wake))
                    defer { state.watchers = [] }
                    return state.watchers
                }
                for continuation in ready { continuation.resume() }
            }
        } onCancel: {
            wake { _ in true }
        }
        try Task.checkCancellation()
    }

    /// Waits until somebody sleeps on this clock, or the test's time limit cancels it.
    func someoneSleeps() async {
        await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let isOver = state.withLock { state in
                    let isOver = !state.sleepers.isEmpty || Task.isCancelled
                    if !isOver { state.watchers.append(continuation) }
                    return isOver
                }
                if isOver { continuation.resume() }
            }
        } onCancel: {
            let watchers = state.withLock { state in
                defer { state.watchers = [] }
                return state.watchers
            }
            for watcher in watchers { watcher.resume() }
        }
    }

    /// Moves time and wakes whoever's time has come.
    func advance(by duration: Duration) {
        let now = state.withLock { state in
            state.now = state.now.advanced(by: duration)
            return state.now
        }
        wake { $0.deadline <= now }
    }

    private func wake(where isDue: (Sleeper) -> Bool) {
        let due = state.withLock { state in
            let due = state.sleepers.filter(isDue)
            state.sleepers.removeAll(where: isDue)
            return due
        }
        for sleeper in due { sleeper.wake.resume() }
    }
}
