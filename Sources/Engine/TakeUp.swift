// The jobs of the run before, in line again; until they are, whoever asks after one of them waits.

import Logging
import Synchronization
import Quota
import Store
import Wire

extension Engine {
    /// Puts the jobs of the run before in line again, and lets jobs run.
    func takeUp() async {
        for id in store.lostAtStart {
            logger.warning("the outcome of a job is unknown since the last run ended", metadata: ["job": "\(id)"])
        }
        guard let rows = await openJobs() else { return }
        let moment = clock.elapsed()
        let now = clock.now().milliseconds
        let holders = state.withLock { state in
            state.jobs.reserveCapacity(state.jobs.count + rows.count)
            state.scheduler.reserve(rows.count)
            for row in rows where state.jobs[row.id] == nil {
                let queued = moment - .milliseconds(max(0, now - row.created.milliseconds))
                let calls = row.calls.enumerated().map { number, call in
                    let ticket = Ticket(
                        job: CallID(job: row.id, call: number), principal: row.uid, project: row.home,
                        model: row.modelSent, class: row.priority == .bulk ? .bulk : .interactive,
                        demand: Demand(inputTokens: row.inputTokens, holdMicros: row.holdMicros),
                        overflow: row.overflow.filter { generators[$0] != nil }, mostUnderWay: row.concurrency)
                    return LiveCall(ticket: ticket, state: call.state, attempt: call.attempts, queued: queued)
                }
                state.jobs[row.id] = LiveJob(
                    id: row.id, owner: row.uid, deadline: row.deadline.milliseconds, calls: calls, arrived: queued)
                for call in calls where call.isIdle {
                    state.scheduler.seat(call.ticket)
                    state.scheduler.enqueue(call.id)
                }
                setAlarm(of: row.id, &state)
            }
            state.isTakenUp = true
            if state.phase == .new { state.phase = .running }
            pump(&state)
            return state.takeHolders()
        }
        for holder in holders { holder.resume() }
    }

    /// The rows to take up, asked for until the store gives them; nil when the run ends before.
    private func openJobs() async -> [OpenJob]? {
        while !Task.isCancelled {
            do {
                // Two readers at once: of a hundred thousand jobs each takes most of a second.
                async let rows = store.openJobs()
                try await reckon()
                return try await rows
            } catch {
                logger.error("queued jobs could not be taken up, trying again", metadata: ["error": "\(error)"])
                await clock.sleep(until: Timestamp(milliseconds: clock.now().milliseconds + 5000))
            }
        }
        return nil
    }

    /// Returns when a job that is not in memory is not going to be: the run before is taken up, or this one ends, or
    /// the calling task is cancelled.
    func takenUp() async {
        let token = makeToken()
        await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let isDue = state.withLock { state in
                    let mayCome = state.phase == .new && !state.isTakenUp
                    guard mayCome, !Task.isCancelled else { return true }
                    state.holders[token] = continuation
                    return false
                }
                if isDue { continuation.resume() }
            }
        } onCancel: {
            state.withLock { $0.holders.removeValue(forKey: token) }?.resume()
        }
    }

    /// A number for a waiter or a watcher.
    func makeToken() -> Int {
        state.withLock { state in
            defer { state.nextToken += 1 }
            return state.nextToken
        }
    }
}

extension Engine.State {
    /// Those who hold until the run before is taken up; to be resumed outside of the lock.
    mutating func takeHolders() -> [CheckedContinuation<Void, Never>] {
        defer { holders = [:] }
        return Array(holders.values)
    }
}
