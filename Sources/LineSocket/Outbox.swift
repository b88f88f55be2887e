// What one connection has still to send, and how a socket is given as much of it as it takes.
//
// The law of this file: no sendmsg ever holds bytes of two lines, so that descriptors can only belong to one.

import CAncillary
import Glibc

struct Outbox {
    enum Progress: Equatable {
        case drained
        /// The socket is full.
        case blocked
        /// The turn is over, the socket may take more.
        case hasMore
        /// The next line has descriptors, and there is no room for them.
        case held
        /// The kernel lacks memory or has too many descriptors in flight; nothing tells when to try again.
        case starved
        /// Nobody reads the other end any more.
        case gone
        /// A body failed in the middle of its line.
        case broken
    }

    /// One piece of a body, and what a body waiting in an outbox is counted as.
    static let pieceBytes = 64 * 1024
    /// Most bytes for one connection before others get their turn: about one full default socket buffer.
    static let turnBytes = 256 * 1024

    private var lines = Queue<(OutboundLine, isOwed: Bool)>()
    private var owedCount = 0
    private var isMidLine = false
    /// Of the line being sent: the parts still untouched, last first.
    private var parts: [OutboundLine.Part] = []
    private var descriptors: [OwnedDescriptor] = []
    private var lineCost = 0
    private var isLineOwed = false
    /// Of the part being sent: bytes in hand, and how many of them are out.
    private var piece: [UInt8] = []
    private var sentOfPiece = 0
    /// Bytes of memory that the unsent lines hold, bodies counted as one piece each.
    private(set) var heldBytes = 0

    var isEmpty: Bool { !isMidLine && lines.isEmpty }

    /// Whether a line that is not a mere notification waits to be sent, or the rest of one.
    var owesAnswer: Bool { owedCount > 0 }

    mutating func append(_ line: OutboundLine, isOwed: Bool = true) {
        precondition(line.descriptors.count <= Int(CA_MAX_DESCRIPTORS), "one message carries 253 descriptors at most")
        heldBytes += line.cost
        if isOwed { owedCount += 1 }
        lines.append((line, isOwed))
    }

    /// Sends until the socket is full, the turn is over or nothing is left.
    ///
    /// - Parameters:
    ///   - socket: Where to.
    ///   - scratch: Room for one piece of a body.
    ///   - room: How many descriptors may go; the last line that goes may exceed it.
    /// - Returns: Why it went no further, and how much went.
    mutating func flush(
        to socket: OwnedDescriptor, through scratch: inout [UInt8], room: Int = .max
    ) -> (Progress, byteCount: Int, descriptorCount: Int) {
        var sent = 0
        var given = 0
        while true {
            if sentOfPiece < piece.count {
                let result = unsafe piece.withUnsafeBytes { bytes in
                    unsafe Self.send(UnsafeRawBufferPointer(rebasing: bytes[sentOfPiece...]), descriptors, to: socket)
                }
                guard result > 0 else { return (Self.progress(after: result), sent, given) }
                given += descriptors.count
                descriptors = []
                sent += result
                sentOfPiece += result
                if sentOfPiece == piece.count {
                    piece = []
                    sentOfPiece = 0
                }
            } else if let part = parts.popLast() {
                switch part {
                case .bytes(let bytes): piece = bytes
                case .body(var body):
                    guard let count = Self.fill(&scratch, from: &body) else { return (.broken, sent, given) }
                    guard count > 0 else { continue }
                    parts.append(.body(body))
                    let result = unsafe scratch.withUnsafeBytes { bytes in
                        unsafe Self.send(UnsafeRawBufferPointer(rebasing: bytes[..<count]), descriptors, to: socket)
                    }
                    if result > 0 {
                        given += descriptors.count
                        descriptors = []
                        sent += result
                    }
                    let taken = max(result, 0)
                    if taken < count { piece = Array(scratch[taken..<count]) }
                    guard result > 0 else { return (Self.progress(after: result), sent, given) }
                }
            } else {
                if isMidLine {
                    heldBytes -= lineCost
                    if isLineOwed { owedCount -= 1 }
                    isMidLine = false
                }
                if given >= room, lines.first?.0.descriptors.isEmpty == false { return (.held, sent, given) }
                guard beginLine() else { return (.drained, sent, given) }
            }
            if sent >= Self.turnBytes, !isEmpty { return (.hasMore, sent, given) }
        }
    }

    private mutating func beginLine() -> Bool {
        guard let (line, isOwed) = lines.popFirst() else { return false }
        isMidLine = true
        isLineOwed = isOwed
        lineCost = line.cost
        descriptors = line.descriptors
        parts = line.parts.reversed()
        if case .bytes(var bytes) = parts.first {
            bytes.append(UInt8(ascii: "\n"))
            parts[0] = .bytes(bytes)
        } else {
            parts.insert(.bytes([UInt8(ascii: "\n")]), at: 0)
        }
        return true
    }

    /// One piece of `body`, nil when the body fails.
    private static func fill(_ scratch: inout [UInt8], from body: inout any LineBody) -> Int? {
        do {
            return try unsafe scratch.withUnsafeMutableBytes { try unsafe body.fill($0) }
        } catch {
            return nil
        }
    }

    private static func send(
        _ bytes: UnsafeRawBufferPointer, _ descriptors: [OwnedDescriptor], to socket: OwnedDescriptor
    ) -> Int {
        let numbers = descriptors.map(\.rawValue)
        return withExtendedLifetime(descriptors) {
            unsafe ca_send(socket.rawValue, bytes.baseAddress, bytes.count, numbers, numbers.count)
        }
    }

    private static func progress(after result: Int) -> Progress {
        switch Int32(truncatingIfNeeded: -result) {
        case 0, EAGAIN: .blocked
        // unix(7): more descriptors in flight than RLIMIT_NOFILE, until somebody receives them.
        case ETOOMANYREFS, ENOBUFS, ENOMEM: .starved
        default: .gone
        }
    }
}

extension OutboundLine {
    fileprivate var cost: Int {
        // A descriptor is dearer than its bytes: a peer that reads nothing must not pin thousands of them.
        parts.reduce(descriptors.count * Outbox.pieceBytes) { sum, part in
            switch part {
            case .bytes(let bytes): sum + bytes.count
            case .body: sum + Outbox.pieceBytes
            }
        }
    }
}
