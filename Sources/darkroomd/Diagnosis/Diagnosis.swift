// Why images cannot be had through one project: the steps of protocol section 6, in their order. The first fault explains
// what would come after it, so the rest is not looked at.

import Engine
import Gemini
import Wire

/// Looks at one project.
struct Diagnosis: Sendable {
    typealias Step = Diagnose.Step

    let project: Methods.Project
    /// What the engine holds back.
    let standing: ProjectStanding
    let defaultModel: String
    let catalogue: Catalogue

    private var configuration: ProjectConfiguration { project.configuration }

    /// How long upstream may take for its listing.
    private static let patience = Duration.seconds(15)

    /// Every step but the one that costs money.
    func run() async -> [Step] {
        var steps = [address()]
        guard steps.allAreSound else { return padded(steps) }
        steps.append(credential())
        guard steps.allAreSound, let route = project.route else { return padded(steps) }
        let (network, listing) = await upstream(route)
        steps.append(network)
        guard steps.allAreSound else { return padded(steps) }
        steps.append(listing)
        guard steps.allAreSound else { return padded(steps) }
        steps.append(model())
        guard steps.allAreSound else { return padded(steps) }
        steps.append(quota())
        return steps
    }

    /// The steps that were not taken, as such.
    private func padded(_ steps: [Step]) -> [Step] {
        let order: [Diagnose.Name] = [.configuration, .credential, .network, .listing, .model, .quota]
        let reason = steps.last?.step.rawValue ?? ""
        return steps
            + order.dropFirst(steps.count).map { self.step($0, .skipped, "not looked at: \(reason) explains it") }
    }

    func step(
        _ name: Diagnose.Name, _ verdict: Diagnose.Verdict, _ found: String, _ meaning: String? = nil,
        next: String? = nil
    ) -> Step {
        Step(name, project: configuration.name, verdict: verdict, found: found, meaning: meaning, next: next)
    }

    // MARK: 1. Configuration and address

    private func address() -> Step {
        let url = configuration.baseURL.description
        let found = "route \(configuration.route.rawValue) to \(url)"
        if let fault = configuration.addressFault {
            return step(.configuration, .fault, found, fault.found, next: fault.remedy)
        }
        if configuration.route == .native, url.hasSuffix("/v1") {
            return step(
                .configuration, .warning, found,
                "version v1 has been seen to refuse what images need (Unknown name \"responseModalities\")",
                next: "let base_url end in /v1beta")
        }
        guard let model = catalogue.resolve(defaultModel), !model.isServed(by: configuration.route.kind) else {
            return step(.configuration, .ok, found)
        }
        let served = catalogue.models.filter { $0.isServed(by: configuration.route.kind) }.map(\.id)
        let layer =
            configuration.route == .openai
            ? "the OpenAI-compatible layer ignores ratio, size and every other option, and" : "this route"
        return step(
            .configuration, .warning, found,
            "\(layer) does not have \(model.id), only \(served.joined(separator: ", "))",
            next: "ask a project with route = \"native\" for it")
    }

    // MARK: 2. Credential

    private func credential() -> Step {
        let name = configuration.credential
        switch project.key.fault {
        case nil:
            let vertex = configuration.vertex
            switch vertex?.credentialKind {
            case .serviceAccount: return step(.credential, .ok, "credential \(name) is a service account's key file")
            case .expressKey, nil: return step(.credential, .ok, "credential \(name) is an API key")
            case .metadataServer:
                return step(.credential, .ok, "the account of this machine, by \(vertex?.metadataServer.host ?? "")")
            }
        case .wrongKind(let text)?:
            return step(
                .credential, .fault, text, "a key of another kind opens nothing here",
                next: configuration.route == .vertex
                    ? "put the service account's JSON file there, or set credential_kind = \"express_key\""
                    : "put a key of AI Studio there, or set route = \"vertex\"")
        case .missing(let text)?, .unusable(let text)?:
            return step(
                .credential, .fault, text, "without its key the daemon asks nobody", next: project.key.missing().hint)
        }
    }

    // MARK: 3 and 4. Network and listing, which one look tells

    private func upstream(_ route: any Route) async -> (network: Step, listing: Step) {
        let host = configuration.proxy?.host ?? configuration.baseURL.host
        let way = configuration.proxy.map { "the proxy \($0.host):\($0.port)" } ?? host
        let names = await NameLookup.of(host)
        let addresses = "\(way) has \(names.words)"
        let wanted = configuration.addressFamily
        if configuration.proxy == nil, (wanted == .ipv4 && !names.hasIPv4) || (wanted == .ipv6 && !names.hasIPv6) {
            let fault = step(
                .network, .fault, addresses, "address_family = \"\(wanted.rawValue)\" leaves none to try",
                next: "set address_family = \"any\"")
            return (fault, fault)
        }
        do throws(GeminiError) {
            let models = try await route.listModels(deadline: Self.patience)
            project.models.heard(models)
            project.key.accepted()
            let network = step(.network, .ok, "\(addresses); connected")
            return (network, step(.listing, .ok, "the key is accepted, and \(models.count) models are listed"))
        } catch {
            project.key.heard(listing: error)
            guard error.upstream == nil, error.kind != .keyRejected else {
                return (step(.network, .ok, "\(addresses); connected"), listing(error))
            }
            let network = step(
                .network, .fault, "\(addresses); \(error.message)", "no request reaches upstream",
                next: error.hint ?? "check the network, base_url and proxy")
            return (network, network)
        }
    }

    private func listing(_ error: GeminiError) -> Step {
        let said = error.upstream.map { "upstream answered \($0.httpStatus): \(error.message)" } ?? error.message
        if error.upstream?.httpStatus == 404 { return withoutListing(said) }
        switch error.kind {
        case .keyRejected, .keyRestricted, .keyLeaked, .region, .serviceDisabled, .noQuota, .spendCap:
            let admin = WireError(error, project: configuration).hint
            return step(.listing, .fault, said, "the same will happen to every image", next: admin)
        case .wrongHost:
            return step(
                .listing, .fault, said, "the key is of a kind that this host does not take",
                next: configuration.route == .vertex
                    ? "a key of AI Studio goes with route = \"native\"; Vertex takes a service account or an express key"
                    : error.hint)
        default:
            return step(
                .listing, .warning, said, "the listing alone may be what fails",
                next: error.hint ?? "try again; with --spend an image tells more")
        }
    }

    /// A host that has no listing: on Vertex no fault by itself, so what the last image heard of the key counts.
    private func withoutListing(_ said: String) -> Step {
        guard configuration.route == .vertex else {
            return step(
                .listing, .fault, said, "there is no such path on this host", next: "check base_url, or leave it away")
        }
        guard project.key.isRefused else {
            return step(.listing, .ok, "this host lists no models; nothing is known against the key")
        }
        return step(
            .listing, .fault, "upstream said of the key last: \(project.key.current.rawValue)",
            "the last image failed for the key",
            next: "Vertex takes a service account or an express key; one of AI Studio goes with route = \"native\"")
    }

    // MARK: 5. The model

    private func model() -> Step {
        let route = configuration.route.kind
        let model: Model
        switch catalogue.model(named: defaultModel) {
        case .current(let current): model = current
        case .succeeded(let successor):
            return step(
                .model, .warning, "default_model is \(defaultModel), which Google has retired",
                "\(successor.id) is asked instead, and every answer says so",
                next: "set default_model = \"\(successor.aliases.first ?? successor.id)\"")
        case .gone(let gone):
            return step(
                .model, .fault, "default_model is \(gone.id), which is gone: \(gone.reason)",
                "who names no model gets none", next: "set default_model = \"flash\"")
        case .unknown:
            return step(
                .model, .fault, "default_model is \(defaultModel), which is no model", next: "set default_model")
        }
        guard model.isServed(by: route) else {
            return step(.model, .skipped, "\(model.id) is not for this route")
        }
        if let location = configuration.vertex?.location, !model.isHad(in: location) {
            let places = (model.locations ?? []).joined(separator: ", ")
            return step(
                .model, .fault, "\(model.id) is not in the location \(location)",
                "Vertex AI has it in \(places) only", next: "set location = \"\(model.locations?.first ?? "global")\"")
        }
        switch project.models.state(of: model.id) {
        case .listed: return step(.model, .ok, "\(model.id) is listed")
        case .unknown: return step(.model, .ok, "\(model.id) is in the catalogue; this route lists no models")
        case .notListed:
            return step(
                .model, .warning, "\(model.id) is not listed for this key",
                "Google may not offer it to this project; a call would tell",
                next: "set another default_model: darkroom models shows what is listed")
        case .refused, .listedButRefused:
            return step(
                .model, .fault, "\(model.id) was refused with 404 within the last hour",
                "Google does not offer it to this project, whatever its listing says",
                next: "set another default_model: darkroom models shows what is there")
        }
    }

    // MARK: 6. Quota and billing

    private func quota() -> Step {
        let name = configuration.name
        guard !standing.isPaused else {
            return step(
                .quota, .fault, "project \(name) is paused", "an admin has paused it: its jobs wait",
                next: "darkroom admin resume \(name)")
        }
        let own = catalogue.resolve(defaultModel)?.id
        // What keeps the default model back, and of that what stays longest; else what keeps another one back.
        let ranked = standing.obstacles.map {
            ($0, ($0.model == nil || $0.model == own ? 10 : 0) + Self.weight($0.error))
        }
        guard let worst = ranked.max(by: { ($0.1, $1.0.model ?? "") < ($1.1, $0.0.model ?? "") })?.0 else {
            return step(.quota, .ok, "no refusal is in force")
        }
        let error = worst.error
        let isOwn = worst.model == nil || worst.model == own
        let verdict: Diagnose.Verdict = isOwn && Self.weight(error) > 0 ? .fault : .warning
        let found = "\(worst.model ?? "every model"): \(error.message)"
        switch error.kind {
        case .noQuota:
            return step(
                .quota, verdict, found,
                "the address and the key are right, but this project's tier has no images by API; what AI Studio's web "
                    + "pages make does not count as such",
                next: "enable billing for the key's project, then: darkroom admin resume \(name)")
        case .spendCap:
            return step(
                .quota, verdict, found, "billing has stopped it", next: error.hint ?? "see the project's billing")
        case .quotaDay:
            let opening = error.resetsAt.map { "it opens again at \($0)" } ?? "it opens again at midnight in California"
            return step(.quota, verdict, found, "the day's quota is used up", next: "\(opening); or use another model")
        case .overBudget:
            return step(
                .quota, verdict, found, "the configuration allows no more", next: error.hint ?? "raise [project.spend]")
        default:
            return step(
                .quota, verdict, found, "it was refused a moment ago", next: error.hint ?? "the daemon waits for it")
        }
    }

    /// How long such an obstacle stays, the longest first; 0 for what opens within minutes.
    private static func weight(_ error: WireError) -> Int {
        switch error.kind {
        case .noQuota: 4
        case .spendCap: 3
        case .overBudget: 2
        case .quotaDay: 1
        default: 0
        }
    }
}

extension [Diagnose.Step] {
    /// That there is no fault among them.
    fileprivate var allAreSound: Bool { allSatisfy { $0.verdict != .fault } }
}
