// The jobs of the run before, in line again; until they are, whoever asks after one of them waits.

import HeapModule
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
        async let first = openJobs(after: nil)
        // Beside it: of a hundred thousand jobs each takes most of a second.
        guard await isReckoned(), var page = await first, await makeRoom() else { return }
        while true {
            let last = page.next
            async let following = openJobs(behind: last)
            takeUp(page.jobs)
            guard let next = await following else { break }
            page = next
        }
        let holders = state.withLock { state in
            guard !Task.isCancelled else { return [] as [CheckedContinuation<Void, Never>] }
            state.isTakenUp = true
            return state.takeHolders()
        }
        for holder in holders { holder.resume() }
    }

    /// Puts some of them in line, and lets jobs run.
    private func takeUp(_ rows: [OpenJob]) {
        let moment = clock.elapsed()
        let now = clock.now().milliseconds
        state.withLock { state in
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
                var job = LiveJob(
                    id: row.id, owner: row.uid, label: row.label, deadline: row.deadline.milliseconds, calls: calls,
                    arrived: queued)
                // What `setAlarm` does, for a job that is not copied out of memory and back for it.
                job.alarm = job.nextAlarm
                if let time = job.alarm { state.alarms.insert(Alarm(time: time, job: row.id)) }
                state.jobs[row.id] = job
                for call in calls where call.isIdle {
                    state.scheduler.seat(call.ticket)
                    state.scheduler.enqueue(call.id)
                }
            }
            if let time = state.alarms.min?.time { arm(for: time, &state) }
            if state.phase == .new { state.phase = .running }
            pump(&state)
        }
    }

    /// Makes room for all of them at once; false when the run ends before.
    private func makeRoom() async -> Bool {
        guard let count = await insistently({ () async throws(StoreError) in try await self.store.openCount() }) else {
            return false
        }
        state.withLock { state in
            state.jobs.reserveCapacity(state.jobs.count + count)
            state.scheduler.reserve(count)
        }
        return true
    }

    private typealias Page = (jobs: [OpenJob], next: JobID?)

    private func openJobs(behind last: JobID?) async -> Page? {
        guard let last else { return nil }
        return await openJobs(after: last)
    }

    /// A page of the rows to take up; nil when the run ends before the store gives it.
    private func openJobs(after last: JobID?) async -> Page? {
        await insistently { () async throws(StoreError) in try await self.store.openJobs(after: last) }
    }

    /// Whether what the run before has used is counted; false when this one ends before.
    private func isReckoned() async -> Bool {
        await insistently { () async throws(StoreError) in try await self.reckon() } != nil
    }

    /// Asks the store until it answers; nil when the run ends before.
    private func insistently<Value: Sendable>(
        _ ask: @Sendable () async throws(StoreError) -> Value
    ) async -> Value? {
        while !Task.isCancelled {
            do throws(StoreError) {
                return try await ask()
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
                    let mayCome = !state.isTakenUp && (state.phase == .new || state.phase == .running)
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
