// One datagram at a time to the service manager.
//
// sd_notify(3) reads the address from the environment at every call. Ours is taken out of the environment at start, and
// putting it back for each message would race with every getenv(3) of another thread; so the datagram is sent here. The
// protocol is stable: text lines to the address in NOTIFY_SOCKET. The kernel adds the sender's credentials by itself,
// because PID 1 has SO_PASSCRED set on its end.

import CSystemd
import Glibc

/// Why the service manager could not be told something.
package enum NotifyError: Error, Equatable {
    /// `NOTIFY_SOCKET` is neither an absolute path nor an abstract name of at most 107 bytes.
    case unsupportedAddress(String)
    /// The kernel refused the socket or the datagram; `EAGAIN` when the manager has not read for a second.
    case failed(errno: Int32)
}

extension NotifyError: CustomStringConvertible {
    package var description: String {
        switch self {
        case .unsupportedAddress(let address): "cannot notify the service manager at \(address.debugDescription)"
        case .failed(let errno): "cannot notify the service manager: \(describe(errno: errno))"
        }
    }
}

/// A datagram socket and where it sends to; opened once, so that running out of descriptors does not silence us.
final class NotifySocket: Sendable {
    private let descriptor: Int32
    /// A `struct sockaddr_un` without the unused end of its path.
    private let address: [UInt8]

    /// Opens the socket.
    ///
    /// - Parameter address: `/path`, or `@name` for an abstract address. `vsock:` is for virtual machines that talk to
    ///   their host, not for services.
    /// - Throws: `.unsupportedAddress` for any other, and what `socket(2)` says.
    init(address: String) throws(NotifyError) {
        var path = Array(address.utf8)
        // sun_path of unix(7) has 108 bytes, and a path ends with a NUL.
        guard path.count > 1, path.count < 108, path[0] == UInt8(ascii: "/") || path[0] == UInt8(ascii: "@") else {
            throw .unsupportedAddress(address)
        }
        if path[0] == UInt8(ascii: "@") { path[0] = 0 }
        let family = UInt16(AF_UNIX)
        self.address = [UInt8(truncatingIfNeeded: family.littleEndian), UInt8(truncatingIfNeeded: family >> 8)] + path
        descriptor = cs_datagram_socket()
        guard descriptor >= 0 else { throw .failed(errno: errno) }
        // PID 1 that does not read must not stop us for ever.
        var patience = timeval(tv_sec: 1, tv_usec: 0)
        _ = unsafe setsockopt(
            descriptor, SOL_SOCKET, SO_SNDTIMEO, &patience, socklen_t(MemoryLayout<timeval>.size))
    }

    deinit { close(descriptor) }

    func send(_ message: String) throws(NotifyError) {
        let bytes = Array(message.utf8)
        while true {
            let sent = unsafe bytes.withUnsafeBytes { bytes in
                unsafe address.withUnsafeBytes { address in
                    unsafe sendto(
                        descriptor, bytes.baseAddress, bytes.count, Int32(MSG_NOSIGNAL),
                        address.baseAddress?.assumingMemoryBound(to: sockaddr.self), socklen_t(address.count))
                }
            }
            if sent >= 0 { return }
            guard errno == EINTR else { throw .failed(errno: errno) }
        }
    }
}
