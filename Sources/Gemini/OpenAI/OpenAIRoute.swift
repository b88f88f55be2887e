// The OpenAI-compatible route: one POST to `images/generations` with the key as Bearer. It honours a prompt and a model
// and ignores what it does not know, so `RouteSupport` lets nothing else come here. It tells no usage and no type; which
// models it has is uncertain (404 was reported for most), so nothing ever falls back to it.

import AsyncHTTPClient
import FoundationEssentials
import NIOHTTP1

/// A route to one project of the Developer API through the layer that looks like OpenAI's.
package struct OpenAIRoute: Route {
    package struct Settings: Sendable {
        /// Ends in `/openai`.
        package var baseURL: BaseURL
        package var key: ApiKey
        package var transport = UpstreamClient.Settings()

        package init(baseURL: BaseURL, key: ApiKey) {
            self.baseURL = baseURL
            self.key = key
        }
    }

    package var kind: RouteKind { .openai }

    private let settings: Settings
    private let client: UpstreamClient

    package init(_ settings: Settings) throws(RouteConfigurationError) {
        self.settings = settings
        client = try UpstreamClient(settings.transport)
    }

    package func shutdown() async { await client.shutdown() }

    package func generate<Sink: ImageSink>(
        _ request: GenerationRequest, deadline: Duration, makeSink: @escaping @Sendable (Int) throws -> Sink,
        progress: @escaping @Sendable (ExchangeEvent) -> Void
    ) async throws(GeminiError) -> Answer<Sink> {
        try request.checkModel()
        // `RouteSupport` has refused it before; here it would be dropped in silence.
        if let name = request.givenBesidesPrompt { throw .unencodable(name) }
        guard let body = try? Self.body(of: request),
            let httpRequest = try? HTTPClient.Request(
                url: settings.baseURL.text + "/images/generations", method: .POST,
                headers: authorized(CommonHeaders.generation(deadline: deadline)))
        else { throw .notEncoded }
        return try await client.exchange(
            httpRequest, body: RequestBody([.bytes(body)]), route: .openai, secret: settings.key, deadline: deadline,
            makeSink: makeSink, progress: progress)
    }

    package func warm(deadline: Duration) async -> KeyCheck {
        await listing.check(deadline: deadline)
    }

    package func listModels(deadline: Duration) async throws(GeminiError) -> [ListedModel] {
        try await listing.all(deadline: deadline)
    }

    private var listing: ModelsListing {
        ModelsListing(
            client: client, url: settings.baseURL.text + "/models", headers: authorized(CommonHeaders.plain()),
            classifier: ErrorClassifier(httpStatus: 0, route: .openai, key: settings.key), isPaged: false)
    }

    private func authorized(_ headers: HTTPHeaders) -> HTTPHeaders {
        var headers = headers
        headers.add(name: "authorization", value: "Bearer " + settings.key.headerValue)
        return headers
    }

    private static func body(of request: GenerationRequest) throws -> [UInt8] {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        return Array(try encoder.encode(Body(model: request.model, prompt: request.prompt)))
    }

    private struct Body: Encodable {
        var model: String
        var prompt: String
        /// Several images are several calls.
        var n = 1
        /// Addresses of images are not offered.
        var response_format = "b64_json"
    }
}

extension GenerationRequest {
    /// The first member that is given and has no place beside a prompt, by the name of its parameter.
    fileprivate var givenBesidesPrompt: String? {
        let given: [(name: String, isGiven: Bool)] = [
            ("aspectRatio", aspectRatio != nil), ("imageSize", imageSize != nil), ("seed", seed != nil),
            ("temperature", temperature != nil), ("thinking", thinking != nil || includesThoughts != nil),
            ("grounding", !grounding.isEmpty), ("safety", !safety.isEmpty),
            ("systemInstruction", systemInstruction != nil), ("personGeneration", personGeneration != nil),
            ("outputType", outputType != nil), ("native", native != nil), ("inputs", !inputs.isEmpty),
            ("continues", !history.isEmpty),
        ]
        return given.first(where: \.isGiven)?.name
    }
}
