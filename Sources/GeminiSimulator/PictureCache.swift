// Pictures in base64, each drawn once however many ask for it at the same time.

import Crypto
import FoundationEssentials
import NIOCore
import NIOPosix
import Synchronization

/// A picture's file.
struct DrawnPicture: Sendable {
    let base64: ByteBuffer
    /// Of the file, in hexadecimal.
    let sha256: String

    init(_ order: PictureOrder) {
        let file = Picture.drawn(order)
        base64 = ByteBuffer(bytes: Data(file).base64EncodedData())
        sha256 = SHA256.hash(data: file).map { String($0 >> 4, radix: 16) + String($0 & 15, radix: 16) }.joined()
    }
}

/// The pictures of late, drawn on threads of their own so that no connection waits for another's drawing.
final class PictureCache: Sendable {
    /// Bound of the base64 kept for a second use: some eight pictures of 4K.
    static let keptBytes = 256 * 1024 * 1024

    private struct State {
        var pictures: [PictureOrder: EventLoopFuture<DrawnPicture>] = [:]
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

    func picture(of order: PictureOrder) async throws -> DrawnPicture {
        let future = state.withLock { state in
            if let known = state.pictures[order] { return known }
            let drawing = threads.runIfActive(eventLoop: eventLoop) { DrawnPicture(order) }
            state.pictures[order] = drawing
            return drawing
        }
        let picture = try await future.get()
        keep(order, bytes: picture.base64.readableBytes)
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
