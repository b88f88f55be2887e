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
        /// What a request may carry itself; above that its inputs go ahead by the Files API.
        package var inlineLimits = InlineLimits.native
        /// What lies at Google already for this project.
        package var uploads = UploadMemory()

        package init(baseURL: BaseURL, key: ApiKey) {
            self.baseURL = baseURL
            self.key = key
        }
    }

    package var kind: RouteKind { .native }

    let settings: Settings
    let client: UpstreamClient
    private let uploads: FileUploads

    package init(_ settings: Settings) throws(RouteConfigurationError) {
        self.settings = settings
        client = try UpstreamClient(settings.transport)
        uploads = FileUploads(
            access: FilesAccess(client: client, baseURL: settings.baseURL, key: settings.key),
            memory: settings.uploads, limits: settings.inlineLimits)
    }

    package func shutdown() async { await client.shutdown() }

    package func generate<Sink: ImageSink>(
        _ request: GenerationRequest, deadline: Duration, makeSink: @escaping @Sendable (Int) throws -> Sink,
        progress: @escaping @Sendable (ExchangeEvent) -> Void
    ) async throws(GeminiError) -> Answer<Sink> {
        try request.checkModel()
        let until = ContinuousClock.now + deadline
        let prepared = try await uploads.prepare(request, until: until)
        do throws(GeminiError) {
            return try await send(request, prepared.body, until: until, makeSink: makeSink, progress: progress)
        } catch {
            // Somebody deleted what had been uploaded: nothing was made, and the inputs are here still.
            let gone = prepared.gone(error)
            guard !gone.isEmpty else { throw error }
            await uploads.forget(gone)
            let again = try await uploads.prepare(request, until: until)
            do throws(GeminiError) {
                return try await send(request, again.body, until: until, makeSink: makeSink, progress: progress)
            } catch {
                throw again.gone(error).isEmpty ? error : error.ofAFile
            }
        }
    }

    private func send<Sink: ImageSink>(
        _ request: GenerationRequest, _ body: RequestBody, until: ContinuousClock.Instant,
        makeSink: @escaping @Sendable (Int) throws -> Sink,
        progress: @escaping @Sendable (ExchangeEvent) -> Void
    ) async throws(GeminiError) -> Answer<Sink> {
        let deadline = until - .now
        guard deadline > .zero else { throw .tooLateToSend }
        // In whole seconds, as if no time had gone since the deadline was set.
        let seconds = Duration.seconds((deadline / .seconds(1)).rounded(.up))
        guard
            let httpRequest = try? HTTPClient.Request(
                url: "\(settings.baseURL.text)/models/\(request.model):generateContent", method: .POST,
                headers: authorized(CommonHeaders.generation(deadline: seconds)))
        else { throw .notEncoded }
        return try await client.exchange(
            httpRequest, body: body, route: .native, secret: settings.key, deadline: deadline, makeSink: makeSink,
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
