// What model, route and values allow, in the order of protocol section 3: model, support, values. Nothing is spent, and
// nothing is dropped: what cannot be honoured is refused by name, with where it would work.

import Gemini
import Wire

extension GeminiGenerator {
    /// The model behind a name, and the warning when a retired name was mapped.
    func model(named asked: String) throws(WireError) -> (Model, [Warning]) {
        switch catalogue.model(named: asked) {
        case .current(let model): return (model, [])
        case .succeeded(let model):
            let warning = Warning(.modelSubstituted, "\(asked) was retired; \(model.id) was asked instead")
            return (model, [warning])
        case .gone(let model):
            throw WireError(
                .modelUnavailable, "\(model.id) is gone: \(model.reason)", hint: "darkroom models lists what there is",
                path: "model")
        case .unknown:
            let names = catalogue.models.flatMap { [$0.id] + $0.aliases }
            let nearest = NearestName.to(asked, among: names)
            throw WireError(
                .unknownModel, "there is no model \(asked.prefix(64))",
                hint: nearest.map { "did you mean \($0)?" } ?? "darkroom models lists what there is", path: "model")
        }
    }

    /// Refuses the parameters of the protocol that this version cannot honour yet.
    func refuseUnsupported(_ params: GenerateImage.Params, _ model: Model) throws(WireError) {
        if let route = params.route, route != project.route {
            throw WireError(
                .unsupportedParameter, "project \(project.name) does not serve the route \(route.rawValue)",
                hint: "its route is \(project.route.rawValue)", path: "route")
        }
        let given: [(name: String, isGiven: Bool)] = [
            ("count", (params.count ?? 1) > 1), ("inputs", params.inputs?.isEmpty == false),
            ("continues", params.continues != nil), ("systemInstruction", params.systemInstruction != nil),
            ("seed", params.seed != nil), ("temperature", params.temperature != nil),
            ("thinking", params.thinking != nil), ("grounding", params.grounding?.isEmpty == false),
            ("safety", params.safety?.isEmpty == false), ("personGeneration", params.personGeneration != nil),
            ("outputType", params.outputType != nil), ("native", params.native != nil), ("exact", params.exact == true),
            ("idempotencyKey", params.idempotencyKey != nil), ("reuse", (params.reuse ?? .never) != .never),
            ("maxCostUSD", params.maxCostUSD != nil),
        ]
        guard let first = given.first(where: { $0.isGiven }) else { return }
        throw WireError(
            .unsupportedParameter,
            "the parameter \(first.name) cannot be honoured on the route \(project.route.rawValue) with \(model.id)",
            hint: "this version of darkroomd does not know how yet; leave it away", path: first.name)
    }

    /// Refuses a ratio or size that the model does not make.
    func checkValues(_ params: GenerateImage.Params, _ model: Model) throws(WireError) {
        switch model.unsupported(aspectRatio: params.aspectRatio, imageSize: params.imageSize) {
        case nil: return
        case .imageSize(let supported)?:
            try refuse("imageSize", params.imageSize ?? "", supported, model) { $0.sizeNames }
        case .aspectRatio(let supported)?:
            try refuse("aspectRatio", params.aspectRatio ?? "", supported, model) { $0.aspectRatios }
        }
    }

    /// A value that no model has is a slip; one that another model has is told with that model's name.
    private func refuse(
        _ name: String, _ value: String, _ supported: [String], _ model: Model, _ values: (Model) -> [String]
    ) throws(WireError) {
        let elsewhere = catalogue.models.filter { values($0).contains(value) }.map { $0.id }
        let legal = supported.joined(separator: ", ")
        guard !elsewhere.isEmpty else {
            throw WireError(
                .invalidParams, "the parameter \(name) is \"\(value.prefix(64))\"; \(model.id) takes \(legal)",
                hint: NearestName.to(value, among: supported).map { "did you mean \($0)?" }, path: name)
        }
        throw WireError(
            .unsupportedParameter,
            "\(model.id) on the route \(project.route.rawValue) does not make \(name) \(value); it makes \(legal)",
            hint: "\(value) works with \(elsewhere.joined(separator: ", "))", path: name)
    }
}
