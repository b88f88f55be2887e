// How a job comes in: checked, its inputs copied, priced, held, written.

import Logging
import Synchronization
package import Wire

import Quota
package import Store

extension Engine {
    /// Admits a job; when this returns its rows, its holds and its audit row are durable.
    ///
    /// Cancelling the calling task does not undo it.
    ///
    /// - Parameters:
    ///   - params: What is asked for; its `inputs` are not looked at.
    ///   - inputs: The input images, copied before this returns.
    ///   - principal: Who asks; policy has let it pass.
    ///   - terms: What the policy's deciding rule adds.
    /// - Returns: The new job, or the one that has the same idempotency key.
    /// - Throws: Before anything is spent; `charged` is absent, since no job exists.
    package func generate(
        _ params: GenerateImage.Params, inputs: [InputSource] = [], from principal: Principal, terms: Terms = Terms()
    ) async throws(WireError) -> JobID {
        let arrived = clock.elapsed()
        let params = homed(params, terms)
        try generator(of: params).check(params)
        let taken = try await takeIn(inputs, for: principal)
        return try await admit(params, taken, from: principal, terms, arrived: arrived)
    }

    /// Copies the inputs of a request.
    private func takeIn(_ inputs: [InputSource], for principal: Principal) async throws(WireError) -> TakenInputs {
        do throws(InputError) {
            return try await store.takeIn(inputs, for: principal.uid, limits: settings.inputs)
        } catch {
            if case .store(let error) = error {
                logger.error("inputs could not be copied", metadata: ["error": "\(error)"])
            }
            throw WireError(error)
        }
    }

    /// What a request would cost and when it would be sent; spends nothing and leaves nothing behind.
    ///
    /// - Throws: What `generate` throws, but for the want of money.
    package func price(
        _ params: GenerateImage.Params, inputs: [InputSource] = [], from principal: Principal, terms: Terms = Terms()
    ) async throws(WireError) -> PriceImage.Result {
        let arrived = clock.elapsed()
        let params = homed(params, terms)
        try generator(of: params).check(params)
        let taken = try await takeIn(inputs, for: principal)
        let asked: Result<Request, WireError>
        do throws(WireError) {
            asked = .success(try await request(params, taken, from: principal, terms, arrived: arrived))
        } catch {
            asked = .failure(error)
        }
        await store.discard(taken)
        let request = try asked.get()
        let plan = request.plan
        let seconds = state.withLock { state in
            let usual = plan.usuallySeconds.reduce(0, +) / Double(max(1, plan.usuallySeconds.count))
            let ticket = ticket(of: CallID(job: JobID(rawValue: ""), call: 0), request)
            return state.scheduler.forecast(of: ticket, usualSeconds: usual, now: moment(&state)).startsInSeconds
        }
        func dollars(_ micros: Int64) -> Double { Double(micros * Int64(request.count)) / 1_000_000 }
        return PriceImage.Result(
            expectedUSD: dollars(plan.expectedMicros), holdUSD: dollars(plan.holdMicros), model: plan.model.sent,
            route: plan.route, project: plan.project, startsInSeconds: seconds)
    }

    /// The request with the project that the policy says, where the caller names none.
    private func homed(_ params: GenerateImage.Params, _ terms: Terms) -> GenerateImage.Params {
        guard params.project == nil, let home = terms.projects.first(where: { generators[$0] != nil }) else {
            return params
        }
        var params = params
        params.project = home
        return params
    }

    /// Admits a new job from the record of one that has ended, its inputs included.
    ///
    /// - Parameters:
    ///   - id: The job; one that goes on is `conflict`.
    ///   - principal: Who asks, and whose the new job is.
    ///   - wait: Whether the caller waits for the end.
    ///   - terms: What the policy's deciding rule adds.
    /// - Returns: The new job.
    /// - Throws: What `generate` throws, and `not_found` for somebody else's.
    package func retry(
        _ id: JobID, from principal: Principal, wait: Bool, terms: Terms = Terms()
    ) async throws(WireError) -> JobID {
        let arrived = clock.elapsed()
        let ended = try await result(of: id, for: principal)
        guard ended.state.isEnded else {
            throw WireError(
                .conflict, "the job goes on: it is \(ended.state.rawValue)", hint: "darkroom wait \(id)", charged: .no,
                job: id)
        }
        var params = try await request(of: id, for: principal)
        params.project = terms.projects.isEmpty || terms.projects.contains(ended.project) ? ended.project : nil
        params = homed(params, terms)
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
        return try await admit(params, taken, from: principal, terms, arrived: arrived)
    }

    private func generator(of params: GenerateImage.Params) throws(WireError) -> any ImageGenerator {
        let project = params.project ?? defaultProject
        guard let generator = generators[project] else {
            throw WireError(
                .invalidParams, "there is no project \(project.prefix(64))",
                hint: "the projects are \(generators.keys.sorted().joined(separator: ", "))", path: "project")
        }
        return generator
    }

    /// Admits a job whose inputs are files; those that it does not take are given back.
    private func admit(
        _ params: GenerateImage.Params, _ taken: TakenInputs, from principal: Principal, _ terms: Terms,
        arrived: Duration
    ) async throws(WireError) -> JobID {
        do throws(WireError) {
            let request = try await request(params, taken, from: principal, terms, arrived: arrived)
            let (id, isNew) = try await admit(request)
            if !isNew { await store.discard(taken) }
            return id
        } catch {
            await store.discard(taken)
            throw error
        }
    }

    /// The request with its plan.
    private func request(
        _ params: GenerateImage.Params, _ taken: TakenInputs, from principal: Principal, _ terms: Terms,
        arrived: Duration
    ) async throws(WireError) -> Request {
        var params = params
        params.inputs = taken.inputs.isEmpty ? nil : taken.inputs.map { .artifact($0.sha256) }
        let material = Material(inputs: taken.inputs, history: try await history(params.continues, for: principal))
        let plan = try generator(of: params).plan(params, material)
        // Another project serves it only as the same: the same model, and all that was asked for.
        let others = terms.projects.contains(plan.project) ? terms.projects.filter { $0 != plan.project } : []
        let overflow = others.filter { other in
            guard let generator = generators[other] else { return false }
            var params = params
            params.project = other
            return (try? generator.plan(params, material))?.model.sent == plan.model.sent
        }
        return Request(
            params: params, material: material, plan: plan, principal: principal, terms: terms, overflow: overflow,
            arrived: arrived, now: clock.now())
    }

    private func admit(_ request: Request) async throws(WireError) -> (JobID, isNew: Bool) {
        let row = newJob(request)
        if let reuse = request.params.reuse, reuse != .never, let found = try await reused(row, request) {
            return found
        }
        try Self.check(request.params.maxCostUSD, against: request.plan.holdMicros * Int64(request.count))
        do {
            try await reckon()
        } catch {
            logger.error("what was spent could not be read", metadata: ["error": "\(error)"])
            throw WireError(error)
        }
        let live = liveJob(row, request)
        let started: Int
        do throws(WireError) {
            started = try seat(live, request)
        } catch {
            // Whoever asks again for what is there already needs neither money nor a seat.
            guard case .existing(let existing, let isSame)? = try? await store.known(row) else { throw error }
            return (try found(existing, isSame: isSame, request), false)
        }
        let admitted: Admitted
        do {
            admitted = try await store.admit(row, started: started)
        } catch {
            giveBack(live, started: started)
            logger.critical("a job could not be put on record and is refused", metadata: ["error": "\(error)"])
            throw WireError(unrecorded: error)
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
            logger.critical("a reused result could not be put on record", metadata: ["error": "\(error)"])
            throw WireError(unrecorded: error)
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
                charged: .no, path: "idempotencyKey", job: existing)
        }
        if request.params.wait ?? true { state.withLock { $0.jobs[existing]?.callersDue += 1 } }
        return existing
    }

    private func newJob(_ request: Request) -> NewJob {
        let params = request.params
        let plan = request.plan
        let wanted = params.deadlineSeconds.map { Int64($0 * 1000) } ?? settings.defaultDeadline.milliseconds
        var row = NewJob(
            id: JobID.make(at: request.now), origin: request.principal.origin,
            priority: params.priority ?? .interactive, label: params.label, project: plan.project, route: plan.route,
            model: plan.model, request: Self.canonical(params), idempotencyKey: params.idempotencyKey,
            requested: plan.requested, warnings: plan.warnings, created: request.now,
            deadline: Timestamp(milliseconds: request.now.milliseconds + wanted), callCount: request.count,
            holdMicros: plan.holdMicros, inputTokens: plan.inputTokens,
            budgets: request.terms.budgets.map(\.account), inputs: request.material.inputs, continues: params.continues,
            reuseKey: Self.reuseKey(params, plan))
        row.prompt = PromptRecord(params.prompt, hasText: request.terms.logsPrompt)
        row.overflow = request.overflow
        row.concurrency = request.terms.concurrency
        return row
    }

    private func liveJob(_ row: NewJob, _ request: Request) -> LiveJob {
        let calls = (0..<request.count).map { number in
            LiveCall(
                ticket: ticket(of: CallID(job: row.id, call: number), request), state: .queued, attempt: 0,
                isHandedOver: true, queued: request.arrived)
        }
        var live = LiveJob(
            id: row.id, owner: request.principal.uid, deadline: row.deadline.milliseconds, params: request.params,
            material: request.material, plan: request.plan, calls: calls, arrived: request.arrived)
        live.callersDue = request.params.wait ?? true ? 1 : 0
        return live
    }

    private func ticket(of call: CallID, _ request: Request) -> Ticket<CallID> {
        let plan = request.plan
        return Ticket(
            job: call, principal: request.principal.uid, project: plan.project, model: plan.model.sent,
            class: request.params.priority == .bulk ? .bulk : .interactive,
            demand: Demand(inputTokens: plan.inputTokens, holdMicros: plan.holdMicros), overflow: request.overflow,
            mostUnderWay: request.terms.concurrency, mostQueued: request.terms.queue)
    }

    private static func check(_ maxCostUSD: Double?, against holdMicros: Int64) throws(WireError) {
        guard let maxCostUSD, Double(holdMicros) > maxCostUSD * 1_000_000 else { return }
        throw WireError(
            .overBudget, "this can cost \(Double(holdMicros) / 1_000_000) dollars, more than maxCostUSD allows",
            retryable: false, path: "maxCostUSD")
    }
}
