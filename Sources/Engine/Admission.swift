// How a job comes in: checked, its inputs copied, priced, held, written.

import Logging
import Synchronization
package import Wire

import Quota
package import Store

/// A request on its way to being a job.
struct Request {
    /// With the inputs as they are kept.
    let params: GenerateImage.Params
    let material: Material
    let plan: CallPlan
    let principal: Principal
    let arrived: Duration
    let now: Timestamp

    var count: Int { params.count ?? 1 }
}

extension Engine {
    /// Admits a job; when this returns its rows, its holds and its audit row are durable.
    ///
    /// Cancelling the calling task does not undo it.
    ///
    /// - Parameters:
    ///   - params: What is asked for; its `inputs` are not looked at.
    ///   - inputs: The input images, copied before this returns.
    ///   - principal: Who asks; policy has let it pass.
    /// - Returns: The new job, or the one that has the same idempotency key.
    /// - Throws: Before anything is spent; `charged` is absent, since no job exists.
    package func generate(
        _ params: GenerateImage.Params, inputs: [InputSource] = [], from principal: Principal
    ) async throws(WireError) -> JobID {
        let arrived = clock.elapsed()
        try generator(of: params).check(params)
        let taken: TakenInputs
        do throws(InputError) {
            taken = try await store.takeIn(inputs, for: principal.uid, limits: settings.inputs)
        } catch {
            if case .store(let error) = error {
                logger.error("inputs could not be copied", metadata: ["error": "\(error)"])
            }
            throw WireError(error)
        }
        return try await admit(params, taken, from: principal, arrived: arrived)
    }

    /// Admits a new job from the record of one that has ended, its inputs included.
    ///
    /// - Parameters:
    ///   - id: The job; one that goes on is `conflict`.
    ///   - principal: Who asks, and whose the new job is.
    ///   - wait: Whether the caller waits for the end.
    /// - Returns: The new job.
    /// - Throws: What `generate` throws, and `not_found` for somebody else's.
    package func retry(_ id: JobID, from principal: Principal, wait: Bool) async throws(WireError) -> JobID {
        let arrived = clock.elapsed()
        let ended = try await result(of: id, for: principal)
        guard ended.state.isEnded else {
            throw WireError(
                .conflict, "the job goes on: it is \(ended.state.rawValue)", hint: "darkroom wait \(id)", job: id)
        }
        var params = try await request(of: id, for: principal)
        params.project = ended.project
        params.label = ended.label
        params.reuse = nil
        params.wait = wait
        try generator(of: params).check(params)
        let taken: TakenInputs
        do {
            taken = try await store.takeInputs(of: id)
        } catch {
            throw WireError(error)
        }
        return try await admit(params, taken, from: principal, arrived: arrived)
    }

    private func generator(of params: GenerateImage.Params) throws(WireError) -> any ImageGenerator {
        let project = params.project ?? defaultProject
        guard let generator = generators[project] else {
            throw WireError(.invalidParams, "there is no project \(project.prefix(64))", path: "project")
        }
        return generator
    }

    /// Admits a job whose inputs are files; those that it does not take are given back.
    private func admit(
        _ params: GenerateImage.Params, _ taken: TakenInputs, from principal: Principal, arrived: Duration
    ) async throws(WireError) -> JobID {
        do throws(WireError) {
            var params = params
            params.inputs = taken.inputs.isEmpty ? nil : taken.inputs.map { .artifact($0.sha256) }
            let material = Material(
                inputs: taken.inputs, history: try await history(params.continues, for: principal))
            let request = Request(
                params: params, material: material, plan: try generator(of: params).plan(params, material),
                principal: principal, arrived: arrived, now: clock.now())
            let (id, isNew) = try await admit(request)
            if !isNew { await store.discard(taken) }
            return id
        } catch {
            await store.discard(taken)
            throw error
        }
    }

    private func admit(_ request: Request) async throws(WireError) -> (JobID, isNew: Bool) {
        let row = newJob(request)
        if let reuse = request.params.reuse, reuse != .never, let found = try await reused(row, request) {
            return found
        }
        try Self.check(request.params.maxCostUSD, against: request.plan.holdMicros * Int64(request.count))
        let live = liveJob(row, request)
        let started = try seat(live, now: request.now.milliseconds)
        let admitted: Admitted
        do {
            admitted = try await store.admit(row, started: started)
        } catch {
            giveBack(live, started: started)
            logger.error("a job could not be admitted", metadata: ["error": "\(error)"])
            throw WireError(error)
        }
        if case .existing(let existing, let isSame) = admitted {
            giveBack(live, started: started)
            return (try found(existing, isSame: isSame, request), false)
        }
        for call in enter(row.id, started: started) {
            // Stopped between the slot and here: it was not sent, so its row says so again.
            do {
                _ = try await store.requeue(row.id, call: call, at: clock.now())
            } catch {
                logger.error(
                    "a job could not go back to the queue", metadata: ["job": "\(row.id)", "error": "\(error)"])
            }
        }
        return (row.id, true)
    }

    /// The job that is done at once, with the images of an earlier one.
    private func reused(_ row: NewJob, _ request: Request) async throws(WireError) -> (JobID, isNew: Bool)? {
        let admitted: Admitted?
        do {
            admitted = try await store.admitReused(row)
        } catch {
            logger.error("an earlier result could not be looked for", metadata: ["error": "\(error)"])
            throw WireError(error)
        }
        switch admitted {
        case .new: return (row.id, true)
        case .existing(let existing, let isSame): return (try found(existing, isSame: isSame, request), false)
        case nil:
            guard request.params.reuse == .only else { return nil }
            throw WireError(
                .notFound, "there is no earlier result of this request", hint: "ask with reuse \"prefer\" to make one",
                path: "reuse")
        }
    }

    /// The job under an idempotency key, for a caller who may wait for it.
    private func found(_ existing: JobID, isSame: Bool, _ request: Request) throws(WireError) -> JobID {
        guard isSame else {
            throw WireError(
                .conflict, "another request has this idempotency key", hint: "darkroom show \(existing)",
                path: "idempotencyKey", job: existing)
        }
        if request.params.wait ?? true { state.withLock { $0.jobs[existing]?.callersDue += 1 } }
        return existing
    }

    private func newJob(_ request: Request) -> NewJob {
        let params = request.params
        let plan = request.plan
        let wanted = params.deadlineSeconds.map { Int64($0 * 1000) } ?? settings.defaultDeadline.milliseconds
        return NewJob(
            id: JobID.make(at: request.now), origin: request.principal.origin,
            priority: params.priority ?? .interactive, label: params.label, project: plan.project, route: plan.route,
            model: plan.model, request: Self.canonical(params), idempotencyKey: params.idempotencyKey,
            requested: plan.requested, warnings: plan.warnings, created: request.now,
            deadline: Timestamp(milliseconds: request.now.milliseconds + wanted), callCount: request.count,
            holdMicros: plan.holdMicros, inputs: request.material.inputs, continues: params.continues,
            reuseKey: Self.reuseKey(params, plan))
    }

    private func liveJob(_ row: NewJob, _ request: Request) -> LiveJob {
        let calls = (0..<request.count).map { number in
            let ticket = Ticket(
                job: CallID(job: row.id, call: number), principal: request.principal.uid, project: row.project,
                model: row.model.sent, class: row.priority == .bulk ? .bulk : .interactive)
            return LiveCall(
                ticket: ticket, state: .queued, attempt: 0, isHandedOver: true, queued: request.arrived)
        }
        var live = LiveJob(
            id: row.id, owner: request.principal.uid, deadline: row.deadline.milliseconds, params: request.params,
            material: request.material, plan: request.plan, calls: calls, arrived: request.arrived)
        live.callersDue = request.params.wait ?? true ? 1 : 0
        return live
    }

    private static func check(_ maxCostUSD: Double?, against holdMicros: Int64) throws(WireError) {
        guard let maxCostUSD, Double(holdMicros) > maxCostUSD * 1_000_000 else { return }
        throw WireError(
            .overBudget, "this can cost \(Double(holdMicros) / 1_000_000) dollars, more than maxCostUSD allows",
            retryable: false, path: "maxCostUSD")
    }
}
