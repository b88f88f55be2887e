// `server.diagnose`: every project's steps, and with `spend` one smallest native image, and one through the compatible
// layer where there is one.

import Engine
import Gemini
import Wire

extension Methods {
    func diagnose(_ params: Diagnose.Params, _ exchange: Exchange) async throws -> Diagnose.Result {
        try await onRecord(nil, exchange.principal) {
            try policy.checkDiagnosis(by: exchange.principal)
            try looks.enter(exchange.principal.uid)
        }
        defer { looks.leave(exchange.principal.uid) }
        // Native ones first.
        let ordered = RouteName.allCases.flatMap { route in projects.filter { $0.configuration.route == route } }
        let looked = await withTaskGroup { group in
            for (index, project) in ordered.enumerated() {
                group.addTask {
                    let diagnosis = Diagnosis(
                        project: project, standing: engine.standing(of: project.configuration.name),
                        defaultModel: defaultModel, catalogue: catalogue)
                    return (index, await looks.steps(of: project.configuration.name) { await diagnosis.run() })
                }
            }
            return await group.reduce(into: [Int: [Diagnose.Step]]()) { $0[$1.0] = $1.1 }
        }
        var steps: [Diagnose.Step] = []
        var isNativeFine = false
        // The first is a native one if there is any; what comes back there the compatible layer is compared with.
        let compatible = ordered.firstIndex { $0.configuration.route == .openai }
        for (index, project) in ordered.enumerated() {
            let own = looked[index] ?? []
            steps += own
            guard index == 0 || index == compatible else { continue }
            let image = await image(project, own, spend: params.spend ?? false, isNativeFine, exchange.principal)
            if project.configuration.route == .native { isNativeFine = image.verdict == .ok }
            steps.append(image)
        }
        return Diagnose.Result(steps: steps, verdict: steps.map(\.verdict).reduce(.ok, max))
    }

    /// The step that costs money.
    private func image(
        _ project: Project, _ before: [Diagnose.Step], spend: Bool, _ isNativeFine: Bool, _ principal: Principal
    ) async -> Diagnose.Step {
        let name = project.configuration.name
        func step(_ verdict: Diagnose.Verdict, _ found: String, _ meaning: String? = nil, _ next: String? = nil)
            -> Diagnose.Step
        {
            Diagnose.Step(.image, project: name, verdict: verdict, found: found, meaning: meaning, next: next)
        }
        // What is known of quota may be out of date, and an image shows it.
        guard before.allSatisfy({ $0.verdict != .fault || $0.step == .quota }) else {
            return step(.skipped, "not tried: a step before explains it")
        }
        guard !engine.standing(of: name).isPaused else { return step(.skipped, "not tried: the project is paused") }
        guard spend else { return step(.skipped, "not tried: it costs money, and spend was not asked for") }
        let route = project.configuration.route.kind
        let wanted = catalogue.resolve(defaultModel).flatMap { $0.isServed(by: route) ? $0 : nil }
        guard let model = wanted ?? catalogue.models.first(where: { $0.isServed(by: route) }) else {
            return step(.skipped, "the catalogue has no model for this route")
        }
        var params = GenerateImage.Params(prompt: "A grey disc on white.")
        params.model = model.id
        params.project = name
        params.label = "diagnose"
        if RouteSupport.honours("imageSize", on: route) { params.imageSize = model.sizeNames.first }
        do {
            let due = engine.deadline(of: params)
            let job = try await onRecord(params, principal) {
                let verdict = try permit(params, principal)
                return try await engine.generate(
                    params, from: principal, terms: verdict.terms(for: principal), due: due)
            }
            let result = try await engine.wait(for: job, from: principal, until: due)
            if let error = result.error { throw error }
            guard let image = result.images.first else { return step(.fault, "no image came") }
            let seconds = ((result.timing?.upstreamMs ?? 0) / 100).rounded() / 10
            return step(
                .ok, "\(model.id) made \(image.mimeType) of \(image.width)x\(image.height) in \(seconds) s",
                result.warnings.isEmpty ? nil : result.warnings.map(\.message).joined(separator: "; "))
        } catch let error as WireError {
            let isLayersOwn = route == .openai && isNativeFine
            return step(
                .fault, "\(model.id): \(error.message)",
                isLayersOwn
                    ? "the native route makes images with this daemon, so it is the compatible layer that cannot" : nil,
                isLayersOwn ? "use the native project; the compatible layer is never a stand-in" : error.hint)
        } catch {
            return step(.fault, "the daemon failed in an unforeseen way", nil, "see journalctl -t darkroomd")
        }
    }
}
