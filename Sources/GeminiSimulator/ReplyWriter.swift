// Puts a reply on the wire, with the pauses, pieces and cuts that an act asks for.

import NIOCore
import NIOHTTP1

/// Writes the answer to one request; used by one task.
final class ReplyWriter {
    /// A slice large enough to keep TLS busy and small enough that a slow reader costs little.
    private static let sliceBytes = 256 * 1024

    private let channel: any Channel
    private let version: HTTPVersion
    private(set) var sentBytes = 0
    private(set) var isComplete = false
    /// Whether this side ended the connection on command.
    private(set) var hasCut = false

    init(channel: any Channel, version: HTTPVersion) {
        self.channel = channel
        self.version = version
    }

    /// Writes a reply; returns whether the connection can be used again.
    func write(_ reply: Reply, _ act: Act) async throws -> Bool {
        var headers = HTTPHeaders(reply.headers.map { ($0.name, $0.value) })
        if act.contentLength == true || version == .http1_0 {
            headers.replaceOrAdd(name: "Content-Length", value: String(reply.bodyBytes))
        }
        let status = HTTPResponseStatus(statusCode: reply.status)
        try await channel.writeAndFlush(
            HTTPServerResponsePart.head(HTTPResponseHead(version: version, status: status, headers: headers)))
        if await clientLeaves(within: act.bodyLatencyMilliseconds) { return false }
        for piece in reply.body {
            var piece = piece
            while piece.readableBytes > 0 {
                if let limit = act.closeAfterBytes, sentBytes >= limit { break }
                let left = act.closeAfterBytes.map { $0 - sentBytes } ?? Int.max
                let length = min(piece.readableBytes, max(1, act.chunkBytes ?? Self.sliceBytes), left)
                guard let slice = piece.readSlice(length: length) else { break }
                try await channel.writeAndFlush(HTTPServerResponsePart.body(.byteBuffer(slice)))
                sentBytes += length
                if await clientLeaves(within: act.chunkDelayMilliseconds) { return false }
            }
        }
        if act.closeAfterBytes != nil { return try await cut(.silent, politely: act.closeNotify == true) }
        try await channel.writeAndFlush(HTTPServerResponsePart.end(nil))
        isComplete = true
        return true
    }

    func writeContinue(_ version: HTTPVersion) async throws {
        try await channel.writeAndFlush(
            HTTPServerResponsePart.head(HTTPResponseHead(version: version, status: .continue)))
    }

    /// Ends the connection; politely is with TLS's close_notify.
    func cut(_ cut: Cut, politely: Bool = false) async throws -> Bool {
        hasCut = true
        if politely {
            try? await channel.close()
        } else {
            try? await channel.triggerUserOutboundEvent(cut)
        }
        return false
    }

    /// Waits until the client has gone.
    func waitForClose() async throws -> Bool {
        try await channel.closeFuture.get()
        return false
    }

    /// Waits, and returns at once with true when the client goes away.
    func clientLeaves(within milliseconds: Int?) async -> Bool {
        guard let milliseconds, milliseconds > 0 else { return !channel.isActive }
        let promise = channel.eventLoop.makePromise(of: Bool.self)
        let timer = channel.eventLoop.scheduleTask(in: .milliseconds(Int64(milliseconds))) { promise.succeed(false) }
        channel.closeFuture.whenComplete { _ in
            timer.cancel()
            promise.succeed(true)
        }
        return (try? await promise.futureResult.get()) ?? true
    }
}
