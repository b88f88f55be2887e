// What a handler holds of a connection: who is there, and how to answer.

import Synchronization

package struct LineConnection: Sendable {
    /// Never used again by the same server.
    package let id: UInt64
    package let peer: Peer
    /// The name of the listening socket that the peer connected to.
    package let listener: String
    /// What is looked up about the peer once, for all of its lines.
    package let attribution: Attribution
    private let server: LineServer

    init(id: UInt64, peer: Peer, listener: String, attribution: Attribution, server: LineServer) {
        self.id = id
        self.peer = peer
        self.listener = listener
        self.attribution = attribution
        self.server = server
    }

    // These three hand over and go on: they are carried out in the order in which they were called, and a handler that
    // waited for the server's queue each time would cost two changes of thread for nothing.

    /// Sends an owed answer after those before it; returns without waiting for the peer to read.
    ///
    /// When the connection is gone the line is dropped and its descriptors are closed.
    package func send(_ line: OutboundLine) async {
        server.post { [id] in $0.send(line, to: id) }
    }

    /// Sends a line that nobody is owed; dropped and counted while the peer is behind with reading.
    package func notify(_ bytes: [UInt8]) async {
        server.post { [id] in $0.notify(bytes, to: id) }
    }

    /// - Parameter byteCount: Of the line.
    func finishHandling(_ byteCount: Int) {
        server.post { [id] in $0.finishHandling(byteCount, on: id) }
    }
}

/// What is dear to look up about the peer, kept as long as its connection.
package final class Attribution: Sendable {
    private let kept = Mutex<(any Sendable)?>(nil)

    /// What the first caller found; callers that come meanwhile wait for it.
    package func value<Value: Sendable>(_ find: () -> Value) -> Value {
        kept.withLock { kept in
            if let value = kept as? Value { return value }
            let found = find()
            kept = found
            return found
        }
    }
}
