// How a job comes in: checked, priced, held, written; and how those of the run before are taken up.

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
        let isStarted = try seat(ticket, deadline: deadline, now: now.milliseconds)
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
            return existing
        }
        let isKept = params.prompt.utf8.count <= LiveJob.keptPromptBytes || isStarted
        let live = LiveJob(
            id: id, owner: principal.uid, ticket: ticket, deadline: deadline, params: isKept ? params : nil,
            plan: plan, state: isStarted ? .sent : .queued, attempt: isStarted ? 1 : 0, isHandedOver: isStarted,
            arrived: arrived, queued: clock.elapsed(), started: isStarted ? clock.elapsed() : nil)
        if !enter(live) {
            // Stopped between the slot and here: it was not sent, so its row says so again.
            do {
                _ = try await store.requeue(id, call: 0, at: clock.now())
            } catch {
                logger.error("a job could not go back to the queue", metadata: ["job": "\(id)", "error": "\(error)"])
            }
        }
        return id
    }

    /// Takes a slot or a seat; true for a slot.
    private func seat(_ ticket: Ticket<JobID>, deadline: Int64, now: Int64) throws(WireError) -> Bool {
        let outcome: Result<Bool, WireError> = state.withLock { state in
            guard state.phase == .new || state.phase == .running else {
                return .failure(WireError(.stopping, "the daemon is stopping", hint: "ask again in a few seconds"))
            }
            if let error = Self.gateError(ticket, deadline: deadline, now: now, in: state) { return .failure(error) }
            switch state.scheduler.admit(ticket, mayStart: state.phase == .running, now: now) {
            case .start: return .success(true)
            case .queue: return .success(false)
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
            if isStarted {
                state.scheduler.release(project: ticket.project)
            } else {
                state.scheduler.withdraw(ticket.job)
            }
            pump(&state)
        }
    }

    /// Lets a durable job begin its way; false when it has a slot and the engine no longer drives jobs.
    private func enter(_ job: LiveJob) -> Bool {
        state.withLock { state in
            state.jobs[job.id] = job
            setAlarm(of: job.id, &state)
            guard job.isHandedOver else {
                state.scheduler.enqueue(job.id)
                pump(&state)
                return true
            }
            if submit(.drive(job.ticket, isStarted: true), &state) { return true }
            state.jobs[job.id]?.isHandedOver = false
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

    /// Puts the jobs of the run before in line again.
    func takeUp() async {
        for id in store.lostAtStart {
            logger.warning("the outcome of a job is unknown since the last run ended", metadata: ["job": "\(id)"])
        }
        let rows: [OpenJob]
        do {
            rows = try await store.openJobs()
        } catch {
            logger.error("queued jobs could not be taken up; they stay queued", metadata: ["error": "\(error)"])
            return
        }
        let moment = clock.elapsed()
        state.withLock { state in
            for row in rows where state.jobs[row.id] == nil {
                let ticket = Ticket(
                    job: row.id, principal: row.uid, project: row.project, model: row.modelSent,
                    class: row.priority == .bulk ? .bulk : .interactive)
                let waited = Duration.milliseconds(max(0, clock.now().milliseconds - row.created.milliseconds))
                state.jobs[row.id] = LiveJob(
                    id: row.id, owner: row.uid, ticket: ticket, deadline: row.deadline.milliseconds, state: row.state,
                    attempt: row.attempts, arrived: moment - waited, queued: moment - waited)
                state.scheduler.seat(ticket)
                state.scheduler.enqueue(row.id)
                setAlarm(of: row.id, &state)
            }
        }
    }

    /// What a job was asked for, read back from its row.
    func reread(_ id: JobID) async throws(WireError) -> GenerateImage.Params {
        let bytes: [UInt8]?
        do {
            bytes = try await store.request(of: id)
        } catch {
            throw WireError(error, charged: .no, job: id)
        }
        guard let bytes, let members = try? JSONDecoder().decode([String: JSONValue].self, from: Data(bytes)) else {
            throw WireError(.corrupt("a request"), charged: .no, job: id)
        }
        var reader = ParamReader(members)
        return try GenerateImage.Params(from: &reader)
    }
}
