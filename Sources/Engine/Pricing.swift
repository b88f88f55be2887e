// What a request would cost and when it would start, for whoever asks before asking.

import Quota
import Synchronization
package import Wire

package import Store

extension Engine {
    /// What a request would cost and when it would be sent; spends nothing and leaves nothing behind.
    ///
    /// - Throws: What `generate` throws, but for the want of money or of a key: nobody is asked.
    package func price(
        _ params: GenerateImage.Params, inputs: [InputSource] = [], from principal: Principal, terms: Terms = Terms()
    ) async throws(WireError) -> PriceImage.Result {
        let arrival = arrival(params)
        let (params, terms) = ruled(params, terms)
        try generator(of: params).check(params)
        let taken = try await takeIn(inputs, for: principal)
        let asked: Result<Request, WireError>
        do throws(WireError) {
            asked = .success(try await request(params, asked: params, taken, from: principal, terms, arrival))
        } catch {
            asked = .failure(error)
        }
        await store.discard(taken)
        let request = try asked.get()
        let plan = request.plan
        let seconds = try start(of: request)
        func dollars(_ micros: Int64) -> Double { Double(micros * Int64(request.count)) / 1_000_000 }
        return PriceImage.Result(
            expectedUSD: dollars(plan.expectedMicros), holdUSD: dollars(plan.holdMicros), model: plan.model.sent,
            route: plan.route, project: plan.project, startsInSeconds: seconds)
    }

    /// When a request would start, as far as it can be told.
    ///
    /// - Throws: What upstream said when it shut the gate that `generate` would be refused at.
    private func start(of request: Request) throws(WireError) -> Double? {
        let usual = request.plan.usuallySeconds
        let ticket = ticket(of: CallID(job: JobID(rawValue: ""), call: 0), request)
        let start: Result<Double?, WireError> = state.withLock { state in
            let now = moment(&state)
            if case .gate? = state.scheduler.standstill(of: ticket, now: now),
                let error = Self.obstacleError(
                    ticket, deadline: request.arrival.due.milliseconds, now: now, in: &state)
            {
                return .failure(error)
            }
            let forecast = state.scheduler.forecast(
                of: ticket, usualSeconds: usual.reduce(0, +) / Double(max(1, usual.count)), now: now)
            return .success(forecast.startsInSeconds)
        }
        return try start.get()
    }
}
