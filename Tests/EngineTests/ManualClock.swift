// A clock that moves when a test says so.

import Engine
import Synchronization
import Wire

final class ManualClock: EngineClock {
    private struct Sleeper {
        let until: Int64
        let continuation: CheckedContinuation<Void, Never>
    }

    private struct State {
        /// By the wall.
        var now: Int64
        /// How far the wall clock was set from what has gone by.
        var set: Int64 = 0
        var sleepers: [Int: Sleeper] = [:]
        var token = 0
        var watchers: [(until: Int64, continuation: CheckedContinuation<Void, Never>)] = []
    }

    private let state: Mutex<State>

    init(at milliseconds: Int64 = 1_000_000) { state = Mutex(State(now: milliseconds)) }

    func now() -> Timestamp { Timestamp(milliseconds: state.withLock { $0.now }) }
    func elapsed() -> Duration { .milliseconds(state.withLock { $0.now - $0.set }) }

    func sleep(until time: Timestamp) async {
        let token = state.withLock { state in
            state.token += 1
            return state.token
        }
        await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let due = state.withLock { state -> [CheckedContinuation<Void, Never>] in
                    guard !Task.isCancelled, time.milliseconds > state.now else { return [continuation] }
                    state.sleepers[token] = Sleeper(until: time.milliseconds, continuation: continuation)
                    let watching = state.watchers.filter { $0.until == time.milliseconds }
                    state.watchers.removeAll { $0.until == time.milliseconds }
                    return watching.map(\.continuation)
                }
                for continuation in due { continuation.resume() }
            }
        } onCancel: {
            state.withLock { $0.sleepers.removeValue(forKey: token) }?.continuation.resume()
        }
    }

    /// Returns when somebody sleeps until exactly `offset` milliseconds after `start`.
    func sleeper(until milliseconds: Int64) async {
        await withCheckedContinuation { continuation in
            let isThere = state.withLock { state in
                if state.sleepers.values.contains(where: { $0.until == milliseconds }) { return true }
                state.watchers.append((milliseconds, continuation))
                return false
            }
            if isThere { continuation.resume() }
        }
    }

    func advance(by milliseconds: Int64) { move(by: milliseconds, isSet: false) }

    /// Sets the wall clock: no time goes by.
    func set(by milliseconds: Int64) { move(by: milliseconds, isSet: true) }

    private func move(by milliseconds: Int64, isSet: Bool) {
        let due = state.withLock { state in
            state.now += milliseconds
            if isSet { state.set += milliseconds }
            let due = state.sleepers.filter { $0.value.until <= state.now }
            for token in due.keys { state.sleepers[token] = nil }
            return due.values.map(\.continuation)
        }
        for continuation in due { continuation.resume() }
    }
}
