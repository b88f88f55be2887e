// The listening sockets: systemd's, or our own in the foreground. A socket's name is part of a peer's identity.

import Glibc
import LineSocket
import Systemd

/// The sockets that the daemon serves.
struct Listening: Sendable {
    let listeners: [LineServer.Listener]
    /// Where a probe of our own can connect; nothing when systemd's socket has no path.
    let probePath: String?
    /// Kept as long as the daemon runs: they unlink their sockets at the end.
    private let bound: [BoundSocket]

    init(_ options: Darkroomd, _ environment: SystemdEnvironment) throws(StartFailure) {
        let names = Set(Rule.SocketName.allCases.map { $0.rawValue })
        let passed: [ListenSocket]
        do {
            passed = try environment.listenSockets(named: names)
        } catch {
            throw StartFailure(status: StartFailure.badConfiguration, message: "\(error)")
        }
        guard passed.isEmpty else {
            guard let api = passed.first(where: { $0.name == Rule.SocketName.api.rawValue }) else {
                throw StartFailure(
                    status: StartFailure.badConfiguration,
                    message: "systemd handed over the socket for admins alone, and nobody else could ask; "
                        + "start darkroom.socket too")
            }
            bound = []
            probePath = Self.path(of: api.descriptor)
            listeners = passed.map {
                LineServer.Listener(descriptor: OwnedDescriptor(taking: $0.descriptor), name: $0.name)
            }
            return
        }
        guard let path = options.socket else {
            throw StartFailure(
                status: 64,
                message: "there is no socket: systemd handed none over and --socket was not given; "
                    + "start darkroom.socket, or see darkroomd --help")
        }
        let mode = UInt32(options.socketMode, radix: 8) ?? 0o600
        var bound = [try Self.bind(path, mode)]
        var listeners = [LineServer.Listener(descriptor: bound[0].descriptor, name: Rule.SocketName.api.rawValue)]
        if let admin = options.adminSocket {
            let socket = try Self.bind(admin, mode)
            bound.append(socket)
            listeners.append(LineServer.Listener(descriptor: socket.descriptor, name: Rule.SocketName.admin.rawValue))
        }
        self.bound = bound
        self.listeners = listeners
        probePath = path
    }

    /// Takes our own sockets away; systemd's stay where they are.
    func remove() {
        for socket in bound { socket.remove() }
    }

    /// The path that a socket is bound to.
    private static func path(of descriptor: Int32) -> String? {
        var address = sockaddr_un()
        var length = socklen_t(MemoryLayout<sockaddr_un>.size)
        let status = unsafe withUnsafeMutablePointer(to: &address) { pointer in
            unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                unsafe getsockname(descriptor, $0, &length)
            }
        }
        guard status == 0 else { return nil }
        let path = unsafe withUnsafeBytes(of: address.sun_path) { bytes in unsafe Array(bytes.prefix { $0 != 0 }) }
        return path.isEmpty ? nil : String(decoding: path, as: UTF8.self)
    }

    private static func bind(_ path: String, _ mode: UInt32) throws(StartFailure) -> BoundSocket {
        do throws(BoundSocketError) {
            return try BoundSocket(path: path, mode: mode)
        } catch {
            switch error {
            case .inUse(let pid):
                let holder = pid.map { "the process \($0)" } ?? "another process"
                throw StartFailure(
                    status: StartFailure.temporary, message: "\(holder) listens on the socket \(path) already")
            case .pathTooLong(let count):
                throw StartFailure(
                    status: 64, message: "the socket's path has \(count) bytes; a Unix socket's has at most 107")
            case .notASocket:
                throw StartFailure(
                    status: StartFailure.ioError,
                    message: "there is something at \(path) that is no socket; it is left alone")
            case .system(let error):
                throw StartFailure(status: StartFailure.ioError, message: "cannot listen on \(path): \(error)")
            }
        }
    }
}
