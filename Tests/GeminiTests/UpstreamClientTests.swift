// The way to the network: through a proxy that is asked to CONNECT, and over one family of addresses.

import NIOConcurrencyHelpers
import NIOCore
import NIOPosix
import Testing

@testable import Gemini

struct UpstreamClientTests {
    private func route(
        _ base: String, _ upstream: ScriptedUpstream, _ change: (inout UpstreamClient.Settings) -> Void
    ) throws -> NativeRoute {
        var settings = NativeRoute.Settings(baseURL: try BaseURL(base), key: try key())
        settings.transport.extraCertificatesFile = upstream.certificatePath
        // This machine may be busy.
        settings.transport.connectTimeout = .seconds(60)
        change(&settings.transport)
        let route = try NativeRoute(settings)
        upstream.own(route)
        return route
    }

    @Test func aProxyIsAskedToConnectAndSeesNothingElse() async throws {
        let upstream = try await ScriptedUpstream { _ in [.answer(200, answerBody(with: picture()))] }
        let proxy = try await ConnectProxy()
        let port = proxy.port
        let native = try route(upstream.base, upstream) { $0.proxy = .init(host: "127.0.0.1", port: port) }
        #expect(try await generate(native).images.count == 1)
        #expect(
            proxy.heads.map { $0.split(separator: "\r\n").first } == ["CONNECT localhost:\(upstream.port) HTTP/1.1"])
        #expect(proxy.heads.allSatisfy { !$0.contains("the-key") })
        #expect(upstream.requests.map(\.headers["x-goog-api-key"]) == ["the-key"])
        try await upstream.stop()
        try await proxy.stop()
    }

    @Test func aProxyThatRefusesIsToldBeforeAnythingIsSent() async throws {
        let upstream = try await ScriptedUpstream { _ in [] }
        let proxy = try await ConnectProxy(refuses: true)
        let port = proxy.port
        let native = try route(upstream.base, upstream) { $0.proxy = .init(host: "127.0.0.1", port: port) }
        #expect(Outcome(try await failed(native)) == Outcome(.upstreamUnavailable, .notSent, .no))
        #expect(upstream.requests == [])
        try await upstream.stop()
        try await proxy.stop()
    }

    @Test(
        arguments: [
            ("127.0.0.1", "127.0.0.1", UpstreamClient.AddressFamily.ipv4, true),
            ("127.0.0.1", "127.0.0.1", .ipv6, false),
            ("127.0.0.1", "127.0.0.1", .any, true), ("::1", "[::1]", .ipv6, true), ("::1", "[::1]", .ipv4, false),
            ("127.0.0.1", "localhost", .ipv4, true),
        ])
    func onlyTheChosenFamilyIsUsed(
        _ address: String, _ host: String, _ family: UpstreamClient.AddressFamily, _ works: Bool
    ) async throws {
        let upstream = try await ScriptedUpstream(certificateFor: nil, on: address) { _ in
            [.answer(200, answerBody(with: picture()))]
        }
        let native = try route("http://\(host):\(upstream.port)/v1beta", upstream) { $0.addressFamily = family }
        if works {
            #expect(try await generate(native).images.count == 1)
        } else {
            let error = try await failed(native)
            #expect(Outcome(error) == Outcome(.upstreamUnavailable, .notSent, .no))
            #expect(error.message == "no connection came about (no address of the configured family)")
        }
        #expect(upstream.requests.count == (works ? 1 : 0))
        try await upstream.stop()
    }
}

/// A proxy that knows one method.
final class ConnectProxy: Sendable {
    private let channel: any Channel
    private let received: NIOLockedValueBox<[String]>

    init(refuses: Bool = false) async throws {
        let received = NIOLockedValueBox<[String]>([])
        self.received = received
        channel = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(Tunnel(received: received, refuses: refuses))
                }
            }
            .bind(host: "127.0.0.1", port: 0).get()
    }

    var port: Int { channel.localAddress?.port ?? 0 }
    /// What was asked, up to the empty line.
    var heads: [String] { received.withLockedValue { $0 } }

    func stop() async throws { try await channel.close() }
}

private final class Tunnel: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private let received: NIOLockedValueBox<[String]>
    private let refuses: Bool
    private var head = ""
    private var target: (any Channel)?

    init(received: NIOLockedValueBox<[String]>, refuses: Bool) {
        self.received = received
        self.refuses = refuses
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        let bytes = unwrapInboundIn(data)
        if let target { return target.writeAndFlush(bytes, promise: nil) }
        head += String(buffer: bytes)
        guard head.hasSuffix("\r\n\r\n") else { return }
        received.withLockedValue { $0.append(head) }
        let place = head.split(separator: " ").dropFirst().first.map(String.init) ?? ""
        let client = context.channel
        guard !refuses, let colon = place.lastIndex(of: ":"), let port = Int(place[place.index(after: colon)...]) else {
            return client.writeAndFlush(ByteBuffer(string: "HTTP/1.1 403 Forbidden\r\n\r\n"), promise: nil)
        }
        let tunnel = NIOLoopBound(self, eventLoop: context.eventLoop)
        ClientBootstrap(group: context.eventLoop)
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(Back(to: client))
                }
            }
            .connect(host: String(place[..<colon]), port: port)
            .whenSuccess { channel in
                tunnel.value.target = channel
                client.writeAndFlush(ByteBuffer(string: "HTTP/1.1 200 OK\r\n\r\n"), promise: nil)
            }
    }

    func channelInactive(context: ChannelHandlerContext) { target?.close(promise: nil) }
    func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }
}

private final class Back: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer

    private let client: any Channel

    init(to client: any Channel) { self.client = client }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        client.writeAndFlush(unwrapInboundIn(data), promise: nil)
    }

    func channelInactive(context: ChannelHandlerContext) { client.close(promise: nil) }
    func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }
}
