// What a request has become between its arrival and its rows.

import Wire

/// When a request came, and by when whoever asks is to be answered.
struct Arrival {
    /// Of `EngineClock.elapsed`.
    let elapsed: Duration
    let due: Timestamp
}

/// A request on its way to being a job.
struct Request {
    /// With the inputs as they are kept.
    let params: GenerateImage.Params
    /// As the caller put it.
    let asked: GenerateImage.Params
    let material: Material
    let plan: CallPlan
    let principal: Principal
    let terms: Terms
    /// Projects beside the plan's that may serve it.
    let overflow: [String]
    let arrival: Arrival
    let now: Timestamp

    var count: Int { params.count ?? 1 }
}
