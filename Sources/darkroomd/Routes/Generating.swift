// `image.generate`, and the methods that answer as it does.

import Engine
import Gemini
import Glibc
import LineSocket
import Store
import Wire

extension Methods {
    func generate(_ params: GenerateImage.Params, _ exchange: Exchange) async throws -> OutboundLine {
        exchange.model.note(catalogue.resolve(params.model ?? defaultModel)?.id)
        let inputs = try metrics.timed(.decode) { () throws(WireError) in
            try InputReading.sources(of: params.inputs ?? [], exchange.descriptors.take())
        }
        let asked = params
        let params = homed(params)
        let due = engine.deadline(of: params)
        let start = ContinuousClock.now
        let job = try await onRecord(params, exchange.principal) {
            let verdict = try permit(params, exchange.principal)
            return try await engine.generate(
                params, asked: asked, inputs: inputs, from: exchange.principal,
                terms: verdict.terms(for: exchange.principal), due: due)
        }
        metrics.took(ContinuousClock.now - start, .ledger)
        FaultPoint.reach(.admissionAnswered)
        return try await answer(job, wait: params.wait, params.delivery, until: due, exchange)
    }

    func retry(_ params: RetryJob.Params, _ exchange: Exchange) async throws -> OutboundLine {
        let request = try await engine.request(of: params.job, for: exchange.principal)
        exchange.model.note(catalogue.resolve(request.model ?? defaultModel)?.id)
        let due = engine.deadline(of: request)
        let job = try await onRecord(request, exchange.principal) {
            // What was allowed then may not be allowed now.
            let verdict = try permit(request, exchange.principal)
            return try await engine.retry(
                params.job, from: exchange.principal, terms: verdict.terms(for: exchange.principal), due: due)
        }
        return try await answer(job, wait: params.wait, params.delivery, until: due, exchange)
    }

    private func answer(
        _ job: JobID, wait: Bool?, _ delivery: Wire.Delivery?, until due: Timestamp, _ exchange: Exchange
    ) async throws -> OutboundLine {
        guard wait ?? true else {
            // The job under a key may have ended long ago, and a reused one has now.
            let state = try await engine.result(of: job, for: exchange.principal).state
            let told = state.isEnded ? state : .queued
            return OutboundLine(Answer.success(exchange.id, GenerateImage.Accepted(job: job, state: told)))
        }
        return try await follow(job, delivery ?? .inline, until: due, exchange)
    }

    /// Asks the policy.
    func permit(_ params: GenerateImage.Params, _ principal: Principal) throws(WireError) -> Policy.Verdict {
        try policy.check(params, by: principal)
    }

    /// Waits for a job's end, telling its steps, and answers with its images.
    ///
    /// - Parameters:
    ///   - job: The job.
    ///   - delivery: How its images go.
    ///   - due: By when the caller is answered, whatever the job does; nil for one who set no deadline.
    ///   - exchange: Who asks.
    /// - Returns: The answer's line.
    /// - Throws: What the caller is answered when there is no image for it.
    func follow(
        _ job: JobID, _ delivery: Wire.Delivery, until due: Timestamp? = nil, _ exchange: Exchange
    ) async throws -> OutboundLine {
        let events = await engine.events(of: job, for: exchange.principal)
        async let telling: Void = tell(events, exchange)
        let result = try await engine.wait(for: job, from: exchange.principal, until: due)
        // Steps that came before the end are told before the answer; a job that goes on has more, which nobody awaits.
        if result.state.isEnded { await telling }
        FaultPoint.reach(.answerBeforeSend)
        exchange.model.note(result.model.sent)
        if result.state.isEnded { metrics.ended(result) }
        if let error = result.error { throw error }
        let tokens = try await files.take(delivery == .none ? 0 : result.images.count, for: exchange.principal.uid)
        do {
            return try metrics.timed(.write) { () throws(WireError) in
                try deliver(result, delivery, tokens, exchange)
            }
        } catch {
            var error = error
            error.job = job
            error.charged = result.charged
            throw error
        }
    }

    /// The answer of a job that is done, with its images as they were asked for.
    private func deliver(
        _ result: JobResult, _ delivery: Wire.Delivery, _ tokens: [UserShares.Token], _ exchange: Exchange
    ) throws(WireError) -> OutboundLine {
        var items: [Delivery.Item] = []
        for (index, image) in result.images.enumerated() {
            guard delivery != .none else {
                items.append(Delivery.Item(entry: image, file: nil))
                continue
            }
            let file = try OwnedDescriptor(of: try engine.open(image), with: tokens[index])
            items.append(Delivery.Item(entry: image, file: file))
        }
        return try Delivery.line(exchange.id, delivery, items) { entries in
            var answer = result
            answer.images = entries
            return answer
        }
    }

    private func tell(_ events: AsyncStream<JobEvent>, _ exchange: Exchange) async {
        for await event in events { await exchange.tell(event) }
    }
}

extension OwnedDescriptor {
    /// The same open file as one that may travel with a line.
    convenience init(of file: OpenFile, with token: UserShares.Token) throws(WireError) {
        let copy = fcntl(file.descriptor, F_DUPFD_CLOEXEC, 0)
        guard copy >= 0 else {
            throw WireError(.internal, "the daemon has no descriptor to spare", retryable: true)
        }
        self.init(taking: copy, with: token)
    }
}

extension WireError {
    /// What the record says of a denial; by `kind` the journal finds its words for an admin.
    var onRecord: [String: String] { ["kind": kind.rawValue, "reason": message] }
}
