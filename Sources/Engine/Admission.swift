// How a job comes in: checked, priced, held, written.

import Logging
import Synchronization
package import Wire

import FoundationEssentials
import Quota
import Store

extension Engine {
    /// Admits a job; when this returns its rows, its hold and its audit row are durable.
    ///
    /// Cancelling the calling task does not undo it.
    ///
    /// - Parameters:
    ///   - params: What is asked for.
    ///   - principal: Who asks; policy has let it pass.
    /// - Returns: The new job, or the one that has the same idempotency key.
    /// - Throws: Before anything is spent; `charged` is absent, since no job exists.
    package func generate(_ params: GenerateImage.Params, from principal: Principal) async throws(WireError) -> JobID {
        let arrived = clock.elapsed()
        let now = clock.now()
        let project = params.project ?? defaultProject
        guard let generator = generators[project] else {
            throw WireError(.invalidParams, "there is no project \(project.prefix(64))", path: "project")
        }
        let plan = try generator.plan(params)
        let count = params.count ?? 1
        try Self.check(params.maxCostUSD, against: plan.holdMicros * Int64(count))
        let wanted = params.deadlineSeconds.map { Int64($0 * 1000) } ?? settings.defaultDeadline.milliseconds
        let deadline = now.milliseconds + wanted
        let id = JobID.make(at: now)
        let ticket = Ticket(
            job: id, principal: principal.uid, project: project, model: plan.model.sent,
            class: params.priority == .bulk ? .bulk : .interactive)
        var live = LiveJob(
            id: id, owner: principal.uid, ticket: ticket, deadline: deadline, params: params, plan: plan,
            state: .queued, attempt: 0, isHandedOver: true, arrived: arrived, queued: arrived)
        live.callersDue = params.wait ?? true ? 1 : 0
        let isStarted = try seat(live, now: now.milliseconds)
        let row = NewJob(
            id: id, origin: principal.origin, priority: params.priority ?? .interactive, label: params.label,
            project: project, route: plan.route, model: plan.model, request: Self.canonical(params),
            idempotencyKey: params.idempotencyKey, requested: plan.requested, warnings: plan.warnings, created: now,
            deadline: Timestamp(milliseconds: deadline), callCount: count, holdMicros: plan.holdMicros)
        let admitted: Admitted
        do {
            admitted = try await store.admit(row, isStarted: isStarted)
        } catch {
            giveBack(ticket, isStarted: isStarted)
            logger.error("a job could not be admitted", metadata: ["error": "\(error)"])
            throw WireError(error)
        }
        if case .existing(let existing, let isSame) = admitted {
            giveBack(ticket, isStarted: isStarted)
            guard isSame else {
                throw WireError(
                    .conflict, "another request has this idempotency key", hint: "darkroom show \(existing)",
                    path: "idempotencyKey", job: existing)
            }
            if params.wait ?? true { state.withLock { $0.jobs[existing]?.callersDue += 1 } }
            return existing
        }
        if !enter(id, isStarted: isStarted) {
            // Stopped between the slot and here: it was not sent, so its row says so again.
            do {
                _ = try await store.requeue(id, call: 0, at: clock.now())
            } catch {
                logger.error("a job could not go back to the queue", metadata: ["job": "\(id)", "error": "\(error)"])
            }
        }
        return id
    }

    /// Takes a slot or a seat, true for a slot; from here on nobody who learns the job's id misses it in memory.
    private func seat(_ job: LiveJob, now: Int64) throws(WireError) -> Bool {
        let ticket = job.ticket
        let outcome: Result<Bool, WireError> = state.withLock { state in
            guard state.phase == .new || state.phase == .running else {
                return .failure(WireError(.stopping, "the daemon is stopping", hint: "ask again in a few seconds"))
            }
            if let error = Self.gateError(ticket, deadline: job.deadline, now: now, in: state) {
                return .failure(error)
            }
            var job = job
            switch state.scheduler.admit(ticket, mayStart: state.phase == .running, now: now) {
            case .start:
                job.state = .sent
                job.attempt = 1
                state.jobs[job.id] = job
                return .success(true)
            case .queue:
                if let params = job.params, params.prompt.utf8.count > LiveJob.keptPromptBytes { job.params = nil }
                state.jobs[job.id] = job
                return .success(false)
            case .refused(let full):
                let whose = full == .principal ? "your queue is full" : "the queue is full"
                return .failure(WireError(.queueFull, whose, hint: "ask again when jobs have ended"))
            }
        }
        return try outcome.get()
    }

    /// The error of a gate that does not open before the deadline.
    static func gateError(_ ticket: Ticket<JobID>, deadline: Int64, now: Int64, in state: State) -> WireError? {
        let gate = state.scheduler.shutGate(project: ticket.project, model: ticket.model, now: now)
        guard let gate, gate.until >= deadline else { return nil }
        let keys = [
            GateKey(project: ticket.project, model: ticket.model), GateKey(project: ticket.project, model: nil),
        ]
        let said = keys.compactMap { state.gateErrors[$0] }.first { $0.kind.rawValue == gate.reason }
        var error = said ?? WireError(ErrorKind(rawValue: gate.reason), "upstream does not take this model now")
        error.resetsAt = Timestamp(milliseconds: gate.until)
        error.charged = nil
        error.job = nil
        return error
    }

    private func giveBack(_ ticket: Ticket<JobID>, isStarted: Bool) {
        state.withLock { state in
            state.jobs[ticket.job] = nil
            if isStarted {
                state.scheduler.release(project: ticket.project)
            } else {
                state.scheduler.withdraw(ticket.job)
            }
            pump(&state)
        }
    }

    /// Lets a durable job begin its way; false when it has a slot and the engine no longer drives jobs.
    private func enter(_ id: JobID, isStarted: Bool) -> Bool {
        state.withLock { state in
            // Gone when somebody who found it in a list has cancelled it; its seat went with it.
            guard let job = state.jobs[id] else { return true }
            let moment = clock.elapsed()
            state.jobs[id]?.queued = moment
            defer { setAlarm(of: id, &state) }
            guard isStarted else {
                state.jobs[id]?.isHandedOver = false
                let now = clock.now().milliseconds
                if let error = Self.gateError(job.ticket, deadline: job.deadline, now: now, in: state) {
                    handOver(id, error, &state)
                } else {
                    state.scheduler.enqueue(id)
                    pump(&state)
                }
                return true
            }
            state.jobs[id]?.started = moment
            if submit(.drive(job.ticket, isStarted: true), &state) { return true }
            state.jobs[id]?.isHandedOver = false
            state.jobs[id]?.state = .queued
            state.scheduler.release(project: job.ticket.project)
            return false
        }
    }

    private static func check(_ maxCostUSD: Double?, against holdMicros: Int64) throws(WireError) {
        guard let maxCostUSD, Double(holdMicros) > maxCostUSD * 1_000_000 else { return }
        throw WireError(
            .overBudget, "this can cost \(Double(holdMicros) / 1_000_000) dollars, more than maxCostUSD allows",
            retryable: false, path: "maxCostUSD")
    }

    /// The request as JSON with sorted keys, less what is not part of "the same request".
    static func canonical(_ params: GenerateImage.Params) -> [UInt8] {
        var params = params
        params.wait = nil
        params.delivery = nil
        params.deadlineSeconds = nil
        params.priority = nil
        params.label = nil
        params.idempotencyKey = nil
        return WireJSON.encode(params)
    }

    /// What a job was asked for, read back from its row.
    func reread(_ id: JobID) async throws(StoreError) -> GenerateImage.Params {
        guard let bytes = try await store.request(of: id),
            let members = try? JSONDecoder().decode([String: JSONValue].self, from: Data(bytes))
        else { throw .corrupt("a request") }
        var reader = ParamReader(members)
        do {
            return try GenerateImage.Params(from: &reader)
        } catch {
            throw .corrupt("a request")
        }
    }
}
