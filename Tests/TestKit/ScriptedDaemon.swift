// A daemon made of a script: a real Unix socket and real descriptors, and no state behind them.

import CAncillary
import Dispatch
import Glibc
package import LineSocket
import Synchronization
package import Wire

/// Listens at a path and plays one script for each connection, one after the other.
package final class ScriptedDaemon: Sendable {
    package struct Trouble: Error, CustomStringConvertible {
        package let description: String
    }

    package let path: String
    private let state = Mutex(State())
    private let ended = DispatchSemaphore(value: 0)

    private struct State {
        var requests: [ScriptedRequest] = []
        var connectionCount = 0
        var isStopped = false
        var trouble: [String] = []
    }

    /// Binds and listens, and serves on a thread of its own until `stop`.
    ///
    /// - Parameters:
    ///   - path: Where; what is there goes.
    ///   - script: Called with each connection and its number, from 0; the connection is closed when it returns.
    /// - Throws: `Trouble` when the path cannot be bound.
    package init(_ path: String, _ script: @escaping @Sendable (ScriptedConnection, Int) throws -> Void) throws {
        self.path = path
        let listener = try Self.bind(path)
        guard listen(listener.rawValue, 16) == 0 else { throw Trouble(description: "listen: \(errno)") }
        DispatchQueue(label: "scripted daemon").async { [self] in
            serve(listener, script)
            ended.signal()
        }
    }

    /// Makes the socket's node, with nobody listening on it.
    package static func bind(_ path: String) throws -> OwnedDescriptor {
        unsafe unlink(path)
        let descriptor = ca_socket()
        guard descriptor >= 0 else { throw Trouble(description: "socket: \(descriptor)") }
        let socket = OwnedDescriptor(taking: descriptor)
        let result = unsafe ca_bind(descriptor, path)
        guard result == 0 else { throw Trouble(description: "bind \(path): \(result)") }
        return socket
    }

    /// Ends the serving and waits for it; the node stays, as after a crash.
    package func stop() {
        state.withLock { $0.isStopped = true }
        ended.wait()
        ended.signal()
    }

    /// Every request so far, in order.
    package var requests: [ScriptedRequest] { state.withLock { $0.requests } }

    /// What went wrong in the scripts.
    package var trouble: [String] { state.withLock { $0.trouble } }

    private func serve(
        _ listener: OwnedDescriptor, _ script: (ScriptedConnection, Int) throws -> Void
    ) {
        while !state.withLock({ $0.isStopped }) {
            guard ca_wait_readable(listener.rawValue, 20) == 1 else { continue }
            let descriptor = ca_accept(listener.rawValue)
            guard descriptor >= 0 else { continue }
            let connection = ScriptedConnection(OwnedDescriptor(taking: descriptor)) { [self] request in
                state.withLock { $0.requests.append(request) }
            }
            let number = state.withLock { state in
                defer { state.connectionCount += 1 }
                return state.connectionCount
            }
            do {
                try script(connection, number)
            } catch {
                state.withLock { $0.trouble.append("\(error)") }
            }
        }
    }
}

/// A request as the script sees it.
package struct ScriptedRequest: Sendable, Hashable {
    package let id: RequestID
    package let method: String
    package let params: JSONValue
    /// The contents of the descriptors that came with it.
    package let attachments: [String]
}

/// The daemon's end of one connection.
package final class ScriptedConnection {
    private let channel: LineChannel
    private let record: (ScriptedRequest) -> Void

    init(_ socket: OwnedDescriptor, _ record: @escaping (ScriptedRequest) -> Void) {
        channel = LineChannel(adopting: socket)
        self.record = record
    }

    /// The next request; an error when none comes within half a minute.
    package func receive() throws -> ScriptedRequest {
        guard let line = try channel.receive(until: .now + .seconds(30)) else {
            throw ScriptedDaemon.Trouble(description: "the client has closed")
        }
        let message = try Request(line: line.bytes)
        guard let id = message.id else { throw ScriptedDaemon.Trouble(description: "no id") }
        let request = ScriptedRequest(
            id: id, method: message.method, params: .object(message.params),
            attachments: line.descriptors.map(Self.contents))
        record(request)
        return request
    }

    /// Waits until the client has gone.
    package func waitForEnd() throws {
        while try channel.receive(until: .now + .seconds(30)) != nil {}
    }

    package func answer(_ request: ScriptedRequest, _ result: some Encodable, files: [String] = []) throws {
        try send(Answer.success(request.id, result), files: files)
    }

    package func fail(_ request: ScriptedRequest, _ error: WireError) throws {
        try send(Answer.failure(request.id, error))
    }

    package func notify(_ request: ScriptedRequest, _ event: JobEvent) throws { try send(event.line(for: request.id)) }

    /// Sends a line as it is, with a descriptor for each file's content.
    package func send(_ line: [UInt8], files: [String] = []) throws {
        try channel.send(line, descriptors: try files.map(Self.open), until: .now + .seconds(30))
    }

    /// A file without a name that holds this text, at offset 0.
    package static func open(_ content: String) throws -> OwnedDescriptor {
        let descriptor = unsafe ca_memfd("scripted")
        guard descriptor >= 0 else { throw ScriptedDaemon.Trouble(description: "memfd: \(descriptor)") }
        let owned = OwnedDescriptor(taking: descriptor)
        let bytes = [UInt8](content.utf8)
        guard unsafe pwrite(descriptor, bytes, bytes.count, 0) == bytes.count else {
            throw ScriptedDaemon.Trouble(description: "pwrite: \(errno)")
        }
        return owned
    }

    private static func contents(_ descriptor: OwnedDescriptor) -> String {
        var bytes = [UInt8](repeating: 0, count: 65536)
        let count = unsafe pread(descriptor.rawValue, &bytes, bytes.count, 0)
        return String(decoding: bytes.prefix(max(0, count)), as: UTF8.self)
    }
}
