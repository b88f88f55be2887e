// A link with a round trip: a TCP relay on loopback that holds every byte for a while in each direction, at any rate.

import NIOCore
import NIOPosix

/// Listens on loopback and relays to a port there.
final class DelayingRelay {
    /// Where it listens.
    let port: Int
    private let server: any Channel

    /// Starts listening.
    ///
    /// - Parameters:
    ///   - target: The port on loopback that is relayed to.
    ///   - delay: How long a byte takes one way; half of the round trip.
    /// - Throws: When it cannot listen.
    init(to target: Int, delay: TimeAmount) throws {
        server = try ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .serverChannelOption(.backlog, value: 128)
            .childChannelOption(.socketOption(.tcp_nodelay), value: 1)
            .childChannelOption(.recvAllocator, value: FixedSizeRecvByteBufferAllocator(capacity: 256 * 1024))
            .childChannelInitializer { inbound in
                // An accepted channel is not read from before this is done.
                ClientBootstrap(group: inbound.eventLoop)
                    .channelOption(.socketOption(.tcp_nodelay), value: 1)
                    .channelOption(.recvAllocator, value: FixedSizeRecvByteBufferAllocator(capacity: 256 * 1024))
                    .connect(host: "127.0.0.1", port: target)
                    .flatMapThrowing { outbound in
                        let there = DelayedForwarder(to: outbound, delay: delay)
                        let back = DelayedForwarder(to: inbound, delay: delay)
                        try inbound.pipeline.syncOperations.addHandler(there)
                        try outbound.pipeline.syncOperations.addHandler(back)
                    }
            }
            .bind(host: "127.0.0.1", port: 0).wait()
        guard let port = server.localAddress?.port else { throw BenchError("the relay has no port") }
        self.port = port
    }

    /// Listens no longer; connections end with their peers.
    func stop() { try? server.close().wait() }
}

/// One direction: what arrives is written to the other side when its time has come, in order.
private final class DelayedForwarder: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer

    private enum Held {
        case bytes(ByteBuffer)
        case end
    }

    private let peer: any Channel
    private let delay: TimeAmount
    private var held = CircularBuffer<(due: NIODeadline, what: Held)>()
    private var isArmed = false

    init(to peer: any Channel, delay: TimeAmount) {
        self.peer = peer
        self.delay = delay
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) { hold(.bytes(unwrapInboundIn(data)), context) }

    func channelInactive(context: ChannelHandlerContext) { hold(.end, context) }

    func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }

    private func hold(_ what: Held, _ context: ChannelHandlerContext) {
        held.append((.now() + delay, what))
        arm(context.eventLoop)
    }

    private func arm(_ loop: any EventLoop) {
        guard !isArmed, let first = held.first else { return }
        isArmed = true
        loop.assumeIsolated().scheduleTask(deadline: first.due) {
            self.isArmed = false
            self.release()
            self.arm(loop)
        }
    }

    private func release() {
        let now = NIODeadline.now()
        while let first = held.first, first.due <= now {
            held.removeFirst()
            switch first.what {
            case .bytes(let buffer): peer.write(buffer, promise: nil)
            case .end: peer.close(promise: nil)
            }
        }
        peer.flush()
    }
}
