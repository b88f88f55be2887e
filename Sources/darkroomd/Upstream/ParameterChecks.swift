// What model, route and values allow, in the order of protocol section 3: model, support, values, price. Nothing is
// spent, and nothing is dropped: what cannot be honoured is refused by name, with where it would work.

import Engine
import Gemini
import Store
import Wire

extension GeminiGenerator {
    /// The model that a request is for.
    struct Choice {
        var asked: String
        /// The id that goes upstream.
        var sent: String
        /// The row whose abilities and prices count: with `exact` and a retired id the successor's.
        var model: Model
        var warnings: [Warning]
    }

    /// The model of a request, and the warning when a retired name was mapped.
    func choose(_ params: GenerateImage.Params) throws(WireError) -> Choice {
        try checkAddress()
        try checkRoute(params)
        let asked = params.model ?? defaultModel
        let isExact = params.exact == true && params.model != nil
        let choice: Choice
        switch catalogue.model(named: asked) {
        case .current(let model):
            guard !isExact || !model.aliases.contains(asked) else {
                throw WireError(
                    .unknownModel, "\(asked) is an alias, and exact takes the id of a model",
                    hint: "ask for \(model.id)", path: "model")
            }
            choice = Choice(asked: asked, sent: model.id, model: model, warnings: [])
        case .succeeded(let model):
            let warning = Warning(.modelSubstituted, "\(asked) was retired; \(model.id) was asked instead")
            choice = Choice(
                asked: asked, sent: isExact ? asked : model.id, model: model, warnings: isExact ? [] : [warning])
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
        try checkOffer(choice)
        return choice
    }

    /// Refuses a model that this route does not have, or that upstream refused within the hour.
    private func checkOffer(_ choice: Choice) throws(WireError) {
        guard choice.model.isServed(by: project.route.kind) else {
            throw WireError(
                .unsupportedParameter, "\(choice.model.id) cannot be had on the route \(project.route.rawValue)",
                hint: "it can on \(places { choice.model.isServed(by: $0) })", path: "model")
        }
        if let location = project.vertex?.location, !choice.model.isHad(in: location) {
            let places = (choice.model.locations ?? []).joined(separator: ", ")
            throw WireError(
                .modelUnavailable,
                "\(choice.model.id) is not in the location \(location) of Vertex AI, only in \(places)",
                hint: "an admin has to give project \(project.name) another location", path: "model")
        }
        guard models.refusedFor(choice.sent) == nil else {
            throw WireError(
                .modelUnavailable,
                "Google answered less than an hour ago that project \(project.name) has no \(choice.sent)",
                hint: "darkroom models lists what there is; the daemon asks Google again after that hour",
                path: "model")
        }
    }

    /// Refuses everything for a project whose address leads elsewhere: nothing that went there could succeed.
    private func checkAddress() throws(WireError) {
        guard let fault = project.addressFault else { return }
        throw WireError(
            .wrongHost, "project \(project.name) cannot be asked: \(fault.found)", hint: "an admin: \(fault.remedy)")
    }

    /// Refuses a route that this project does not serve; before the model, which might be served there.
    private func checkRoute(_ params: GenerateImage.Params) throws(WireError) {
        if let route = params.route, route != project.route {
            throw WireError(
                .unsupportedParameter, "project \(project.name) does not serve the route \(route.rawValue)",
                hint: "its route is \(project.route.rawValue)", path: "route")
        }
    }

    /// Refuses the parameters that route and model cannot honour.
    func checkSupport(_ params: GenerateImage.Params, _ model: Model) throws(WireError) {
        let route = project.route.kind
        for name in params.givenNames where !RouteSupport.honours(name, on: route) {
            throw unsupported(name, model, "it works on \(places { RouteSupport.honours(name, on: $0) })")
        }
        if params.thinking != nil, model.thinking.isEmpty {
            throw unsupported("thinking", model, elsewhere { !$0.thinking.isEmpty })
        }
        if params.grounding?.isEmpty == false, model.grounding.isEmpty {
            throw unsupported("grounding", model, elsewhere { !$0.grounding.isEmpty })
        }
        if let type = params.outputType?.rawValue, !model.outputTypes(on: route).contains(type) {
            throw unsupported("outputType", model, elsewhere { $0.outputTypes(on: route).contains(type) })
        }
    }

    /// Refuses a value that the model does not take.
    func checkValues(_ params: GenerateImage.Params, _ model: Model) throws(WireError) {
        switch model.unsupported(aspectRatio: params.aspectRatio, imageSize: params.imageSize) {
        case nil: break
        case .imageSize(let supported)?:
            throw refusal("imageSize", params.imageSize ?? "", supported, model) { $0.sizeNames }
        case .aspectRatio(let supported)?:
            throw refusal("aspectRatio", params.aspectRatio ?? "", supported, model) { $0.aspectRatios }
        }
        if let level = params.thinking?.rawValue, !model.thinking.contains(level) {
            throw refusal("thinking", level, model.thinking, model) { $0.thinking }
        }
        for tool in params.grounding ?? [] where !model.grounding.contains(tool.rawValue) {
            throw refusal("grounding", tool.rawValue, model.grounding, model) { $0.grounding }
        }
        if let safety = params.safety { try SafetyNames.check(safety, on: project.route) }
        switch bareRequest(params, model, sent: model.id).nativeFault {
        case nil: break
        case .notAnObject?:
            throw WireError(.invalidParams, "the parameter native is not an object", path: "native")
        case .forbidden(let path)?:
            throw WireError(
                .invalidParams,
                "the parameter native may not set \(path.prefix(128)): the daemon does, or a price or a "
                    + "rule hangs on it", hint: "there is a parameter for what may be chosen", path: "native.\(path)")
        }
        if let inputs = params.inputs, inputs.count > model.maxInputs {
            throw tooManyInputs(inputs.count, model)
        }
    }

    /// Refuses what only the inputs themselves and the conversation show.
    func checkMaterial(_ material: Material, _ replay: Replay, _ model: Model) throws(WireError) {
        let count = replay.inputCount(material.inputs)
        guard count <= model.maxInputs else { throw tooManyInputs(count, model) }
        try checkBytes(material, replay)
    }

    /// Refuses what cannot be sent: where there is no Files API all of it, else what goes back as it came.
    private func checkBytes(_ material: Material, _ replay: Replay) throws(WireError) {
        let route = project.route.rawValue
        let limits = project.route == .vertex ? InlineLimits.vertex : .native
        if let limit = limits.inputBytes {
            for (index, input) in material.inputs.enumerated() where input.bytes > limit {
                throw WireError(
                    .tooLarge, "inputs.\(index) has \(input.bytes) bytes; \(limit) are allowed on the route \(route)",
                    hint: "a smaller or stronger compressed image will do", path: "inputs.\(index)")
            }
            guard replay.lead?.entry.bytes ?? 0 <= limit else {
                throw WireError(
                    .tooLarge,
                    "the conversation's last image is more than the \(limit) bytes that the route \(route) takes",
                    hint: "go on from a smaller copy of it, as an input", path: "continues")
            }
        }
        let inputs = replay.turns.flatMap(\.inputs) + material.inputs
        let ahead = project.route == .vertex ? inputs.reduce(0) { $0 + InlineLimits.base64Bytes($1.bytes) } : 0
        let bytes = ahead + replay.verbatimBytes
        guard bytes <= limits.requestBytes else {
            throw WireError(
                .tooLarge, "the request would have \(bytes) bytes; the route \(route) takes \(limits.requestBytes)",
                hint: replay.turns.isEmpty
                    ? "fewer or smaller input images will do"
                    : "start afresh from the conversation's last image as an input",
                path: replay.turns.isEmpty ? "inputs" : "continues")
        }
    }

    private func tooManyInputs(_ count: Int, _ model: Model) -> WireError {
        let others = catalogue.models.filter { $0.maxInputs >= count && $0.isServed(by: project.route.kind) }
        return WireError(
            others.isEmpty ? .invalidParams : .unsupportedParameter,
            "there are \(count) input images; \(model.id) takes \(model.maxInputs)",
            hint: others.isEmpty ? nil : "it works with \(others.map(\.id).joined(separator: ", "))", path: "inputs")
    }

    private func unsupported(_ name: String, _ model: Model, _ hint: String) -> WireError {
        WireError(
            .unsupportedParameter,
            "the parameter \(name) cannot be honoured on the route \(project.route.rawValue) with \(model.id)",
            hint: hint, path: name)
    }

    /// A value that no model has is a slip; one that another model has is told with that model's name.
    private func refusal(
        _ name: String, _ value: String, _ supported: [String], _ model: Model, _ values: (Model) -> [String]
    ) -> WireError {
        let others = catalogue.models.filter { values($0).contains(value) }.map { $0.id }
        let legal = supported.joined(separator: ", ")
        guard !others.isEmpty else {
            return WireError(
                .invalidParams, "the parameter \(name) is \"\(value.prefix(64))\"; \(model.id) takes \(legal)",
                hint: Self.nearest(to: value, among: supported).map { "did you mean \($0)?" }, path: name)
        }
        return WireError(
            .unsupportedParameter,
            "\(model.id) on the route \(project.route.rawValue) does not take \(name) \(value); it takes \(legal)",
            hint: "\(value) works with \(others.joined(separator: ", "))", path: name)
    }

    /// What was probably meant; of ratios the one that is the same number, `21:9` for `7:3`.
    private static func nearest(to value: String, among supported: [String]) -> String? {
        func number(_ ratio: String) -> Double? {
            let sides = ratio.split(separator: ":").compactMap { Double($0) }
            return sides.count == 2 && sides[1] > 0 ? sides[0] / sides[1] : nil
        }
        let same = number(value).flatMap { wanted in supported.first { number($0) == wanted } }
        return same ?? NearestName.to(value, among: supported)
    }

    /// The models of this route that can, as advice.
    private func elsewhere(_ can: (Model) -> Bool) -> String {
        let others = catalogue.models.filter { can($0) && $0.isServed(by: project.route.kind) }.map { $0.id }
        return others.isEmpty
            ? "no model of this route can; leave it away" : "it works with \(others.joined(separator: ", "))"
    }

    /// The routes that can, with the projects that serve them here.
    private func places(_ can: (RouteKind) -> Bool) -> String {
        let routes = RouteName.allCases.filter { can($0.kind) }.map { route in
            let served = neighbours.filter { $0.route == route }.map { $0.project }
            let names = served.isEmpty ? "not served by any project here" : "project \(served.joined(separator: ", "))"
            return "the route \(route.rawValue) (\(names))"
        }
        return routes.joined(separator: " or ")
    }
}

extension GenerateImage.Params {
    /// The parameters that were given and that a route has to honour, in the order of the protocol.
    var givenNames: [String] {
        let given: [(name: String, isGiven: Bool)] = [
            ("aspectRatio", aspectRatio != nil), ("imageSize", imageSize != nil), ("count", (count ?? 1) > 1),
            ("inputs", inputs?.isEmpty == false), ("continues", continues != nil),
            ("systemInstruction", systemInstruction != nil), ("seed", seed != nil),
            ("temperature", temperature != nil), ("thinking", thinking != nil),
            ("grounding", grounding?.isEmpty == false), ("safety", safety?.isEmpty == false),
            ("personGeneration", personGeneration != nil), ("outputType", outputType != nil),
            ("native", native != nil),
        ]
        return given.filter(\.isGiven).map(\.name)
    }
}
