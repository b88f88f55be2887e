// A body on its way into a connection. What the connection has not taken yet is at most one buffer of this side and what
// NIO holds before it calls a connection not writable; the next piece is read when that has gone out.

import AsyncHTTPClient
import NIOConcurrencyHelpers
import NIOCore

extension RequestBody {
    /// The body as AsyncHTTPClient takes it, for one request.
    ///
    /// - Parameters:
    ///   - loop: Where files are read and pieces are made.
    ///   - lastPieceLeaves: Called when the last piece is about to be handed over. Until then the far side cannot have
    ///     the whole request, whatever becomes of the connection.
    /// - Returns: A body with its length; it fails with a `GeminiError` when a source does.
    func stream(
        on loop: any EventLoop, lastPieceLeaves: @escaping @Sendable () -> Void = {}
    ) -> HTTPClient.Body {
        .stream(contentLength: Int64(contentLength)) { writer in
            let done = loop.makePromise(of: Void.self)
            BodyStream(
                reader: NIOLockedValueBox(BodyReader(self)), writer: writer, loop: loop, done: done,
                lastPieceLeaves: lastPieceLeaves
            ).step()
            return done.futureResult
        }
    }
}

private struct BodyStream: Sendable {
    let reader: NIOLockedValueBox<BodyReader>
    let writer: HTTPClient.Body.StreamWriter
    let loop: any EventLoop
    let done: EventLoopPromise<Void>
    let lastPieceLeaves: @Sendable () -> Void

    /// Writes one piece and comes again when it has been taken.
    ///
    /// Through the loop each time: a future that is already complete would recurse, and other exchanges want their turn.
    func step() {
        do {
            let (piece, isLast) = try reader.withLockedValue { (try $0.next(), $0.isAtEnd) }
            if isLast { lastPieceLeaves() }
            writer.write(.byteBuffer(piece)).whenComplete { result in
                switch result {
                case .failure(let error): done.fail(error)
                case .success where isLast: done.succeed()
                case .success: loop.execute { step() }
                }
            }
        } catch {
            done.fail(GeminiError.inputUnreadable)
        }
    }
}

extension GeminiError {
    /// A source gave up in the middle of the body, so no whole request can have arrived.
    static let inputUnreadable = GeminiError(
        .badInput, reach: .notSent, charged: .no, "an input image could not be read while it was sent")
}
