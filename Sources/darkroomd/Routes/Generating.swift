// `image.generate`, and the methods that answer as it does.

import Engine
import Gemini
import Glibc
import LineSocket
import Store
import Wire

extension Methods {
    func generate(_ params: GenerateImage.Params, _ exchange: Exchange) async throws -> OutboundLine {
        let inputs = try InputReading.sources(of: params.inputs ?? [], exchange.descriptors.take())
        let asked = params
        let params = homed(params)
        let due = engine.deadline(of: params)
        let verdict = try await permit(params, exchange.principal)
        let start = ContinuousClock.now
        let job = try await engine.generate(
            params, asked: asked, inputs: inputs, from: exchange.principal,
            terms: verdict.terms(for: exchange.principal), due: due)
        metrics.took(ContinuousClock.now - start, .ledger)
        FaultPoint.reach(.admissionAnswered)
        return try await answer(job, wait: params.wait, params.delivery, until: due, exchange)
    }

    func retry(_ params: RetryJob.Params, _ exchange: Exchange) async throws -> OutboundLine {
        let request = try await engine.request(of: params.job, for: exchange.principal)
        let due = engine.deadline(of: request)
        // What was allowed then may not be allowed now.
        let verdict = try await permit(request, exchange.principal)
        let job = try await engine.retry(
            params.job, from: exchange.principal, terms: verdict.terms(for: exchange.principal), due: due)
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

    /// Asks the policy; who is denied is on record before being told so.
    func permit(_ params: GenerateImage.Params, _ principal: Principal) async throws -> Policy.Verdict {
        do throws(WireError) {
            return try policy.check(params, by: principal)
        } catch {
            let asked = params.model.flatMap { catalogue.resolve($0)?.id }
            try await store.record(
                AuditEntry(
                    .denied, at: SystemClock().now().milliseconds, origin: principal.origin, project: params.project,
                    model: asked, details: String(decoding: WireJSON.encode(error.onRecord), as: UTF8.self)))
            throw error
        }
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
        if result.state.isEnded { metrics.ended(result) }
        if let error = result.error { throw error }
        do {
            return try metrics.timed(.write) { () throws(WireError) in try deliver(result, delivery, exchange) }
        } catch {
            var error = error
            error.job = job
            error.charged = result.charged
            throw error
        }
    }

    /// The answer of a job that is done, with its images as they were asked for.
    private func deliver(
        _ result: JobResult, _ delivery: Wire.Delivery, _ exchange: Exchange
    ) throws(WireError) -> OutboundLine {
        var items: [Delivery.Item] = []
        for image in result.images {
            guard delivery != .none else {
                items.append(Delivery.Item(entry: image, file: nil))
                continue
            }
            items.append(Delivery.Item(entry: image, file: try OwnedDescriptor(of: try engine.open(image))))
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
    convenience init(of file: OpenFile) throws(WireError) {
        let copy = fcntl(file.descriptor, F_DUPFD_CLOEXEC, 0)
        guard copy >= 0 else {
            throw WireError(.internal, "the daemon has no descriptor to spare", retryable: true)
        }
        self.init(taking: copy)
    }
}

extension WireError {
    /// What the record says of a denial; by `kind` the journal finds its words for an admin.
    var onRecord: [String: String] { ["kind": kind.rawValue, "reason": message] }
}
