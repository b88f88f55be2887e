// What a handler holds of a connection: who is there, and how to answer.

package struct LineConnection: Sendable {
    /// Never used again by the same server.
    package let id: UInt64
    package let peer: Peer
    /// The name of the listening socket that the peer connected to.
    package let listener: String
    private let server: LineServer

    init(id: UInt64, peer: Peer, listener: String, server: LineServer) {
        self.id = id
        self.peer = peer
        self.listener = listener
        self.server = server
    }

    /// Sends an owed answer after those before it; returns without waiting for the peer to read.
    ///
    /// When the connection is gone the line is dropped and its descriptors are closed.
    package func send(_ line: OutboundLine) async {
        await server.send(line, to: id)
    }

    /// Sends a line that nobody is owed; dropped and counted while the peer is behind with reading.
    package func notify(_ bytes: [UInt8]) async {
        await server.notify(bytes, to: id)
    }

    func finishHandling() async {
        await server.finishHandling(on: id)
    }
}
