// An upstream that does what a test tells it: a real TLS server whose answers are written byte by byte.

import Crypto
import Foundation
import Gemini
import NIOConcurrencyHelpers
import NIOCore
import NIOHTTP1
import NIOPosix
import NIOSSL
import SwiftASN1
import X509

final class ScriptedUpstream: Sendable {
    struct Request: Sendable, Equatable {
        var method: String
        var uri: String
        var headers: [String: String]
        var body: String
        /// Which connection of this server it came on, from 0.
        var connection: Int
    }

    enum Step: Sendable {
        case write(String)
        /// Does nothing more until the future is completed.
        case wait(EventLoopFuture<Void>)
        /// Ends TLS and the connection in good order.
        case close
        /// Breaks the connection off with RST.
        case reset
    }

    private let channel: any Channel
    private let received: NIOLockedValueBox<[Request]>
    private let certificateFile: URL
    private let routes = NIOLockedValueBox<[any Route]>([])
    let isTLS: Bool

    /// Starts a server on loopback.
    ///
    /// - Parameters:
    ///   - name: The name in the certificate; nil serves without TLS.
    ///   - address: Which of this host's own to listen on.
    ///   - answer: What to do about each request.
    /// - Throws: When the certificate or the socket cannot be made.
    init(
        certificateFor name: String? = "localhost", on address: String = "127.0.0.1",
        _ answer: @escaping @Sendable (Request) -> [Step]
    ) async throws {
        let received = NIOLockedValueBox<[Request]>([])
        let connections = NIOLockedValueBox(0)
        let certificate = try SelfSigned(name: name ?? "localhost")
        let context = try NIOSSLContext(configuration: certificate.serverConfiguration())
        certificateFile = FileManager.default.temporaryDirectory.appending(path: "upstream-\(UUID().uuidString).pem")
        try certificate.pem.write(to: certificateFile, atomically: true, encoding: .utf8)
        isTLS = name != nil
        let usesTLS = isTLS
        self.received = received
        channel = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    let number = connections.withLockedValue { count in
                        defer { count += 1 }
                        return count
                    }
                    let pipeline = channel.pipeline.syncOperations
                    if usesTLS { try pipeline.addHandler(NIOSSLServerHandler(context: context)) }
                    try pipeline.addHandler(ByteToMessageHandler(HTTPRequestDecoder()))
                    try pipeline.addHandler(Script(connection: number, received: received, answer: answer))
                }
            }
            .bind(host: address, port: 0).get()
    }

    var port: Int { channel.localAddress?.port ?? 0 }
    var origin: String { "\(isTLS ? "https" : "http")://localhost:\(port)" }
    var base: String { origin + "/v1beta" }
    var requests: [Request] { received.withLockedValue { $0 } }
    /// The certificate in PEM, to be trusted.
    var certificatePath: String { certificateFile.path }

    /// Takes a route over, to shut it down at the end.
    func own(_ route: any Route) { routes.withLockedValue { $0.append(route) } }

    func stopListening() async throws { try await channel.close() }

    func stop() async throws {
        if channel.isActive { try await stopListening() }
        for route in routes.withLockedValue({ $0 }) { await route.shutdown() }
        try FileManager.default.removeItem(at: certificateFile)
    }
}

extension ScriptedUpstream.Step {
    /// A whole answer with its length.
    static func answer(_ status: Int, _ body: String, headers: String = "") -> Self {
        .write("HTTP/1.1 \(status) Status\r\nContent-Length: \(body.utf8.count)\r\n\(headers)\r\n\(body)")
    }
}

private final class Script: ChannelInboundHandler {
    typealias InboundIn = HTTPServerRequestPart
    typealias OutboundOut = ByteBuffer

    private let connection: Int
    private let received: NIOLockedValueBox<[ScriptedUpstream.Request]>
    private let answer: @Sendable (ScriptedUpstream.Request) -> [ScriptedUpstream.Step]
    private var head: HTTPRequestHead?
    private var body = ByteBuffer()

    init(
        connection: Int, received: NIOLockedValueBox<[ScriptedUpstream.Request]>,
        answer: @escaping @Sendable (ScriptedUpstream.Request) -> [ScriptedUpstream.Step]
    ) {
        self.connection = connection
        self.received = received
        self.answer = answer
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        switch unwrapInboundIn(data) {
        case .head(let head):
            self.head = head
            body = ByteBuffer()
        case .body(var part):
            body.writeBuffer(&part)
        case .end:
            guard let head else { return }
            let headers = Dictionary(head.headers.map { ($0.name.lowercased(), $0.value) }) { "\($0), \($1)" }
            let request = ScriptedUpstream.Request(
                method: head.method.rawValue, uri: head.uri, headers: headers, body: String(buffer: body),
                connection: connection)
            received.withLockedValue { $0.append(request) }
            run(answer(request)[...], context.channel)
        }
    }

    private func run(_ steps: ArraySlice<ScriptedUpstream.Step>, _ channel: any Channel) {
        guard let step = steps.first else { return }
        let rest = steps.dropFirst()
        let script = NIOLoopBound(self, eventLoop: channel.eventLoop)
        switch step {
        case .write(let text):
            channel.writeAndFlush(ByteBuffer(string: text)).whenComplete { _ in script.value.run(rest, channel) }
        case .wait(let future):
            future.hop(to: channel.eventLoop).whenComplete { _ in script.value.run(rest, channel) }
        case .close:
            channel.close(promise: nil)
        case .reset:
            // No linger and past the TLS handler: RST, and nothing polite before it.
            let options = channel as? any SocketOptionProvider
            options?.setSoLinger(linger(l_onoff: 1, l_linger: 0)).whenComplete { _ in
                channel._channelCore.close0(error: ChannelError.eof, mode: .all, promise: nil)
            }
        }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        context.close(promise: nil)
    }
}

/// A certificate that signs itself, so that trusting it is naming it.
private struct SelfSigned {
    let pem: String
    private let key: P256.Signing.PrivateKey

    init(name: String) throws {
        key = P256.Signing.PrivateKey()
        let subject = try DistinguishedName { CommonName("scripted upstream") }
        let now = Date()
        let certificate = try Certificate(
            version: .v3, serialNumber: Certificate.SerialNumber(), publicKey: .init(key.publicKey),
            notValidBefore: now.addingTimeInterval(-3_600), notValidAfter: now.addingTimeInterval(86_400),
            issuer: subject, subject: subject, signatureAlgorithm: .ecdsaWithSHA256,
            extensions: try Certificate.Extensions {
                Critical(BasicConstraints.isCertificateAuthority(maxPathLength: nil))
                SubjectAlternativeNames([.dnsName(name)])
            },
            issuerPrivateKey: .init(key))
        pem = try certificate.serializeAsPEM().pemString
    }

    func serverConfiguration() throws -> TLSConfiguration {
        let chain = try NIOSSLCertificate.fromPEMBytes(Array(pem.utf8))
        let privateKey = try NIOSSLPrivateKey(bytes: Array(key.pemRepresentation.utf8), format: .pem)
        return .makeServerConfiguration(
            certificateChain: chain.map { .certificate($0) }, privateKey: .privateKey(privateKey))
    }
}
