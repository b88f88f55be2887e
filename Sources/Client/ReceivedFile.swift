// The bytes of an image as they come to a client: an open file, copied within the kernel.

import CAncillary
import Glibc
import LineSocket

/// An open file that came with an answer; closed when the last reference goes.
public final class ReceivedFile: Sendable {
    private let owned: OwnedDescriptor

    init(_ owned: OwnedDescriptor) { self.owned = owned }

    /// The descriptor, readable and at offset 0 when it arrives; valid as long as this object is kept.
    public var descriptor: Int32 { owned.rawValue }

    /// Copies the bytes from the file's offset on, within the kernel where it can.
    ///
    /// - Parameters:
    ///   - target: A descriptor open for writing: a file, a pipe or a socket.
    ///   - count: How many bytes there have to be, as the answer's `bytes` says.
    /// - Throws: `.copyFailed` when the target cannot take them or there are fewer.
    public func copy(to target: Int32, count: Int) throws(ClientError) {
        var left = count
        for way in Way.allCases {
            while left > 0 {
                let copied = way.copy(from: descriptor, to: target, atMost: min(left, Self.pieceBytes))
                if copied < 0, way.isOutOfPlace(Int32(-copied)) { break }
                guard copied >= 0 else {
                    throw .copyFailed(SystemError("write", Int32(-copied)).description)
                }
                // Some file systems answer copy_file_range with 0 where they mean "not here" (copy_file_range(2), BUGS).
                if copied == 0 { break }
                left -= copied
            }
            if left == 0 { return }
        }
        throw .copyFailed("it ends after \(count - left) of \(count) bytes")
    }

    /// What one system call is asked for at most: far below its own bound of 2 GiB less a page.
    private static let pieceBytes = 1 << 30

    /// The ways to copy, the best first; each goes on where the one before it gave up.
    private enum Way: CaseIterable {
        /// Shares the blocks where the file system can.
        case copyFileRange
        /// Also to a pipe or a socket.
        case sendfile
        /// Everywhere.
        case readAndWrite

        /// Copies once; 0 at the end of the file, a negated errno on failure.
        func copy(from source: Int32, to target: Int32, atMost count: Int) -> Int {
            switch self {
            case .copyFileRange: ca_copy_file_range(source, target, count)
            case .sendfile: ca_sendfile(source, target, count)
            case .readAndWrite: Self.readAndWrite(source, target, count)
            }
        }

        /// Whether this failure says no more than that another way is needed (copy_file_range(2), sendfile(2)).
        func isOutOfPlace(_ number: Int32) -> Bool {
            switch self {
            case .copyFileRange, .sendfile:
                [EXDEV, EINVAL, EOPNOTSUPP, ENOSYS, EBADF, EPERM, ETXTBSY].contains(number)
            case .readAndWrite: false
            }
        }

        private static func readAndWrite(_ source: Int32, _ target: Int32, _ count: Int) -> Int {
            unsafe withUnsafeTemporaryAllocation(byteCount: min(count, 65536), alignment: 16) { buffer in
                let length = unsafe read(source, buffer.baseAddress, buffer.count)
                guard length > 0 else { return length == 0 ? 0 : -Int(errno) }
                var written = 0
                while written < length {
                    let piece = unsafe write(target, buffer.baseAddress?.advanced(by: written), length - written)
                    if piece >= 0 {
                        written += piece
                    } else if errno != EINTR {
                        return -Int(errno)
                    }
                }
                return length
            }
        }
    }
}
