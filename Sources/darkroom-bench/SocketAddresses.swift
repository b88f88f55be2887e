// Blocking sockets: addresses that Swift has no initialiser for, and the few calls on them.

import Glibc

enum Sockets {
    /// A connection to a socket in the file system, or a socket bound there.
    static func unix(_ path: String, type: __socket_type, bind isBound: Bool = false) throws -> Int32 {
        let descriptor = socket(AF_UNIX, Int32(type.rawValue | SOCK_CLOEXEC.rawValue), 0)
        guard descriptor >= 0 else { throw BenchError.system("socket") }
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        let isLong = unsafe withUnsafeMutableBytes(of: &address.sun_path) { room in
            guard path.utf8.count < room.count else { return true }
            unsafe room.copyBytes(from: path.utf8)
            return false
        }
        guard !isLong else {
            close(descriptor)
            throw BenchError("\(path) is too long for a Unix socket; choose a shorter --work directory")
        }
        return try connected(descriptor, to: address, isBound: isBound, name: path)
    }

    /// A connection to a port on loopback.
    static func loopback(port: Int) throws -> Int32 {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
        guard descriptor >= 0 else { throw BenchError.system("socket") }
        var isOn: Int32 = 1
        let size = socklen_t(MemoryLayout<Int32>.size)
        unsafe setsockopt(descriptor, Int32(IPPROTO_TCP), TCP_NODELAY, &isOn, size)
        return try connected(descriptor, to: loopbackAddress(port: port), isBound: false, name: "port \(port)")
    }

    /// A port on loopback that nobody listens on at this moment.
    static func freePort() throws -> Int {
        let (descriptor, port) = try boundPort()
        close(descriptor)
        return port
    }

    /// A port on loopback on which connections are taken and nothing is ever said.
    static func silentPort() throws -> (descriptor: Int32, port: Int) {
        let (descriptor, port) = try boundPort()
        guard listen(descriptor, 1024) == 0 else { throw BenchError.system("listen") }
        return (descriptor, port)
    }

    private static func boundPort() throws -> (descriptor: Int32, port: Int) {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
        guard descriptor >= 0 else { throw BenchError.system("socket") }
        _ = try connected(descriptor, to: loopbackAddress(port: 0), isBound: true, name: "loopback")
        var address = sockaddr_in()
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let code = unsafe withUnsafeMutablePointer(to: &address) { pointer in
            unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                unsafe getsockname(descriptor, $0, &length)
            }
        }
        guard code == 0 else { throw BenchError.system("getsockname") }
        return (descriptor, Int(UInt16(bigEndian: address.sin_port)))
    }

    /// Waits until something can be read; false when it did not come in time.
    static func isReadable(_ descriptor: Int32, within: Duration) -> Bool {
        var entry = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
        return unsafe poll(&entry, 1, Int32(within.milliseconds)) > 0
    }

    private static func loopbackAddress(port: Int) -> sockaddr_in {
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = UInt16(port).bigEndian
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        return address
    }

    private static func connected<Address>(
        _ descriptor: Int32, to address: Address, isBound: Bool, name: String
    ) throws -> Int32 {
        let length = socklen_t(MemoryLayout<Address>.size)
        let code = unsafe withUnsafePointer(to: address) { pointer in
            unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                isBound ? unsafe bind(descriptor, $0, length) : unsafe connect(descriptor, $0, length)
            }
        }
        guard code == 0 else {
            let error = BenchError.system(name)
            close(descriptor)
            throw error
        }
        return descriptor
    }
}
