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
    let live: LiveSettings
    let projects: [Project]
    let reloading: Reloading
    let metrics: Metrics
    /// Files that answers hold open: fifty answers as full as they can be.
    let files = UserShares(of: 512)
    /// Reads that take as long as the ledger is, of each user and of all together: the store's other two
    /// readers are for what takes a moment, such as the watchdog's probe, and for housekeeping.
    private let longReads = (ofUser: UserShares(of: 2), ofAll: UserShares(of: 3))
    let refusals = Throttle<RefusalKey>()
    let looks = SharedLooks()
    let startedAt: Timestamp

    /// A project and what is known of its key and of its models.
    struct Project: Sendable {
        let configuration: ProjectConfiguration
        /// Absent as long as there is no key.
        let route: (any Route)?
        let key: KeyWatch
        /// See `ProjectAccess`.
        let keyDigest: (@Sendable (_ salt: [UInt8]) -> [UInt8])?
        let models: ModelWatch
    }

    var policy: Policy { live.policy }
    var catalogue: Catalogue { live.configuration.catalogue }
    var defaultModel: String { live.configuration.defaultModel }
    var limits: LimitsConfiguration { live.configuration.limits }

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
            AnyMethod(ListJobs.self) { params, exchange in
                try await inTurn(exchange) { try await engine.list(params, for: exchange.principal) }
            },
            AnyMethod(CancelJob.self) { params, exchange in
                try await engine.cancel(
                    params.job, by: exchange.principal, terms: policy.terms(for: exchange.principal))
            },
            AnyMethod(PriceImage.self) { params, exchange in try await price(params, exchange) },
            AnyMethod(GetQuota.self) { params, exchange in try await quota(params, exchange) },
            AnyMethod(ReportUsage.self) { params, exchange in
                try await inTurn(exchange) { try await usage(params, exchange) }
            },
            AnyMethod(PauseProject.self) { params, exchange in try await pause(true, params, exchange) },
            AnyMethod(ResumeProject.self) { params, exchange in try await pause(false, params, exchange) },
            AnyMethod(OpenArtifact.self) { params, exchange in try await open(params, exchange) },
            AnyMethod(ReloadConfiguration.self) { _, exchange in try await reloading.run(by: exchange.principal) },
            AnyMethod(ExplainPolicy.self) { params, _ in try explain(params) },
            AnyMethod(ReadAuditHead.self) { _, _ in try await auditHead() },
            AnyMethod(VerifyAudit.self) { params, exchange in
                try await inTurn(exchange) { try await verifyAudit(params) }
            },
            AnyMethod(ReadMetrics.self) { _, exchange in try await inTurn(exchange) { try await measure() } },
        ]
    }

    /// A long read, when its user has not too many of them under way.
    private func inTurn<Answer>(_ exchange: Exchange, _ read: () async throws -> Answer) async throws -> Answer {
        let own = try await longReads.ofUser.take(1, for: exchange.principal.uid)
        // All together are as one user.
        let common = try await longReads.ofAll.take(1, for: 0)
        defer { withExtendedLifetime((own, common)) {} }
        return try await read()
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

    func status() async throws -> GetStatus.Result {
        let engine = try await engine.status()
        // Somebody could draw: its key is not known to be bad, its address is one, and nobody has paused it.
        let isServing = projects.contains { project in
            [.ok, .unread].contains(project.key.current) && project.configuration.addressFault == nil
                && engine.projects[project.configuration.name]?.isPaused != true
        }
        let mayServe = store.isRecording || live.configuration.failsOpen
        var result = GetStatus.Result(
            ready: engine.isAdmitting && isServing && store.hasRoom && mayServe, startedAt: startedAt,
            projects: projects.map { project in
                let counts = engine.projects[project.configuration.name]
                return GetStatus.Project(
                    name: project.configuration.name, route: project.configuration.route.rawValue,
                    key: project.key.current, paused: counts?.isPaused ?? false, inFlight: counts?.inFlight ?? 0,
                    queued: counts?.queued ?? 0)
            },
            inFlight: engine.inFlight, queued: engine.queued, unknown: engine.unknown,
            diskFreeBytes: try store.diskFreeBytes())
        if !store.isRecording { result.recording = false }
        if store.unrecordedCount > 0 { result.unrecorded = store.unrecordedCount }
        return result
    }

    private func auditHead() async throws -> ReadAuditHead.Result {
        // The start was on record before anybody could ask.
        guard let head = try await store.auditHead() else { throw StoreError.corrupt("the audit chain") }
        return ReadAuditHead.Result(sequence: head.sequence, hash: head.hash)
    }

    private func verifyAudit(_ params: VerifyAudit.Params) async throws -> VerifyAudit.Result {
        let anchor = try params.anchor.map { text throws(WireError) in
            guard let anchor = AuditHead(text) else {
                throw WireError(.invalidParams, "anchor is NUMBER:HASH, as audit.head gives them", path: "anchor")
            }
            return anchor
        }
        let verdict = try await store.verifyAudit(anchor: anchor)
        return VerifyAudit.Result(
            ok: verdict.firstBroken == nil && verdict.isAnchored != false, rows: verdict.rows,
            firstBroken: verdict.firstBroken, anchored: verdict.isAnchored)
    }

    private func open(_ params: OpenArtifact.Params, _ exchange: Exchange) async throws -> OutboundLine {
        let tokens = try await files.take(1, for: exchange.principal.uid)
        let (entry, file) = try await engine.openArtifact(params.sha256, for: exchange.principal)
        let item = Delivery.Item(entry: entry, file: try OwnedDescriptor(of: file, with: tokens[0]))
        return try Delivery.line(exchange.id, params.delivery ?? .inline, [item]) { entries in entries.first }
    }
}
