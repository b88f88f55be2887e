// Pictures in base64, each drawn once however many ask for it at the same time.

import FoundationEssentials
import NIOCore
import NIOPosix
import Synchronization

/// The pictures of late, drawn on threads of their own so that no connection waits for another's drawing.
final class PictureCache: Sendable {
    /// Bound of the base64 kept for a second use: some eight pictures of 4K.
    static let keptBytes = 256 * 1024 * 1024

    private struct State {
        var pictures: [PictureOrder: EventLoopFuture<ByteBuffer>] = [:]
        /// Finished ones, the oldest first, with their bytes.
        var finished: [(order: PictureOrder, bytes: Int)] = []
        var bytes = 0
    }

    private let state = Mutex(State())
    private let threads: NIOThreadPool
    private let eventLoop: any EventLoop

    init(threads: NIOThreadPool, eventLoop: any EventLoop) {
        self.threads = threads
        self.eventLoop = eventLoop
    }

    /// The base64 of the picture's file.
    func base64(of order: PictureOrder) async throws -> ByteBuffer {
        let future = state.withLock { state in
            if let known = state.pictures[order] { return known }
            let drawing = threads.runIfActive(eventLoop: eventLoop) {
                ByteBuffer(bytes: Data(Picture.drawn(order)).base64EncodedData())
            }
            state.pictures[order] = drawing
            return drawing
        }
        let picture = try await future.get()
        keep(order, bytes: picture.readableBytes)
        return picture
    }

    private func keep(_ order: PictureOrder, bytes: Int) {
        state.withLock { state in
            if state.finished.contains(where: { $0.order == order }) { return }
            state.finished.append((order, bytes))
            state.bytes += bytes
            while state.bytes > Self.keptBytes {
                let oldest = state.finished.removeFirst()
                state.bytes -= oldest.bytes
                state.pictures[oldest.order] = nil
            }
        }
    }
}
