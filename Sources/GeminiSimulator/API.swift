// The answers of the API, route by route, for requests that have been read whole.

import Crypto
import NIOHTTP1

/// One request, read whole.
struct Call: Sendable {
    let target: Target
    let headers: HTTPHeaders
    /// Scheme and host as the client named them.
    let origin: String
    let route: Route
    let credential: Credential
    /// nil for a body that is empty or no JSON.
    var body: JSON?
    var received = RequestBody()

    /// A form's fields.
    var form: [(name: String, value: String)] { Target.parameters(String(decoding: received.text, as: UTF8.self)[...]) }

    var version: String { String(target.path.split(separator: "/").first ?? "v1beta") }
}

/// What answers.
struct API: Sendable {
    let pictures: PictureCache
    let files: FileStore
    let tokens: TokenIssuer
    let quotas: QuotaKeeper
    let clock: SimulatedClock

    /// What the file of an upload has been hashed to so far.
    func digest(of route: Route) -> SHA256? {
        guard case .continueUpload(let upload) = route else { return nil }
        return files.progress(of: upload)?.digest
    }

    /// The reply to one request as the API would give it, every refusal included.
    func reply(to call: Call, variation: AnswerVariation) async throws -> Reply {
        if let refusal = Self.credentialRefusal(call) { return refusal }
        do {
            return try await acceptedReply(to: call, project: call.credential.project ?? "", variation)
        } catch let refusal as Refusal {
            return refusal.reply
        }
    }

    private static func credentialRefusal(_ call: Call) -> Reply? {
        switch call.route {
        case .unknown, .control: return Fixture.reply(named: "not-found")
        case .token, .metadata, .continueUpload: return nil
        case .compatibleImages, .compatibleModels, .compatibleModel: return call.credential.refusalOnCompatibleRoute
        case .vertex(let project, let location, let model):
            let owner = project ?? call.credential.project ?? ""
            return call.credential.refusalOnVertex(
                project: project,
                resource: "projects/\(owner)/locations/\(location ?? "global")/publishers/google/models/\(model)")
        default: return call.credential.refusalOnNativeRoute
        }
    }

    private func acceptedReply(
        to call: Call, project: String, _ variation: AnswerVariation
    ) async throws -> Reply {
        switch call.route {
        case .listModels:
            let page = try Page(call.target, defaultSize: 50, largestSize: 1000)
            let (models, next) = page.cut(Model.all)
            return Reply(json: page.json("models", models.map(\.listing), next: next))
        case .model(let id):
            guard let model = Model.named(id) else {
                throw GenerateRequest.unknownModel(id, version: call.version)
            }
            return Reply(json: model.listing)
        case .generateContent(let id):
            guard let model = Model.named(id) else {
                throw GenerateRequest.unknownModel(id, version: call.version)
            }
            let request = try request(call, model, .developer, project: project)
            return try await drawn(request, project: project, variation)
        case .vertex(let owner, let location, let id):
            guard let model = Model.named(id), location == "global" || location == nil || !model.drawsImages else {
                throw Self.unknownPublisherModel(id, project: owner ?? project, location: location ?? "global")
            }
            let request = try request(call, model, .vertex, project: project)
            return try await drawn(request, project: project, variation, trafficType: Self.trafficType(call))
        case .startUpload: return try startUpload(call, project: project)
        case .continueUpload(let upload): return try continueUpload(call, upload: upload)
        case .listFiles: return try listFiles(call, project: project)
        case .file(let id): return Reply(json: try files.file(id, project: project).json(origin: call.origin))
        case .deleteFile(let id):
            _ = try files.file(id, project: project)
            files.remove(id)
            return Reply(json: [:])
        case .compatibleImages: return try await compatibleImages(call, project: project, variation)
        case .compatibleModels:
            return Reply(json: ["object": "list", "data": .array(Model.all.map(\.compatibleListing))])
        case .compatibleModel(let id):
            guard let model = Model.named(id) else {
                throw GenerateRequest.unknownModel(id, version: "v1main")
            }
            return Reply(json: model.compatibleListing)
        case .token: return tokens.reply(to: call.form, origin: call.origin)
        case .metadata:
            return MetadataServer.reply(
                path: call.target.path, flavor: call.headers.first(name: "metadata-flavor"), tokens: tokens)
        case .control, .unknown: return Fixture.reply(named: "not-found")
        }
    }

    private func request(
        _ call: Call, _ model: Model, _ dialect: Dialect, project: String
    ) throws(Refusal) -> GenerateRequest {
        guard let body = call.body else {
            throw Refusal.invalidArgument("Invalid JSON payload received. Unexpected end of string.\n\n^")
        }
        return try GenerateRequest(
            model: model, body: body, blobs: call.received.blobs,
            check: ContentsCheck(dialect: dialect, files: files, project: project))
    }

    /// Asks the quota, and draws.
    private func drawn(
        _ request: GenerateRequest, project: String, _ variation: AnswerVariation, trafficType: String = "ON_DEMAND"
    ) async throws -> Reply {
        try quotas.admit(request, images: request.wantsImage ? 1 : 0, project: project)
        return try await Answer(
            request: request, variation: variation, pictures: pictures, trafficType: trafficType, created: clock.now
        ).reply()
    }

    private static func trafficType(_ call: Call) -> String {
        switch call.headers.first(name: "x-vertex-ai-llm-shared-request-type") {
        case "priority": "ON_DEMAND_PRIORITY"
        case "flex": "ON_DEMAND_FLEX"
        default: "ON_DEMAND"
        }
    }

    private static func unknownPublisherModel(_ id: String, project: String, location: String) -> Refusal {
        Refusal(
            status: 404, code: "NOT_FOUND",
            message:
                "Publisher Model `projects/\(project)/locations/\(location)/publishers/google/models/\(id)` was not "
                + "found or your project does not have access to it. Please ensure you are using a valid model version. "
                + "For more information, see: https://cloud.google.com/vertex-ai/generative-ai/docs/learn/model-versions"
        )
    }
}
