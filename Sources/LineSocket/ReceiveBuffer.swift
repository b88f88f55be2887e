// One read from a socket, into a buffer that every connection of a server shares.

import CAncillary
import Glibc

struct ReceiveBuffer {
    enum Outcome {
        /// Bytes came, and ended these lines.
        case received(lines: [Line], byteCount: Int)
        /// The peer has finished writing.
        case end
        case nothingYet
        case failed(SystemError)
    }

    /// A quarter of a Unix socket's default buffer: one wake-up takes most of what can be waiting.
    private var bytes = [UInt8](repeating: 0, count: 64 * 1024)
    private var numbers = [Int32](repeating: -1, count: Int(CA_MAX_DESCRIPTORS))

    /// Reads once without waiting.
    ///
    /// When the kernel could not hand over all descriptors of a message (MSG_CTRUNC), the rest of them are closed too:
    /// the line then has too few, whereas a part of them would leave it with the wrong ones.
    ///
    /// - Parameters:
    ///   - socket: Connected, and not blocking.
    ///   - framer: Of what this socket brings.
    ///   - tally: Counts the descriptors that come, as long as they are open.
    /// - Returns: What came, the lines that it ended among it.
    mutating func receive(
        from socket: OwnedDescriptor, framer: inout LineFramer, counting tally: DescriptorTally? = nil
    ) -> Outcome {
        let received = unsafe bytes.withUnsafeMutableBytes { buffer in
            unsafe ca_receive(socket.rawValue, buffer.baseAddress, buffer.count, &numbers)
        }
        let count = received.byte_count
        var descriptors = numbers.prefix(Int(received.descriptor_count)).map { OwnedDescriptor(taking: $0, of: tally) }
        if received.descriptors_lost { descriptors = [] }
        switch count {
        case 0: return .end
        case 1...: break
        case -Int(EAGAIN): return .nothingYet
        default: return .failed(SystemError("recvmsg", result: count))
        }
        let lines = unsafe framer.receive(bytes.span.bytes.extracting(first: count), descriptors: descriptors)
        return .received(lines: lines, byteCount: count)
    }
}
