// The way to the network that every route, the Files API and the token endpoint share: who is trusted, through which
// proxy, over which family of addresses, and how many connections at once. No environment variable is read: a proxy is
// used when the configuration names one, and only then.

import AsyncHTTPClient
import NIOCore
import NIOHTTP1
import NIOPosix
import NIOSSL

/// The HTTP client of one project; `shutdown()` must be called before the last copy goes.
package struct UpstreamClient: Sendable {
    package struct Settings: Sendable {
        /// PEM certificates that are trusted besides the system's.
        package var extraCertificatesFile: String?
        /// An HTTP proxy that is asked to CONNECT.
        package var proxy: Proxy?
        package var addressFamily = AddressFamily.any
        /// Connections at once; AsyncHTTPClient's own 8 would be a queue that nobody sees.
        package var connectionCount = 256
        package var connectTimeout = Duration.seconds(10)

        package init() {}
    }

    package struct Proxy: Sendable {
        package var host: String
        package var port: Int

        package init(host: String, port: Int) {
            self.host = host
            self.port = port
        }
    }

    /// Which addresses of a host are tried: Google judges the region by the address a request comes from, and the two
    /// families of one host can be in two regions.
    package enum AddressFamily: String, Sendable, CaseIterable { case any, ipv4, ipv6 }

    /// An answer that was collected because it is small.
    struct SmallAnswer: Sendable {
        var status: Int
        var headers: HTTPHeaders
        var body: [UInt8]
    }

    /// Idle connections are closed before the far side or a NAT drops them in silence, after some four minutes.
    static let idleTimeout = TimeAmount.seconds(45)

    /// Longest answer that is collected: a page of the models listing has about 100 KiB.
    static let smallAnswerBytes = 4 * 1_048_576

    /// One thread for all exchanges of the process: it decodes more than 1 GB/s, and a second one makes every body part
    /// hop between them.
    private static let eventLoops = MultiThreadedEventLoopGroup(numberOfThreads: 1)

    var loop: any EventLoop { Self.eventLoops.any() }

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
        // AsyncHTTPClient has no choice of family. A socket that is bound to the wildcard of one family cannot be of the
        // other: bind(2) refuses it, and the search among the host's addresses goes on to the next.
        configuration.localAddress =
            switch settings.addressFamily {
            case .any: nil
            case .ipv4: "0.0.0.0"
            case .ipv6: "::"
            }
        client = HTTPClient(eventLoopGroupProvider: .shared(Self.eventLoops), configuration: configuration)
    }

    /// Closes the connections; exchanges still running fail.
    package func shutdown() async {
        // It fails only when it has been done before.
        try? await client.shutdown()
    }

    /// Sends a request and collects its answer.
    ///
    /// - Parameters:
    ///   - request: One that costs nothing: a listing, an upload, a token.
    ///   - deadline: Wall time, connecting included.
    /// - Returns: Whatever status came, with a body of at most `smallAnswerBytes`.
    /// - Throws: What stood in the way; `reach` is `.notSent` only if not one byte left.
    func collect(_ request: HTTPClient.Request, deadline: Duration) async throws(GeminiError) -> SmallAnswer {
        let loop = loop
        let task = client.execute(
            request: request,
            delegate: ResponseAccumulator(request: request, maxBodySize: Self.smallAnswerBytes),
            eventLoop: .delegate(on: loop), deadline: .now() + TimeAmount(deadline))
        do {
            let response = try await withTaskCancellationHandler {
                try await task.get()
            } onCancel: {
                task.cancel()
            }
            return SmallAnswer(
                status: Int(response.status.code), headers: response.headers,
                body: response.body.map { Array($0.readableBytesView) } ?? [])
        } catch let error as GeminiError {
            throw error
        } catch is ResponseAccumulator.ResponseTooBigError {
            throw .invalidAnswer("the answer has more than \(Self.smallAnswerBytes) bytes")
        } catch {
            // Nothing that is collected here costs money, so whatever broke it is told as what stands in the way.
            throw TransportFailure.beforeSending(error)
        }
    }

    /// Sends a request for an image; the image's bytes go into the sinks as they arrive.
    ///
    /// - Parameters:
    ///   - request: Where to send what, without a body.
    ///   - body: Read and encoded while it leaves.
    ///   - route: Whose errors to expect.
    ///   - secret: Taken out of any text that becomes part of an error.
    ///   - deadline: Wall time for the whole exchange, connecting included.
    ///   - makeSink: Called once for each image that begins, drafts included, with its number, on the network's thread.
    ///   - progress: Called on the network's thread; must not block.
    /// - Returns: The answer with its sinks; sinks of an exchange that failed are released.
    /// - Throws: What stood in the way; `reach` and `charged` say what it may have cost. When the task is cancelled the
    ///   exchange is aborted.
    func exchange<Sink: ImageSink>(
        _ request: HTTPClient.Request, body: RequestBody, route: RouteKind, secret: ApiKey, deadline: Duration,
        makeSink: @escaping @Sendable (Int) throws -> Sink,
        progress: @escaping @Sendable (ExchangeEvent) -> Void
    ) async throws(GeminiError) -> Answer<Sink> {
        let loop = loop
        let exchange = Exchange(on: loop, route: route, key: secret, makeSink: makeSink, progress: progress)
        var request = request
        request.body = body.stream(on: loop) { exchange.lastPieceLeaves() }
        // `.delegateAndChannel(on:)` would open a new connection for each request.
        let task = client.execute(
            request: request, delegate: exchange, eventLoop: .delegate(on: loop),
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
}
