// One request and its answer, as AsyncHTTPClient's delegate. Everything in here runs on the one event loop.
//
// Sinks write on that loop, straight from the decoder's buffer: 64 KiB go to the page cache in some 15 microseconds,
// and another thread would add a hop and a second buffer to each. Should the disk be so slow that a write blocks, then
// it blocks every image of the process anyway, since all of them go to one file system; the loop serves nothing else.
// The future that is returned is therefore always a finished one, and what has not been read yet waits in the kernel's
// receive window: that is the back-pressure.

import AsyncHTTPClient
import NIOCore
import NIOHTTP1

final class Exchange<Sink: ImageSink>: HTTPClientResponseDelegate {
    typealias Response = Answer<Sink>

    private struct State {
        var assembler: AnswerAssembler<Sink>
        var throttle = ProgressThrottle()
        /// The request's head has been given to the socket.
        var hasBegun = false
        /// So has the last of its body, and the whole of it may have arrived.
        ///
        /// Before that there is no request to work on.
        var hasLeft = false
        var head: HTTPResponseHead?
        /// The first bytes of an answer that is no 200.
        var errorBody: [UInt8] = []
        /// Why the exchange was given up from this side.
        var failure: GeminiError?
    }

    private let state: NIOLoopBoundBox<State>
    private let route: RouteKind
    private let key: ApiKey
    private let progress: @Sendable (ExchangeEvent) -> Void

    init(
        on loop: any EventLoop, route: RouteKind, key: ApiKey, makeSink: @escaping @Sendable (Int) throws -> Sink,
        progress: @escaping @Sendable (ExchangeEvent) -> Void
    ) {
        state = .makeBoxSendingValue(State(assembler: AnswerAssembler(makeSink: makeSink)), eventLoop: loop)
        self.route = route
        self.key = key
        self.progress = progress
    }

    func didSendRequestHead(task: HTTPClient.Task<Response>, _ head: HTTPRequestHead) {
        state.value.hasBegun = true
    }

    /// Told by the body's stream, on the loop.
    func lastPieceLeaves() {
        state.value.hasLeft = true
    }

    func didSendRequest(task: HTTPClient.Task<Response>) {
        progress(.sent)
    }

    func didReceiveHead(task: HTTPClient.Task<Response>, _ head: HTTPResponseHead) -> EventLoopFuture<Void> {
        state.value.head = head
        guard head.status == .ok else { return task.eventLoop.makeSucceededVoidFuture() }
        let encoding = head.headers.first(name: "content-encoding")?.lowercased() ?? "identity"
        guard encoding == "identity" else {
            return give(up: .invalidAnswer("the answer is compressed, which was not asked for"), task)
        }
        return task.eventLoop.makeSucceededVoidFuture()
    }

    func didReceiveBodyPart(task: HTTPClient.Task<Response>, _ buffer: ByteBuffer) -> EventLoopFuture<Void> {
        guard state.value.head?.status == .ok else {
            let room = ErrorClassifier.bodyBytes - state.value.errorBody.count
            state.value.errorBody.append(contentsOf: buffer.readableBytesView.prefix(room))
            // Whoever says more than any error does is not listened to until the deadline.
            if let head = state.value.head, buffer.readableBytes > room { return give(up: classified(head), task) }
            return task.eventLoop.makeSucceededVoidFuture()
        }
        do throws(GeminiError) {
            let assembler = state.value.assembler
            let before = assembler.imageBytes
            try assembler.take(buffer.readableBytesUInt8Span)
            if assembler.imageBytes > before, state.value.throttle.admits(at: .now()) {
                progress(.receiving(bytes: assembler.imageBytes))
            }
            return task.eventLoop.makeSucceededVoidFuture()
        } catch {
            return give(up: error, task)
        }
    }

    /// Fails the future, which makes AsyncHTTPClient close the connection.
    private func give(up error: GeminiError, _ task: HTTPClient.Task<Response>) -> EventLoopFuture<Void> {
        state.value.failure = error
        return task.eventLoop.makeFailedFuture(error)
    }

    func didFinishRequest(task: HTTPClient.Task<Response>) throws -> Response {
        guard let head = state.value.head else { throw GeminiError.unknownOutcome("no answer came") }
        guard head.status == .ok else { throw classified(head) }
        let isDelimited =
            head.headers.contains(name: "content-length") || head.headers.contains(name: "transfer-encoding")
        // An answer that ends with its connection cannot be told from one that was cut.
        guard isDelimited || state.value.assembler.isComplete else {
            throw GeminiError.unknownOutcome("the answer broke off")
        }
        return try state.value.assembler.finish(redacting: key)
    }

    /// What an error of AsyncHTTPClient means after all that this exchange has seen; on the loop only.
    func reason(for error: any Error) -> GeminiError {
        if let failure = state.value.failure { return failure }
        if let head = state.value.head, head.status != .ok {
            let error = classified(head)
            // A status that refuses is an answer, even if its body broke off; one that may stand for a picture that got
            // lost on the way is not.
            guard head.status.code >= 500, head.status != .serviceUnavailable else { return error }
            var unknown = GeminiError.unknownOutcome("an answer with status \(head.status.code) broke off")
            unknown.upstream = error.upstream
            return unknown
        }
        if !state.value.hasLeft {
            return state.value.hasBegun ? TransportFailure.whileSending(error) : TransportFailure.beforeSending(error)
        }
        if let error = error as? HTTPClientError, error == .cancelled {
            return GeminiError(
                .cancelled, reach: .unknown, charged: .unknown, "the request was aborted after it had been sent")
        }
        if let error = error as? HTTPClientError, error == .deadlineExceeded {
            return .unknownOutcome("no complete answer came in time")
        }
        return .unknownOutcome(
            state.value.head == nil ? "the connection broke before an answer came" : "the answer broke off")
    }

    private func classified(_ head: HTTPResponseHead) -> GeminiError {
        ErrorClassifier(
            httpStatus: Int(head.status.code),
            retryAfter: head.headers.first(name: "retry-after").flatMap(Duration.init(retryAfter:)), route: route,
            key: key
        ).classify(body: state.value.errorBody)
    }
}

extension Duration {
    /// The header of that name in seconds, a day at most; its other form, a date, nobody here has seen.
    init?(retryAfter text: String) {
        guard let seconds = Int(text), (0...86_400).contains(seconds) else { return nil }
        self = .seconds(seconds)
    }
}

extension GeminiError {
    /// The request went out and no whole answer came back.
    static func unknownOutcome(_ message: String) -> GeminiError {
        GeminiError(
            .outcomeUnknown, reach: .unknown, charged: .unknown, message,
            hint: "Google may have made the image and may bill it")
    }
}
