// A large body on its way: how much of it is in memory, and what a connection that breaks in its middle means.

import NIOCore
import NIOHTTP1
import NIOPosix
import Synchronization
import Testing

@testable import Gemini

struct BodyStreamTests {
    @Test func fourteenInputsOfSevenMegabytesCostABuffer() async throws {
        let received = Mutex(0)
        let lead = Lead(received: { received.withLock { $0 } })
        let server = try await CountingServer { count in received.withLock { $0 += count } }
        var request = asking()
        request.inputs = (0..<14).map { number in
            InputImage(mimeType: "image/png", sha256: "\(number)", source: ZeroSource(byteCount: 7_000_000, lead: lead))
        }
        let body = try request.body(for: .native)
        let route = try server.route(limit: .max)
        let answer = try await generate(request, route)
        #expect(answer.images.count == 1)
        #expect(received.withLock { $0 } == body.contentLength)
        // The sockets' own buffers are 4 MB at most on each side; without back-pressure it would be the whole.
        #expect(lead.most < 16 * 1_048_576)
        await route.shutdown()
        try await server.stop()
    }

    @Test func aConnectionThatBreaksInTheMiddleOfTheBodyCannotHaveCostAnything() async throws {
        let server = try await CountingServer(closingAfter: 1_000_000) { _ in }
        var request = asking()
        let source = ZeroSource(byteCount: 50_000_000, lead: Lead(received: { 0 }))
        request.inputs = [InputImage(mimeType: "image/png", sha256: "s", source: source)]
        let route = try server.route(limit: .max)
        do throws(GeminiError) {
            _ = try await generate(request, route)
            Issue.record("it was answered")
        } catch {
            #expect(Outcome(error) == Outcome(.upstreamUnavailable, .notSent, .no) && error.isSafeToResend)
            #expect(error.message == "the connection broke while the request was sent")
        }
        await route.shutdown()
        try await server.stop()
    }

    @Test func anInputThatShrinksWhileItIsSentEndsTheRequest() async throws {
        let server = try await CountingServer { _ in }
        var request = asking()
        let source = MemorySource(picture(bytes: 300_000), claiming: 400_000)
        request.inputs = [InputImage(mimeType: "image/png", sha256: "s", source: source)]
        let route = try server.route(limit: .max)
        do throws(GeminiError) {
            _ = try await generate(request, route)
            Issue.record("it was answered")
        } catch {
            #expect(Outcome(error) == Outcome(.badInput, .notSent, .no))
        }
        await route.shutdown()
        try await server.stop()
    }

    private func generate(
        _ request: GenerationRequest, _ route: NativeRoute
    ) async throws(GeminiError) -> Answer<MemorySink> {
        try await route.generate(
            request, deadline: .seconds(60), makeSink: { _ in MemorySink() }, progress: { _ in })
    }
}

/// How far reading runs ahead of what has arrived, in bytes of base64.
private final class Lead: Sendable {
    private let state = Mutex((read: 0, most: 0))
    private let received: @Sendable () -> Int

    init(received: @escaping @Sendable () -> Int) { self.received = received }

    var most: Int { state.withLock { $0.most } }

    func read(_ count: Int) {
        let received = received()
        state.withLock { state in
            state.read += count / 3 * 4
            state.most = max(state.most, state.read - received)
        }
    }
}

private struct ZeroSource: ImageSource {
    var byteCount: Int
    var lead: Lead

    func read(at offset: Int, into buffer: UnsafeMutableRawBufferPointer) throws -> Int {
        let count = min(buffer.count, byteCount - offset)
        lead.read(count)
        return count
    }
}

/// Counts the bytes of a request's body and answers with an image, or closes.
private final class CountingServer: Sendable {
    private let channel: any Channel

    init(closingAfter limit: Int = .max, _ count: @escaping @Sendable (Int) -> Void) async throws {
        channel = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    let pipeline = channel.pipeline.syncOperations
                    try pipeline.configureHTTPServerPipeline(withErrorHandling: false)
                    try pipeline.addHandler(Counter(limit: limit, count: count))
                }
            }
            .bind(host: "127.0.0.1", port: 0).get()
    }

    func route(limit: Int) throws -> NativeRoute {
        let base = try BaseURL("http://127.0.0.1:\(channel.localAddress?.port ?? 0)/v1beta")
        var settings = NativeRoute.Settings(baseURL: base, key: try key())
        settings.inlineLimits = InlineLimits(requestBytes: limit)
        return try NativeRoute(settings)
    }

    func stop() async throws { try await channel.close() }

    private final class Counter: ChannelInboundHandler {
        typealias InboundIn = HTTPServerRequestPart
        typealias OutboundOut = HTTPServerResponsePart

        private var left: Int
        private let count: @Sendable (Int) -> Void

        init(limit: Int, count: @escaping @Sendable (Int) -> Void) {
            left = limit
            self.count = count
        }

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            switch unwrapInboundIn(data) {
            case .head: break
            case .body(let part):
                count(part.readableBytes)
                left -= part.readableBytes
                if left < 0 { context.close(promise: nil) }
            case .end:
                let body = ByteBuffer(string: answerBody(with: picture()))
                let head = HTTPResponseHead(
                    version: .http1_1, status: .ok, headers: ["content-length": "\(body.readableBytes)"])
                context.write(wrapOutboundOut(.head(head)), promise: nil)
                context.write(wrapOutboundOut(.body(.byteBuffer(body))), promise: nil)
                context.writeAndFlush(wrapOutboundOut(.end(nil)), promise: nil)
            }
        }

        func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }
    }
}
