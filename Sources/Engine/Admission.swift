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
    ///   - asked: The same as the caller put it, by which it is known under its idempotency key; `params` when nil.
    ///   - inputs: The input images, copied before this returns.
    ///   - principal: Who asks; policy has let it pass.
    ///   - terms: What the policy's deciding rule adds.
    ///   - due: By when whoever asks is answered, which is a new job's deadline; as `deadline(of:)` says when absent.
    /// - Returns: The new job, or the one that has the same idempotency key.
    /// - Throws: Before anything is spent; `charged` is absent, since no job exists.
    package func generate(
        _ params: GenerateImage.Params, asked: GenerateImage.Params? = nil, inputs: [InputSource] = [],
        from principal: Principal, terms: Terms = Terms(), due: Timestamp? = nil
    ) async throws(WireError) -> JobID {
        let arrival = arrival(params, due)
        let asked = asked ?? params
        let (params, terms) = ruled(params, terms)
        let key = params.idempotencyKey.map { OwnedKey(uid: principal.uid, key: $0) }
        if let key { try await take(key) }
        defer { if let key { giveBack(key) } }
        // Before all that depends on how things stand now: who comes back for a job needs neither room nor money.
        if let key, let job = try await job(under: key, params, asked, inputs) {
            state.withLock { $0.joined += 1 }
            return job
        }
        try generator(of: params).check(params)
        let taken = try await takeIn(inputs, for: principal)
        return try await admit(params, asked: asked, taken, from: principal, terms, arrival)
    }

    /// By when whoever asks for this now is to be answered.
    package func deadline(of params: GenerateImage.Params) -> Timestamp {
        let wanted = params.deadlineSeconds.map { Int64($0 * 1000) } ?? settings.defaultDeadline.milliseconds
        return Timestamp(milliseconds: clock.now().milliseconds + wanted)
    }

    func arrival(_ params: GenerateImage.Params, _ due: Timestamp? = nil) -> Arrival {
        Arrival(elapsed: clock.elapsed(), due: due ?? deadline(of: params))
    }

    /// Copies the inputs of a request.
    func takeIn(_ inputs: [InputSource], for principal: Principal) async throws(WireError) -> TakenInputs {
        do throws(InputError) {
            return try await store.takeIn(inputs, for: principal.uid, limits: settings.inputs)
        } catch {
            if case .store(let error) = error {
                logger.error("inputs could not be copied", metadata: ["error": "\(error)"])
            }
            throw WireError(error)
        }
    }

    /// The request with the project and the class that the policy says, where the caller names none; no other project
    /// than the one that the caller names serves it.
    ///
    /// A rule's bulk stands whatever the caller says.
    func ruled(_ params: GenerateImage.Params, _ terms: Terms) -> (GenerateImage.Params, Terms) {
        var (params, terms) = (params, terms)
        if params.project == nil {
            params.project = terms.projects.first { generators[$0] != nil }
        } else {
            terms.projects = []
        }
        if params.priority == nil || terms.priority == .bulk { params.priority = terms.priority ?? params.priority }
        return (params, terms)
    }

    /// Admits a new job from the record of one that has ended, its inputs included.
    ///
    /// - Parameters:
    ///   - id: The job; one that goes on is `conflict`.
    ///   - principal: Who asks, and whose the new job is.
    ///   - terms: What the policy's deciding rule adds.
    ///   - due: As of `generate`.
    /// - Returns: The new job.
    /// - Throws: What `generate` throws, and `not_found` for somebody else's.
    package func retry(
        _ id: JobID, from principal: Principal, terms: Terms = Terms(), due: Timestamp? = nil
    ) async throws(WireError) -> JobID {
        let ended = try await result(of: id, for: principal)
        guard ended.state.isEnded else {
            throw WireError(
                .conflict, "the job goes on: it is \(ended.state.rawValue)", hint: "darkroom wait \(id)", charged: .no,
                job: id)
        }
        var params = try await request(of: id, for: principal)
        // Who named no project then does not now: the job's own is the one that served it in the end.
        let mayOverflow = terms.projects.contains(ended.project)
        params.project = terms.projects.isEmpty || mayOverflow ? ended.project : nil
        let (ruled, narrowed) = ruled(params, terms)
        params = ruled
        let terms = mayOverflow ? terms : narrowed
        params.label = ended.label
        params.reuse = nil
        let arrival = arrival(params, due)
        try generator(of: params).check(params)
        let taken: TakenInputs
        do {
            taken = try await store.takeInputs(of: id)
        } catch {
            throw WireError(error)
        }
        return try await admit(params, asked: params, taken, from: principal, terms, arrival)
    }

    func generator(of params: GenerateImage.Params) throws(WireError) -> any ImageGenerator {
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
        _ params: GenerateImage.Params, asked: GenerateImage.Params, _ taken: TakenInputs, from principal: Principal,
        _ terms: Terms, _ arrival: Arrival
    ) async throws(WireError) -> JobID {
        do throws(WireError) {
            let request = try await request(params, asked: asked, taken, from: principal, terms, arrival)
            let (id, isNew) = try await admit(request)
            if !isNew {
                state.withLock { $0.joined += 1 }
                await store.discard(taken)
            }
            return id
        } catch {
            await store.discard(taken)
            throw error
        }
    }

    /// The request with its plan.
    func request(
        _ params: GenerateImage.Params, asked: GenerateImage.Params, _ taken: TakenInputs, from principal: Principal,
        _ terms: Terms, _ arrival: Arrival
    ) async throws(WireError) -> Request {
        var params = params
        params.inputs = taken.inputs.isEmpty ? nil : taken.inputs.map { .artifact($0.sha256) }
        let material = Material(inputs: taken.inputs, history: try await history(params.continues, for: principal))
        let plan = try generator(of: params).plan(params, material)
        // Another project serves it only as the same: the same model, and all that was asked for.
        let others = terms.projects.contains(plan.project) ? terms.projects.filter { $0 != plan.project } : []
        let overflow = others.filter { other in
            guard let generator = generators[other], (try? generator.checkKey()) != nil else { return false }
            var params = params
            params.project = other
            return (try? generator.plan(params, material))?.model.sent == plan.model.sent
        }
        return Request(
            params: params, asked: asked, material: material, plan: plan, principal: principal, terms: terms,
            overflow: overflow, arrival: arrival, now: clock.now())
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
        try generators[request.plan.project]?.checkKey()
        let started = try seat(live, request)
        let admitted: Admitted
        do {
            admitted = try await store.admit(row, started: started)
        } catch {
            giveBack(live, started: started)
            logger.critical("a job could not be put on record and is refused", metadata: ["error": "\(error)"])
            throw WireError(unrecorded: error)
        }
        switch admitted {
        case .new: break
        case .existing(let existing, let isSame):
            giveBack(live, started: started)
            return (try found(existing, isSame: isSame), false)
        case .broken(let missing):
            giveBack(live, started: started)
            throw .brokenConversation(missing)
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
        case .existing(let existing, let isSame): return (try found(existing, isSame: isSame), false)
        case .broken(let missing): throw .brokenConversation(missing)
        case nil:
            state.withLock { $0.missed += 1 }
            guard request.params.reuse == .only else { return nil }
            throw WireError(
                .notFound, "there is no earlier result of this request", hint: "ask with reuse \"prefer\" to make one",
                path: "reuse")
        }
    }

    private func newJob(_ request: Request) -> NewJob {
        let params = request.params
        let plan = request.plan
        var row = NewJob(
            id: JobID.make(at: request.now), origin: request.principal.origin,
            priority: params.priority ?? .interactive, label: params.label, project: plan.project, route: plan.route,
            model: plan.model, request: Self.canonical(params), idempotencyKey: params.idempotencyKey,
            requested: plan.requested, warnings: plan.warnings, created: request.now,
            deadline: request.arrival.due, callCount: request.count,
            holdMicros: plan.holdMicros, inputTokens: plan.inputTokens,
            budgets: request.terms.budgets.map(\.account), inputs: request.material.inputs, continues: params.continues,
            reuseKey: Self.reuseKey(params, plan))
        row.sameness = Self.sameness(request.asked, inputs: request.material.inputs.map(\.sha256))
        row.conversation = request.material.history.map(\.job)
        row.prompt = PromptRecord(params.prompt, hasText: request.terms.logsPrompt)
        row.overflow = request.overflow
        row.concurrency = request.terms.concurrency
        return row
    }

    private func liveJob(_ row: NewJob, _ request: Request) -> LiveJob {
        let calls = (0..<request.count).map { number in
            LiveCall(
                ticket: ticket(of: CallID(job: row.id, call: number), request), state: .queued, attempt: 0,
                isHandedOver: true, queued: request.arrival.elapsed)
        }
        return LiveJob(
            id: row.id, owner: request.principal.uid, label: row.label, deadline: row.deadline.milliseconds,
            params: request.params, material: request.material, plan: request.plan, calls: calls,
            arrived: request.arrival.elapsed)
    }

    func ticket(of call: CallID, _ request: Request) -> Ticket<CallID> {
        let plan = request.plan
        return Ticket(
            job: call, principal: request.principal.uid, project: plan.project, model: plan.model.sent,
            class: request.params.priority == .bulk ? .bulk : .interactive,
            demand: Demand(inputTokens: plan.inputTokens, holdMicros: plan.holdMicros), overflow: request.overflow,
            mostUnderWay: request.terms.concurrency, mostQueued: request.terms.queue)
    }

    private static func check(_ maxCostUSD: Double?, against holdMicros: Int64) throws(WireError) {
        // In whole micro-dollars: 0.1 dollars are a little more than 0.1 in binary. More than fit are no bound.
        guard let maxCostUSD, let most = Int64(exactly: (maxCostUSD * 1_000_000).rounded()), holdMicros > most else {
            return
        }
        throw WireError(
            .overBudget, "this can cost \(Double(holdMicros) / 1_000_000) dollars, more than maxCostUSD allows",
            retryable: false, path: "maxCostUSD")
    }
}
