// The Vertex route: `publishers/google/models/{model}:generateContent` on the host of a location, with an OAuth token of
// a service account for a project, or with an express key and no project.

import AsyncHTTPClient
import NIOCore
import NIOHTTP1

/// What opens Vertex AI.
package enum VertexCredential: Sendable {
    case serviceAccount(ServiceAccount)
    /// A key of Vertex AI in express mode; one of AI Studio is answered with 401.
    case expressKey(ApiKey)
    /// The account of the virtual machine that this runs on.
    case metadataServer(MetadataServer)
}

/// A route to one project of Vertex AI.
package struct VertexRoute: Route {
    package struct Settings: Sendable {
        package var credential: VertexCredential
        /// `global`, `us`, `eu` or a region.
        package var location: String
        /// The Google Cloud project; nil takes the service account's.
        package var project: String?
        /// Nil takes Google's host for the location.
        package var baseURL: BaseURL?
        /// That throughput which was bought ahead is not to be used.
        package var isSharedOnly = false
        package var transport = UpstreamClient.Settings()
        package var clock = TokenClock.system()

        package init(credential: VertexCredential, location: String = "global", project: String? = nil) {
            self.credential = credential
            self.location = location
            self.project = project
        }
    }

    package var kind: RouteKind { .vertex }

    /// Everything up to the publisher's models, `https://…/models`.
    let modelsURL: String
    /// Where the models are listed, which belongs to no project.
    let listingURL: String
    private let client: UpstreamClient
    /// The way to the metadata server, which is on this machine's own network.
    private let nearClient: UpstreamClient?
    private let access: Access
    private let isSharedOnly: Bool

    private enum Access {
        case token(TokenSource)
        case key(ApiKey)
    }

    package init(_ settings: Settings) throws(RouteConfigurationError) {
        // Checked even when an address is given, since it is part of the path.
        let host = try BaseURL.vertex(location: settings.location)
        let base = settings.baseURL ?? host
        func root(_ version: String) -> String { base.path.isEmpty ? "\(base.text)/\(version)" : base.text }
        var owner: String?
        switch settings.credential {
        case .expressKey: break
        case .serviceAccount(let account): owner = try Self.project(settings.project ?? account.projectID)
        case .metadataServer: owner = try Self.project(settings.project)
        }
        if let owner {
            listingURL = root("v1beta1") + "/publishers/google/models"
            modelsURL =
                root("v1beta1") + "/projects/\(owner)/locations/\(settings.location)/publishers/google/models"
        } else {
            listingURL = root("v1") + "/publishers/google/models"
            modelsURL = listingURL
        }
        isSharedOnly = settings.isSharedOnly
        client = try UpstreamClient(settings.transport)
        switch settings.credential {
        case .expressKey(let key):
            nearClient = nil
            access = .key(key)
        case .serviceAccount(let account):
            nearClient = nil
            let endpoint = TokenEndpoint(client: client, account: account, clock: settings.clock)
            access = .token(
                TokenSource(clock: settings.clock) { () async throws(GeminiError) in try await endpoint.fetch() })
        case .metadataServer(let server):
            // A proxy would ask for another machine's token, or hear this one's.
            var near = settings.transport
            near.proxy = nil
            near.addressFamily = .any
            let nearClient = try UpstreamClient(near)
            self.nearClient = nearClient
            let endpoint = MetadataEndpoint(client: nearClient, server: server, clock: settings.clock)
            access = .token(
                TokenSource(clock: settings.clock) { () async throws(GeminiError) in try await endpoint.fetch() })
        }
    }

    private static func project(_ id: String?) throws(RouteConfigurationError) -> String {
        guard let id else { throw .project(nil) }
        // Ids of old projects have a domain in front: example.com:project.
        guard id.wholeMatch(of: /[a-z0-9][a-z0-9.:\-]{0,127}/) != nil, !id.contains("..") else { throw .project(id) }
        return id
    }

    package func shutdown() async {
        if case .token(let source) = access { await source.shutdown() }
        await nearClient?.shutdown()
        await client.shutdown()
    }

    package func generate<Sink: ImageSink>(
        _ request: GenerationRequest, deadline: Duration, makeSink: @escaping @Sendable (Int) throws -> Sink,
        progress: @escaping @Sendable (ExchangeEvent) -> Void
    ) async throws(GeminiError) -> Answer<Sink> {
        try request.checkModel()
        let body = try request.body(for: .vertex)
        try InlineLimits.vertex.check(request, body)
        let until = ContinuousClock.now + deadline
        func send(_ credential: Credential) async throws(GeminiError) -> Answer<Sink> {
            let rest = until - .now
            guard rest > .zero else { throw .tooLateToSend }
            var headers = CommonHeaders.generation(deadline: .seconds((rest / .seconds(1)).rounded(.up)))
            headers.add(name: credential.header, value: credential.value)
            if let tier = request.serviceTier {
                headers.add(name: "x-vertex-ai-llm-shared-request-type", value: tier.rawValue)
            }
            if isSharedOnly { headers.add(name: "x-vertex-ai-llm-request-type", value: "shared") }
            guard
                let httpRequest = try? HTTPClient.Request(
                    url: "\(modelsURL)/\(request.model):generateContent", method: .POST, headers: headers)
            else { throw .notEncoded }
            return try await client.exchange(
                httpRequest, body: body, route: .vertex, secret: credential.secret, deadline: rest, makeSink: makeSink,
                progress: progress)
        }
        return try await withCredential(send)
    }

    package func warm(deadline: Duration) async -> KeyCheck {
        do throws(GeminiError) {
            _ = try await withCredential { credential throws(GeminiError) in
                if case .failed(let error) = await listing(credential).check(deadline: deadline) { throw error }
            }
            return .accepted
        } catch {
            // Listing is another permission than drawing: only what speaks of the credential counts.
            guard error.reach == .answered, let status = error.upstream?.httpStatus else { return .failed(error) }
            var speaksOfCredential = status != 404 && status < 500
            if case .token = access, error.kind == .keyRestricted { speaksOfCredential = false }
            guard !speaksOfCredential else { return .failed(error) }
            return .accepted
        }
    }

    package func listModels(deadline: Duration) async throws(GeminiError) -> [ListedModel] {
        try await withCredential { credential throws(GeminiError) in
            try await listing(credential).all(deadline: deadline)
        }
    }

    private func listing(_ credential: Credential) -> ModelsListing {
        var headers = CommonHeaders.plain()
        headers.add(name: credential.header, value: credential.value)
        return ModelsListing(
            client: client, url: listingURL, headers: headers,
            classifier: ErrorClassifier(httpStatus: 0, route: .vertex, key: credential.secret))
    }

    /// How a request proves whose it is.
    private struct Credential {
        var header: String
        var value: String
        var secret: ApiKey
    }

    /// Does something with a credential, and once more with a fresh token when the first was answered with 401.
    private func withCredential<Value: Sendable>(
        _ body: (Credential) async throws(GeminiError) -> Value
    ) async throws(GeminiError) -> Value {
        switch access {
        case .key(let key):
            return try await body(Credential(header: "x-goog-api-key", value: key.headerValue, secret: key))
        case .token(let source):
            let token = try await source.token()
            do throws(GeminiError) {
                return try await body(Self.bearer(token))
            } catch {
                guard error.reach == .answered, error.upstream?.httpStatus == 401 else { throw error }
                await source.refused(token)
                return try await body(Self.bearer(try await source.token()))
            }
        }
    }

    private static func bearer(_ token: AccessToken) -> Credential {
        Credential(header: "authorization", value: "Bearer " + token.secret.headerValue, secret: token.secret)
    }
}

extension GeminiError {
    /// The time was used up before the request could begin.
    static var tooLateToSend: GeminiError {
        GeminiError(
            .upstreamTimeout, reach: .notSent, charged: .no, isRetryable: true, "the request could not begin in time")
    }
}
