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
    let defaultModel: String
    let limits: LimitsConfiguration
    let startedAt: Timestamp

    /// A project and what is known of its key and of its models.
    struct Project: Sendable {
        let configuration: ProjectConfiguration
        /// Absent as long as there is no key.
        let route: (any Route)?
        let key: KeyWatch
        let models: ModelWatch
        let quota: QuotaWatch
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
            AnyMethod(RetryJob.self) { params, exchange in try await retry(params, exchange) },
            AnyMethod(ResolveJob.self) { params, exchange in
                try await engine.resolve(params.job, charged: params.charged, by: exchange.principal)
            },
            AnyMethod(Diagnose.self) { params, exchange in try await diagnose(params, exchange) },
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
        let hasUsableKey = projects.contains { [.ok, .unread].contains($0.key.current) }
        return GetStatus.Result(
            ready: engine.isAdmitting && hasUsableKey, startedAt: startedAt,
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

    private func open(_ params: OpenArtifact.Params, _ exchange: Exchange) async throws -> OutboundLine {
        let (entry, file) = try await engine.openArtifact(params.sha256, for: exchange.principal)
        let item = Delivery.Item(entry: entry, file: try OwnedDescriptor(of: file))
        return try Delivery.line(exchange.id, params.delivery ?? .inline, [item], job: nil) { entries in entries.first }
    }
}
