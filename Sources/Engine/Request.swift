// What a request has become between its arrival and its rows.

import Wire

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
    let arrived: Duration
    let now: Timestamp

    var count: Int { params.count ?? 1 }
}
