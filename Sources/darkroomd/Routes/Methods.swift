// The table of methods: what each does, in a few lines, in the engine's words.

import Engine
import Gemini
import Glibc
import LineSocket
import Store
import Wire

/// What the methods act on.
struct Methods: Sendable {
    let engine: Engine
    let store: Store
    let policy: Policy
    let projects: [Project]
    let catalogue: Catalogue
    let limits: LimitsConfiguration
    let startedAt: Timestamp

    /// A project and what is known of its key.
    struct Project: Sendable {
        let configuration: ProjectConfiguration
        let key: KeyWatch
    }

    /// Every method that this version serves.
    func table() -> [AnyMethod] {
        [
            AnyMethod(Hello.self) { _, exchange in hello(exchange) },
            AnyMethod(GetStatus.self) { _, _ in try await status() },
            AnyMethod(ListModels.self) { _, exchange in models(for: exchange.principal) },
            AnyMethod(GenerateImage.self) { params, exchange in try await generate(params, exchange) },
            AnyMethod(WaitForJob.self) { params, exchange in
                try await follow(params.job, params.delivery ?? .inline, exchange)
            },
            AnyMethod(GetJob.self) { params, exchange in
                try await engine.result(of: params.job, for: exchange.principal)
            },
            AnyMethod(ListJobs.self) { params, exchange in try await engine.list(params, for: exchange.principal) },
            AnyMethod(CancelJob.self) { params, exchange in
                try await engine.cancel(params.job, by: exchange.principal)
            },
            AnyMethod(OpenArtifact.self) { params, exchange in try await open(params, exchange) },
        ]
    }

    private func hello(_ exchange: Exchange) -> Hello.Result {
        let principal = exchange.principal
        return Hello.Result(
            protocol: Hello.protocolVersion,
            server: Hello.Server(name: "darkroomd", version: Release.version),
            you: Hello.You(
                uid: principal.uid, gid: principal.gid, user: Accounts.userName(of: principal.uid),
                unit: principal.unit,
                roles: principal.isAdmin ? ["client", "admin"] : ["client"]),
            maxLineBytes: limits.maxLineBytes, maxInputs: Limits.inputs, features: ["fd"])
    }

    private func status() async throws -> GetStatus.Result {
        let engine = try await engine.status()
        return GetStatus.Result(
            ready: true, startedAt: startedAt,
            projects: projects.map { project in
                let counts = engine.projects[project.configuration.name]
                return GetStatus.Project(
                    name: project.configuration.name, route: project.configuration.route.rawValue,
                    key: project.key.current, paused: false, inFlight: counts?.inFlight ?? 0,
                    queued: counts?.queued ?? 0)
            },
            inFlight: engine.inFlight, queued: engine.queued, unknown: engine.unknown,
            diskFreeBytes: try store.diskFreeBytes())
    }

    /// The catalogue as this caller may use it.
    private func models(for principal: Principal) -> ListModels.Result {
        let routes = Set(projects.map { $0.configuration.route.rawValue })
        var entries = catalogue.models.map { model in
            var reason: String?
            if routes.isDisjoint(with: model.routes) { reason = "no project of this daemon serves a route to it" }
            var params = GenerateImage.Params(prompt: "-")
            params.model = model.id
            if reason == nil { reason = policy.refusal(of: params, by: principal)?.message }
            return ListModels.Model(
                id: model.id, aliases: model.aliases, state: .current, successor: nil, available: reason == nil,
                reason: reason, routes: model.routes.filter(routes.contains), aspectRatios: model.aspectRatios,
                imageSizes: model.sizeNames, maxInputs: model.maxInputs, usdPerImage: model.usdPerImage)
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

    private func generate(_ params: GenerateImage.Params, _ exchange: Exchange) async throws -> OutboundLine {
        try requireDescriptors(params, exchange)
        var params = params
        let verdict = try await permit(params, exchange.principal)
        if params.priority == nil || verdict.priority == .bulk { params.priority = verdict.priority ?? params.priority }
        let job = try await engine.generate(params, from: exchange.principal)
        guard params.wait ?? true else {
            return OutboundLine(
                Answer.success(exchange.id, GenerateImage.Accepted(job: job, state: .queued)))
        }
        return try await follow(job, params.delivery ?? .inline, exchange)
    }

    /// Asks the policy; who is denied is on record before being told so.
    private func permit(_ params: GenerateImage.Params, _ principal: Principal) async throws -> Policy.Verdict {
        do throws(WireError) {
            return try policy.check(params, by: principal)
        } catch {
            let asked = params.model.flatMap { catalogue.resolve($0)?.id }
            try await store.record(
                AuditEntry(
                    .denied, at: SystemClock().now().milliseconds, origin: principal.origin, project: params.project,
                    model: asked, details: String(decoding: WireJSON.encode(["reason": error.message]), as: UTF8.self)))
            throw error
        }
    }

    /// Every descriptor that the request names has to have come with its line.
    private func requireDescriptors(_ params: GenerateImage.Params, _ exchange: Exchange) throws(WireError) {
        for (position, input) in (params.inputs ?? []).enumerated() {
            guard case .descriptor(let index) = input, index >= exchange.descriptorCount else { continue }
            throw WireError(
                .invalidParams,
                "inputs.\(position).fd is \(index), and \(exchange.descriptorCount) descriptors came with the line",
                path: "inputs.\(position).fd")
        }
    }

    /// Waits for a job's end, telling its steps, and answers with its images.
    private func follow(_ job: JobID, _ delivery: Wire.Delivery, _ exchange: Exchange) async throws -> OutboundLine {
        let events = await engine.events(of: job, for: exchange.principal)
        async let telling: Void = tell(events, exchange)
        let result = try await engine.wait(for: job, from: exchange.principal)
        // Steps that came before the end are told before the answer; a job that goes on has more, which nobody awaits.
        if result.state.isEnded { await telling }
        if let error = result.error { throw error }
        do {
            return try await deliver(result, delivery, exchange)
        } catch {
            var error = error
            error.job = job
            error.charged = .yes
            throw error
        }
    }

    /// The answer of a job that is done, with its images as they were asked for.
    private func deliver(
        _ result: JobResult, _ delivery: Wire.Delivery, _ exchange: Exchange
    ) async throws(WireError) -> OutboundLine {
        var items: [Delivery.Item] = []
        for image in result.images {
            guard delivery != .none else {
                items.append(Delivery.Item(entry: image, file: nil))
                continue
            }
            let (_, file) = try await engine.openArtifact(image.sha256, for: exchange.principal)
            items.append(Delivery.Item(entry: image, file: try OwnedDescriptor(of: file)))
        }
        return try Delivery.line(exchange.id, delivery, items, job: result.job) { entries in
            var answer = result
            answer.images = entries
            return answer
        }
    }

    private func tell(_ events: AsyncStream<JobEvent>, _ exchange: Exchange) async {
        for await event in events { await exchange.tell(event) }
    }

    private func open(_ params: OpenArtifact.Params, _ exchange: Exchange) async throws -> OutboundLine {
        let (entry, file) = try await engine.openArtifact(params.sha256, for: exchange.principal)
        let item = Delivery.Item(entry: entry, file: try OwnedDescriptor(of: file))
        return try Delivery.line(exchange.id, params.delivery ?? .inline, [item], job: nil) { entries in entries.first }
    }
}

extension OwnedDescriptor {
    /// The same open file as one that may travel with a line.
    fileprivate convenience init(of file: OpenFile) throws(WireError) {
        let copy = fcntl(file.descriptor, F_DUPFD_CLOEXEC, 0)
        guard copy >= 0 else {
            throw WireError(.internal, "the daemon has no descriptor to spare", retryable: true)
        }
        self.init(taking: copy)
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
