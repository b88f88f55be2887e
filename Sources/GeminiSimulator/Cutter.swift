// Ends a connection the rude way. It stands below TLS, so that what it does reaches the network as it is.

import NIOCore

#if canImport(Glibc)
    import Glibc
#endif

/// How a connection is cut.
enum Cut: Sendable {
    /// FIN without TLS's close_notify.
    case silent
    /// RST.
    case reset
}

/// Obeys the outbound event `Cut`.
final class Cutter: ChannelOutboundHandler {
    typealias OutboundIn = ByteBuffer

    func triggerUserOutboundEvent(context: ChannelHandlerContext, event: Any, promise: EventLoopPromise<Void>?) {
        switch event as? Cut {
        case nil: context.triggerUserOutboundEvent(event, promise: promise)
        case .silent: context.close(promise: promise)
        case .reset:
            guard let socket = context.channel as? any SocketOptionProvider else {
                context.close(promise: promise)
                return
            }
            // socket(7): closing with SO_LINGER on and a time of 0 sends RST.
            socket.setSoLinger(linger(l_onoff: 1, l_linger: 0)).assumeIsolated().whenComplete { _ in
                context.close(promise: promise)
            }
        }
    }
}
