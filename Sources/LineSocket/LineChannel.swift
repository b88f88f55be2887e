// Client's driver: one connection, blocking, each wait with an end.

import CAncillary
import Glibc

/// A blocking connection that sends and receives lines; for one task or thread at a time.
package final class LineChannel {
    private let socket: OwnedDescriptor
    private var framer: LineFramer
    private var buffer = ReceiveBuffer()
    private var arrived = Queue<Line>()
    private var isEnded = false

    /// Connects to a listening socket.
    ///
    /// - Parameters:
    ///   - path: At most 107 bytes.
    ///   - timeout: How long to wait for room in the listener's queue.
    ///   - maxLineBytes: Longest line accepted; answers may be long, so there is no bound unless one is given.
    /// - Throws: Each way of not connecting as its own case.
    package init(connectingTo path: String, timeout: Duration, maxLineBytes: Int = .max) throws(LineChannelError) {
        let result = unsafe ca_connect(path, timeout.milliseconds)
        guard result >= 0 else { throw LineChannelError(connectErrno: -result) }
        socket = OwnedDescriptor(taking: result)
        framer = LineFramer(maxLineBytes: maxLineBytes)
    }

    /// Takes over a connected socket.
    package init(adopting socket: OwnedDescriptor, maxLineBytes: Int = .max) {
        _ = ca_set_nonblocking(socket.rawValue)
        self.socket = socket
        framer = LineFramer(maxLineBytes: maxLineBytes)
    }

    /// Who listens there, as the kernel recorded it when the socket began to.
    package var peer: Peer {
        get throws(PeerError) { try Peer(of: socket) }
    }

    /// Sends one line, in sendmsgs of its own, with its descriptors.
    ///
    /// - Parameters:
    ///   - line: Without LF, and holding none.
    ///   - descriptors: At most 253; they stay the caller's.
    ///   - deadline: nil waits for ever.
    /// - Throws: `.closed` when the daemon reads no more; a last answer that says why may still be received.
    ///   `.timedOut` leaves half a line behind, so the channel is of no more use.
    package func send(
        _ line: [UInt8], descriptors: [OwnedDescriptor] = [], until deadline: ContinuousClock.Instant? = nil
    ) throws(LineChannelError) {
        var outbox = Outbox()
        var scratch: [UInt8] = []
        outbox.append(OutboundLine(line, descriptors: descriptors))
        while true {
            switch outbox.flush(to: socket, through: &scratch).0 {
            case .drained: return
            case .hasMore: continue
            case .blocked: try wait(until: deadline, ca_wait_writable)
            case .starved, .held: throw .system(SystemError("sendmsg", ETOOMANYREFS))
            case .gone, .broken: throw .closed
            }
        }
    }

    /// Receives the next line.
    ///
    /// - Parameter deadline: nil waits for ever.
    /// - Returns: nil when the daemon has closed its side and everything before was received.
    /// - Throws: `.timedOut`, after which receiving may go on; `.lineTooLong`; `.closed` when the connection broke off.
    package func receive(until deadline: ContinuousClock.Instant? = nil) throws(LineChannelError) -> Line? {
        while true {
            if let line = arrived.popFirst() { return line }
            guard !framer.isTooLong else { throw .lineTooLong }
            guard !isEnded else { return nil }
            switch buffer.receive(from: socket, framer: &framer) {
            case .received(let lines, _): lines.forEach { arrived.append($0) }
            case .nothingYet: try wait(until: deadline, ca_wait_readable)
            case .end:
                isEnded = true
                guard !framer.isInsideLine else { throw .closed }
            case .failed(let error) where error.number == ECONNRESET: throw .closed
            case .failed(let error): throw .system(error)
            }
        }
    }

    /// Tells the daemon that no more requests come; answers that are owed still arrive.
    package func finishSending() throws(LineChannelError) {
        let result = ca_finish_writing(socket.rawValue)
        guard result >= 0 else { throw .system(SystemError("shutdown", -result)) }
    }

    private func wait(
        until deadline: ContinuousClock.Instant?, _ ready: (Int32, Int32) -> Int32
    ) throws(LineChannelError) {
        let left = deadline.map { max(.zero, $0 - .now).milliseconds } ?? -1
        let result = ready(socket.rawValue, left)
        guard result >= 0 else { throw .system(SystemError("poll", -result)) }
        guard result > 0 else { throw .timedOut }
    }
}

/// Why a channel could not connect, send or receive.
package enum LineChannelError: Error, Equatable {
    /// Nothing is at the path.
    case notThere
    /// A socket is at the path, and nobody listens on it.
    case refused
    /// The socket's mode, or a folder above it, does not let this user in.
    case notPermitted
    /// The path is longer than the 107 bytes that a socket's address holds.
    case pathTooLong
    case timedOut
    /// The other side is gone, in the middle of a line or of sending.
    case closed
    /// A line over the bound that the channel was given.
    case lineTooLong
    case system(SystemError)

    init(connectErrno number: Int32) {
        self =
            switch number {
            case ENOENT, ENOTDIR: .notThere
            case ECONNREFUSED: .refused
            case EACCES, EPERM: .notPermitted
            case ENAMETOOLONG: .pathTooLong
            case EAGAIN, ETIMEDOUT: .timedOut
            default: .system(SystemError("connect", number))
            }
    }
}

extension Duration {
    /// Rounded up, so that a wait is never cut short; the longest that poll(2) can express at most.
    var milliseconds: Int32 {
        let (seconds, attoseconds) = components
        guard seconds < Int64(Int32.max) / 1000 else { return .max }
        return Int32(seconds * 1000 + (attoseconds + 999_999_999_999_999) / 1_000_000_000_000_000)
    }
}
