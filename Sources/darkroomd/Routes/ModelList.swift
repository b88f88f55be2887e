// `model.list`: the catalogue as one caller may use it, beside what upstream offers.

import Engine
import Gemini
import Wire

extension Methods {
    /// The catalogue as this caller may use it.
    func models(for principal: Principal) -> ListModels.Result {
        let routes = Set(projects.map { $0.configuration.route.rawValue })
        var entries = catalogue.models.map { model in
            var reason: String?
            if routes.isDisjoint(with: model.routes) { reason = "no project of this daemon serves a route to it" }
            var params = GenerateImage.Params(prompt: "-")
            params.model = model.id
            if reason == nil { reason = policy.refusal(of: params, by: principal)?.message }
            if reason == nil { reason = offerFault(model) }
            return ListModels.Model(
                id: model.id, aliases: model.aliases, state: .current, successor: nil, available: reason == nil,
                reason: reason, routes: model.routes.filter(routes.contains), aspectRatios: model.aspectRatios,
                imageSizes: model.sizeNames, maxInputs: model.maxInputs, usdPerImage: model.usdPerImage,
                projects: offers(of: model, to: principal))
        }
        for retired in catalogue.retired {
            guard let successor = entries.first(where: { $0.id == retired.successor }) else { continue }
            var entry = successor
            entry.id = retired.id
            entry.aliases = []
            entry.state = .retired
            entry.successor = retired.successor
            entries.append(entry)
        }
        for gone in catalogue.gone {
            entries.append(
                ListModels.Model(
                    id: gone.id, aliases: [], state: .gone, successor: nil, available: false, reason: gone.reason,
                    routes: [], aspectRatios: [], imageSizes: [], maxInputs: 0, usdPerImage: [:]))
        }
        return ListModels.Result(models: entries)
    }

    /// A model as each project has it that may be asked for it by this caller.
    private func offers(of model: Model, to principal: Principal) -> [ListModels.Offer] {
        projects.filter { model.isServed(by: $0.configuration.route.kind) }.compactMap { project in
            var params = GenerateImage.Params(prompt: "-")
            params.model = model.id
            params.project = project.configuration.name
            guard policy.refusal(of: params, by: principal) == nil else { return nil }
            let types = model.outputTypes(on: project.configuration.route.kind)
            return ListModels.Offer(
                name: project.configuration.name, state: state(of: model, in: project),
                outputTypes: types.isEmpty ? nil : types)
        }
    }

    private func state(of model: Model, in project: Project) -> ListModels.Offer.State {
        if project.configuration.addressFault != nil { return .wrongHost }
        if let location = project.configuration.vertex?.location, !model.isHad(in: location) { return .elsewhere }
        return ListModels.Offer.State(rawValue: project.models.state(of: model.id).rawValue)
    }

    /// Why no project's upstream offers a model, as far as listings and refusals tell; nothing when one does.
    private func offerFault(_ model: Model) -> String? {
        let serving = projects.filter { model.isServed(by: $0.configuration.route.kind) }
        let states = serving.map { ($0.configuration.name, state(of: model, in: $0)) }
        guard states.allSatisfy({ $0.1 != .listed && $0.1 != .unknown }) else { return nil }
        return states.map { name, state in
            switch state {
            case .refused: "Google refused it to project \(name) within the last hour"
            case .listedButRefused: "Google lists it for project \(name) and refused it within the last hour"
            case .elsewhere: "Vertex AI does not have it in the location of project \(name)"
            case .wrongHost: "the address of project \(name) is another route's"
            default: "Google does not list it for project \(name)"
            }
        }.joined(separator: "; ")
    }
}

extension Model {
    /// US dollars of one image, by size.
    var usdPerImage: [String: Double] {
        var prices: [String: Double] = [:]
        for size in sizes {
            guard let micros = expectedMicros(imageSize: size.name, promptBytes: 0) else { continue }
            // To a tenth of a cent, as price lists are read.
            prices[size.name] = (Double(micros) / 100).rounded() / 10_000
        }
        return prices
    }
}
