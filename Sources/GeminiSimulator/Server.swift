// The HTTP front: listens, and gives each connection its own task.

import NIOCore
import NIOHTTP1
import NIOPosix
import NIOSSL
import Synchronization

/// A listening socket and the connections that came through it.
final class Server: Sendable {
    typealias Client = NIOAsyncChannel<HTTPServerRequestPart, HTTPServerResponsePart>

    let port: Int
    private let simulator: Simulator
    private let listener: NIOAsyncChannel<Client, Never>
    private let open = Mutex<[ObjectIdentifier: any Channel]>([:])

    /// Listens; `tls` nil is plain HTTP, port 0 a free one.
    init(
        simulator: Simulator, host: String, port: Int, tls: TLSConfiguration?, group: any EventLoopGroup
    ) async throws {
        let context = try tls.map(NIOSSLContext.init(configuration:))
        listener = try await ServerBootstrap(group: group)
            // More clients than the kernel's default may connect in one instant.
            .serverChannelOption(.backlog, value: 1024)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .childChannelOption(.tcpOption(.tcp_nodelay), value: 1)
            .bind(host: host, port: port) { channel in
                channel.eventLoop.makeCompletedFuture {
                    let pipeline = channel.pipeline.syncOperations
                    try pipeline.addHandler(Cutter())
                    if let context { try pipeline.addHandler(NIOSSLServerHandler(context: context)) }
                    // A connection's task takes its requests in turn; headers may be wrong on command.
                    try pipeline.configureHTTPServerPipeline(
                        withPipeliningAssistance: false, withErrorHandling: true, withOutboundHeaderValidation: false)
                    return try Client(wrappingChannelSynchronously: channel)
                }
            }
        self.port = listener.channel.localAddress?.port ?? port
        self.simulator = simulator
    }

    /// Serves until the stream yields, then ends what is open.
    func serve(until ended: AsyncStream<Void>) async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await self.accept() }
            group.addTask {
                for await _ in ended { break }
                await self.close()
            }
            try await group.next()
            group.cancelAll()
        }
    }

    private func accept() async throws {
        try await listener.executeThenClose { clients in
            try await withThrowingDiscardingTaskGroup { group in
                for try await client in clients {
                    group.addTask { await self.serve(client) }
                }
            }
        }
    }

    private func serve(_ client: Client) async {
        let id = ObjectIdentifier(client.channel)
        open.withLock { $0[id] = client.channel }
        let number = simulator.recorder.connectionOpened()
        // A client that breaks off, or speaks no TLS, ends its own connection and nothing else.
        try? await client.executeThenClose { parts, _ in
            try await Connection(simulator: simulator, channel: client.channel, number: number).serve(parts)
        }
        simulator.recorder.connectionClosed()
        open.withLock { $0[id] = nil }
    }

    private func close() async {
        try? await listener.channel.close()
        for channel in open.withLock({ Array($0.values) }) { try? await channel.close() }
    }
}
