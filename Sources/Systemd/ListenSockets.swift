// The listening sockets that systemd bound for us. PID 1 keeps a duplicate of each, so a socket outlives the daemon: it
// is never shut down and its path never unlinked here.

import CSystemd
import Glibc

/// One adopted socket: what the unit calls it, and its descriptor, which is CLOEXEC and non-blocking.
package struct ListenSocket: Sendable, Equatable {
    /// The `FileDescriptorName=` of the socket unit; the class of rights of whoever connects to it.
    package let name: String
    package let descriptor: Int32
}

/// Why the sockets that systemd passed are not taken.
package enum ListenSocketError: Error, Equatable {
    /// `LISTEN_FDS` is no count, or `LISTEN_FDNAMES` names another number of sockets.
    case malformedEnvironment(variable: String, value: String)
    /// A socket unit has a name that this daemon gives no meaning to, or none.
    case unknownName(String, expected: [String])
    /// The descriptor is not a listening stream socket of the Unix family.
    case wrongType(name: String, descriptor: Int32)
    /// The kernel refused a call on the descriptor.
    case unusable(name: String, descriptor: Int32, errno: Int32)
}

extension ListenSocketError: CustomStringConvertible {
    package var description: String {
        switch self {
        case .malformedEnvironment(let variable, let value):
            "the environment variable \(variable) makes no sense: \(value.debugDescription)"
        case .unknownName(let name, let expected):
            "systemd passed a socket named \(name.debugDescription); FileDescriptorName= must be one of "
                + expected.joined(separator: ", ")
        case .wrongType(let name, let descriptor):
            "socket \(name) (descriptor \(descriptor)) is not a listening Unix stream socket"
        case .unusable(let name, let descriptor, let errno):
            "socket \(name) (descriptor \(descriptor)) is not usable: \(describe(errno: errno))"
        }
    }
}

extension SystemdEnvironment {
    /// The first descriptor that is passed, `SD_LISTEN_FDS_START` of sd_listen_fds(3), a macro that Swift does not see.
    package static let firstListenDescriptor: Int32 = 3

    /// Adopts the listening sockets meant for this process, in the order in which systemd passed them.
    ///
    /// That order is undefined across socket units, so sockets are told apart by name alone. Several may have one name,
    /// as a socket unit with two `ListenStream=` lines has: they then give the same rights.
    ///
    /// - Parameters:
    ///   - names: Every name that the caller knows what to do with.
    ///   - first: The first passed descriptor; another than 3 in tests only.
    /// - Returns: Empty when systemd passed nothing, or passed it to another process (`LISTEN_PID`).
    /// - Throws: `.unknownName` before anything is done to any socket; a name is a grant, and is not guessed.
    package func listenSockets(
        named names: Set<String>, first: Int32 = firstListenDescriptor
    ) throws(ListenSocketError) -> [ListenSocket] {
        guard variables["LISTEN_PID"].flatMap(Int32.init) == processID, let text = variables["LISTEN_FDS"] else {
            return []
        }
        guard let count = Int32(text), count >= 0, count <= Self.listenSocketCount else {
            throw .malformedEnvironment(variable: "LISTEN_FDS", value: text)
        }
        let sockets = try listenNames(count: Int(count)).enumerated().map { index, name in
            ListenSocket(name: name, descriptor: first + Int32(index))
        }
        for socket in sockets where !names.contains(socket.name) {
            throw .unknownName(socket.name, expected: names.sorted())
        }
        for socket in sockets {
            try socket.checkType()
            try socket.setFlags()
        }
        return sockets
    }

    /// More sockets than any layout of units has; a bound for what is read from outside.
    private static let listenSocketCount: Int32 = 64

    private func listenNames(count: Int) throws(ListenSocketError) -> [String] {
        guard let text = variables["LISTEN_FDNAMES"] else {
            // What libsystemd calls a socket without a name; it is refused by name like any other unknown one.
            return Array(repeating: "unknown", count: count)
        }
        let names = text.isEmpty ? [] : text.split(separator: ":", omittingEmptySubsequences: false).map(String.init)
        guard names.count == count else { throw .malformedEnvironment(variable: "LISTEN_FDNAMES", value: text) }
        return names
    }
}

extension ListenSocket {
    fileprivate func checkType() throws(ListenSocketError) {
        let answer = cs_is_listening_stream(descriptor)
        switch answer {
        case 1...: return
        case 0: throw .wrongType(name: name, descriptor: descriptor)
        default: throw .unusable(name: name, descriptor: descriptor, errno: -answer)
        }
    }

    fileprivate func setFlags() throws(ListenSocketError) {
        // systemd passes the sockets without CLOEXEC, since they have to survive the exec of the daemon itself.
        let descriptorFlags = fcntl(descriptor, F_GETFD)
        let statusFlags = fcntl(descriptor, F_GETFL)
        guard descriptorFlags >= 0, statusFlags >= 0,
            fcntl(descriptor, F_SETFD, descriptorFlags | FD_CLOEXEC) == 0,
            fcntl(descriptor, F_SETFL, statusFlags | O_NONBLOCK) == 0
        else { throw .unusable(name: name, descriptor: descriptor, errno: errno) }
    }
}
