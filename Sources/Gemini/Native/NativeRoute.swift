// The native route: one POST to `models/{model}:generateContent` with the key in its header.

import AsyncHTTPClient
import FoundationEssentials
import NIOCore
import NIOHTTP1

/// A route to one project of the Developer API.
package struct NativeRoute: Route {
    package struct Settings: Sendable {
        package var baseURL: BaseURL
        package var key: ApiKey
        package var transport = UpstreamClient.Settings()

        package init(baseURL: BaseURL, key: ApiKey) {
            self.baseURL = baseURL
            self.key = key
        }
    }

    package var kind: RouteKind { .native }

    let settings: Settings
    let client: UpstreamClient

    package init(_ settings: Settings) throws(RouteConfigurationError) {
        self.settings = settings
        client = try UpstreamClient(settings.transport)
    }

    package func shutdown() async { await client.shutdown() }

    package func generate<Sink: ImageSink>(
        _ request: GenerationRequest, deadline: Duration, makeSink: @escaping @Sendable (Int) throws -> Sink,
        progress: @escaping @Sendable (ExchangeEvent) -> Void
    ) async throws(GeminiError) -> Answer<Sink> {
        let httpRequest = try httpRequest(for: request, deadline: deadline)
        return try await client.exchange(
            httpRequest, route: .native, secret: settings.key, deadline: deadline, makeSink: makeSink,
            progress: progress)
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
            classifier: ErrorClassifier(httpStatus: 0, route: .native, key: settings.key))
    }

    private func httpRequest(
        for request: GenerationRequest, deadline: Duration
    ) throws(GeminiError) -> HTTPClient.Request {
        try request.checkModel()
        do {
            return try HTTPClient.Request(
                url: "\(settings.baseURL.text)/models/\(request.model):generateContent", method: .POST,
                headers: authorized(CommonHeaders.generation(deadline: deadline)),
                body: .byteBuffer(ByteBuffer(bytes: try request.nativeBody())))
        } catch {
            throw .notEncoded
        }
    }

    /// The key goes into a header and never into an address, which proxies log.
    private func authorized(_ headers: HTTPHeaders) -> HTTPHeaders {
        var headers = headers
        headers.add(name: "x-goog-api-key", value: settings.key.headerValue)
        return headers
    }
}

extension GeminiError {
    /// The request cannot be written, which nobody but this program is to blame for.
    static var notEncoded: GeminiError {
        GeminiError(.upstreamRejected, reach: .notSent, charged: .no, "the request cannot be encoded")
    }
}
