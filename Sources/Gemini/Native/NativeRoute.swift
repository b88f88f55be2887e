// The native route: one POST to `models/{model}:generateContent` with the key in its header. It does what it is told
// once; whether to ask again is the caller's decision, and every error says whether that is safe.

import AsyncHTTPClient
import FoundationEssentials
import NIOCore
import NIOHTTP1
import NIOPosix
import NIOSSL

/// A route to one project of the Developer API; `shutdown()` must be called before the last copy goes.
package struct NativeRoute: Sendable {
    package struct Settings: Sendable {
        package var baseURL: BaseURL
        package var key: ApiKey
        /// PEM certificates that are trusted besides the system's.
        package var extraCertificatesFile: String?
        /// Connections at once; AsyncHTTPClient's own 8 would be a queue that nobody sees.
        package var connectionCount = 256
        /// An HTTP proxy that is asked to CONNECT.
        package var proxy: Proxy?
        package var connectTimeout = Duration.seconds(10)

        package struct Proxy: Sendable {
            package var host: String
            package var port: Int

            package init(host: String, port: Int) {
                self.host = host
                self.port = port
            }
        }

        package init(baseURL: BaseURL, key: ApiKey) {
            self.baseURL = baseURL
            self.key = key
        }
    }

    /// What a look at the model list says about the key.
    package enum KeyCheck: Sendable {
        case accepted
        case failed(GeminiError)
    }

    /// Idle connections are closed before the far side or a NAT drops them in silence, after some four minutes.
    static let idleTimeout = TimeAmount.seconds(45)

    /// One thread for all exchanges of the process: it decodes more than 1 GB/s, and a second one makes every body part
    /// hop between them.
    private static let eventLoops = MultiThreadedEventLoopGroup(numberOfThreads: 1)

    private let settings: Settings
    private let client: HTTPClient

    package init(_ settings: Settings) throws(RouteConfigurationError) {
        var tls = TLSConfiguration.makeClientConfiguration()
        if let file = settings.extraCertificatesFile {
            guard let certificates = try? NIOSSLCertificate.fromPEMFile(file), !certificates.isEmpty else {
                throw .unreadableCertificates(file: file)
            }
            tls.additionalTrustRoots = [.certificates(certificates)]
        }
        var configuration = HTTPClient.Configuration(
            tlsConfiguration: tls, redirectConfiguration: .disallow,
            // No read timeout: upstream is silent until the image is done, and the deadline bounds the whole.
            timeout: HTTPClient.Configuration.Timeout(connect: TimeAmount(settings.connectTimeout)),
            decompression: .disabled)
        // Measured on 4K answers: HTTP/2 costs twice the processor time and is slow over long round trips.
        configuration.httpVersion = .http1Only
        configuration.connectionPool.idleTimeout = Self.idleTimeout
        configuration.connectionPool.concurrentHTTP1ConnectionsPerHostSoftLimit = settings.connectionCount
        // A wrong certificate or a closed port is told at once; trying again is the caller's.
        configuration.connectionPool.retryConnectionEstablishment = false
        configuration.proxy = settings.proxy.map { .server(host: $0.host, port: $0.port) }
        self.settings = settings
        client = HTTPClient(eventLoopGroupProvider: .shared(Self.eventLoops), configuration: configuration)
    }

    /// Closes the connections; exchanges still running fail.
    package func shutdown() async {
        // It fails only when it has been done before.
        try? await client.shutdown()
    }

    /// Opens a connection by asking for the model list, so that the first image need not wait for TLS.
    ///
    /// - Parameter deadline: Wall time for the look.
    /// - Returns: Whether the key was accepted, or what stood in the way.
    package func warm(deadline: Duration = .seconds(10)) async -> KeyCheck {
        let loop = Self.eventLoops.next()
        do {
            let request = try HTTPClient.Request(
                url: settings.baseURL.text + "/models?pageSize=1", method: .GET, headers: headers())
            let task = client.execute(
                request: request, delegate: ResponseAccumulator(request: request, maxBodySize: 1_048_576),
                eventLoop: .delegate(on: loop), deadline: .now() + TimeAmount(deadline))
            let response = try await withTaskCancellationHandler {
                try await task.get()
            } onCancel: {
                task.cancel()
            }
            if response.status == .ok { return .accepted }
            let body = response.body.map { Array($0.readableBytesView.prefix(ErrorClassifier.bodyBytes)) } ?? []
            return .failed(
                ErrorClassifier(httpStatus: Int(response.status.code), retryAfter: nil, key: settings.key)
                    .classify(body: body))
        } catch {
            // Looking costs nothing, so whatever broke it is told as what stands in the way.
            return .failed(TransportFailure.beforeSending(error))
        }
    }

    /// Asks once for an image; its bytes go into the sinks as they arrive.
    ///
    /// - Parameters:
    ///   - request: What is asked.
    ///   - deadline: Wall time for the whole exchange, connecting included.
    ///   - makeSink: Called once for each image that begins, drafts included, with its number, on the network's thread.
    ///   - progress: Called on the network's thread; must not block.
    /// - Returns: The answer with its sinks; sinks of an exchange that failed are released.
    /// - Throws: What stood in the way; `reach` and `charged` say what it may have cost. When the task is cancelled the
    ///   exchange is aborted.
    package func generate<Sink: ImageSink>(
        _ request: GenerationRequest, deadline: Duration, makeSink: @escaping @Sendable (Int) throws -> Sink,
        progress: @escaping @Sendable (ExchangeEvent) -> Void
    ) async throws(GeminiError) -> Answer<Sink> {
        let httpRequest = try httpRequest(for: request, deadline: deadline)
        let loop = Self.eventLoops.next()
        let exchange = Exchange(on: loop, key: settings.key, makeSink: makeSink, progress: progress)
        // `.delegateAndChannel(on:)` would open a new connection for each request.
        let task = client.execute(
            request: httpRequest, delegate: exchange, eventLoop: .delegate(on: loop),
            deadline: .now() + TimeAmount(deadline))
        do {
            return try await withTaskCancellationHandler {
                try await task.get()
            } onCancel: {
                task.cancel()
            }
        } catch let error as GeminiError {
            throw error
        } catch {
            let transport = error
            let reason = try? await loop.submit { exchange.reason(for: transport) }.get()
            throw reason ?? TransportFailure.beforeSending(transport)
        }
    }

    private func httpRequest(
        for request: GenerationRequest, deadline: Duration
    ) throws(GeminiError) -> HTTPClient.Request {
        guard request.hasPlainModel else {
            throw GeminiError(.modelUnavailable, reach: .notSent, charged: .no, "this is not the name of a model")
        }
        var headers = headers()
        headers.add(name: "content-type", value: "application/json")
        // The server gives up a little before this side does, and says so, instead of working for nobody.
        let seconds = deadline.components.seconds
        headers.add(name: "x-server-timeout", value: "\(max(1, seconds - max(1, min(5, seconds / 10))))")
        do {
            return try HTTPClient.Request(
                url: "\(settings.baseURL.text)/models/\(request.model):generateContent", method: .POST,
                headers: headers,
                body: .byteBuffer(ByteBuffer(bytes: try request.nativeBody())))
        } catch {
            throw GeminiError(.upstreamRejected, reach: .notSent, charged: .no, "the request cannot be encoded")
        }
    }

    private func headers() -> HTTPHeaders {
        ["x-goog-api-key": settings.key.headerValue, "user-agent": "darkroomd", "accept": "application/json"]
    }
}
