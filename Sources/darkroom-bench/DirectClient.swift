// A client that needs no proxy: it has the key, keeps a TLS connection, and decodes. What anything between costs more
// than this is its own.

import NIOCore
import NIOPosix
import NIOSSL

/// One TLS connection to the upstream; times the exchanges where they happen, on its event loop.
final class DirectClient {
    private let upstream: Upstream
    private let size: ImageSize

    init(upstream: Upstream, size: ImageSize) {
        self.upstream = upstream
        self.size = size
    }

    /// Fetches images one after the other over one connection.
    ///
    /// - Returns: For each after the first `warmUp` the time from the request to the decoded image.
    func fetch(count: Int, warmUp: Int) throws -> [Duration] {
        var configuration = TLSConfiguration.makeClientConfiguration()
        configuration.trustRoots = .file(upstream.authority)
        let context = try NIOSSLContext(configuration: configuration)
        let loop = MultiThreadedEventLoopGroup.singleton.next()
        let finished = loop.makePromise(of: [Duration].self)
        let request = GenerateRequest.native(size, key: upstream.key)
        let expectedBytes = upstream.answers.bytes(of: size)
        let connecting = ClientBootstrap(group: loop)
            .channelOption(.socketOption(.tcp_nodelay), value: 1)
            .channelOption(.recvAllocator, value: FixedSizeRecvByteBufferAllocator(capacity: 256 * 1024))
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandlers(
                        NIOSSLClientHandler(context: context, serverHostname: "localhost"),
                        ExchangeTimer(
                            request: request, expectedBytes: expectedBytes, warmUp: warmUp, count: count,
                            finished: finished))
                }
            }
            .connect(host: "127.0.0.1", port: upstream.port)
        connecting.whenFailure { finished.fail($0) }
        let durations = try finished.futureResult.wait()
        try connecting.wait().close().wait()
        return durations
    }
}

/// Sends the next request when an answer is whole.
private final class ExchangeTimer: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer

    private let request: [UInt8]
    private let warmUp: Int
    private let count: Int
    private let finished: EventLoopPromise<[Duration]>
    private var decoder: ImageDecoder
    private var reader = AnswerReader()
    private var startedAt = ContinuousClock.now
    private var durations: [Duration] = []

    init(
        request: [UInt8], expectedBytes: Int, warmUp: Int, count: Int, finished: EventLoopPromise<[Duration]>
    ) {
        self.request = request
        self.warmUp = warmUp
        self.count = count
        self.finished = finished
        decoder = ImageDecoder(expectedBytes: expectedBytes)
    }

    func channelActive(context: ChannelHandlerContext) { sendRequest(context) }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        let buffer = unwrapInboundIn(data)
        do {
            try unsafe buffer.withUnsafeReadableBytes { bytes in
                try unsafe reader.take(bytes) { try unsafe decoder.take($0) }
            }
            guard reader.isFinished else { return }
            try decoder.check()
        } catch {
            finished.fail(error)
            context.close(promise: nil)
            return
        }
        durations.append(ContinuousClock.now - startedAt)
        if durations.count < warmUp + count {
            sendRequest(context)
        } else {
            finished.succeed(Array(durations.dropFirst(warmUp)))
        }
    }

    func channelInactive(context: ChannelHandlerContext) {
        finished.fail(BenchError("the upstream closed the connection"))
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        finished.fail(error)
        context.close(promise: nil)
    }

    private func sendRequest(_ context: ChannelHandlerContext) {
        startedAt = .now
        reader = AnswerReader()
        decoder.reset()
        context.writeAndFlush(NIOAny(context.channel.allocator.buffer(bytes: request)), promise: nil)
    }
}
