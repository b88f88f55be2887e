// A LineServer on a real socket in a directory of its own, and blocking clients that keep off the tasks' threads.

import CAncillary
import Dispatch
import Foundation
import LineSocket
import Synchronization
import TestKit

struct RunningServer: Sendable {
    let server: LineServer
    let path: String

    static let tooLong = Array("too long".utf8)
    static let tooMany = Array("too many".utf8)

    /// Runs `clients` on a thread of their own, since a blocked thread of the tasks' pool would block the handlers.
    func clients<Value: Sendable>(_ body: @escaping @Sendable (String) throws -> Value) async throws -> Value {
        try await onOwnThread { [path] in try body(path) }
    }
}

func onOwnThread<Value: Sendable>(_ body: @escaping @Sendable () throws -> Value) async throws -> Value {
    try await withCheckedThrowingContinuation { continuation in
        DispatchQueue(label: "client").async { continuation.resume(with: Result { try body() }) }
    }
}

/// Serves with `handle` while `body` runs, then stops; a connection left open is closed after `grace`.
func withServer<Value: Sendable>(
    limits: LineServer.Limits = .init(), timing: LineServer.Timing = .real, mode: UInt32 = 0o600,
    grace: Duration = .seconds(5), report: @escaping @Sendable (LineServer.Dropped) -> Void = { _ in },
    _ handle: @escaping @Sendable (Line, LineConnection) async -> Void,
    _ body: @Sendable (RunningServer) async throws -> Value
) async throws -> Value {
    let directory = try TemporaryDirectory(mode: mode == 0o600 ? 0o700 : 0o755)
    let socket = try BoundSocket(path: directory.path + "/s", mode: mode)
    let server = LineServer(
        listeners: [.init(descriptor: socket.descriptor, name: "api")], limits: limits,
        refusals: .init(
            lineTooLong: RunningServer.tooLong, tooManyConnections: RunningServer.tooMany,
            lineTooSlow: Array("too slow".utf8), tooMuchUnfinished: Array("too much".utf8)),
        timing: timing, report: report)
    async let running: Void = server.run(handle)
    do {
        let value = try await body(RunningServer(server: server, path: socket.path))
        await server.stop(within: grace)
        await running
        return value
    } catch {
        await server.stop(within: .zero)
        await running
        throw error
    }
}

extension LineServer {
    /// Returns when what handlers have handed over so far has been carried out: sending hands over and does not wait.
    func settled() {}
}

@Sendable func echo(_ line: Line, _ connection: LineConnection) async {
    await connection.send(OutboundLine(line.bytes))
}

/// Opens once, for as many as wait.
final class Gate: Sendable {
    private let state = Mutex<(isOpen: Bool, waiting: [CheckedContinuation<Void, Never>])>((false, []))

    func wait() async {
        await withCheckedContinuation { continuation in
            let isOpen = state.withLock { state in
                if !state.isOpen { state.waiting.append(continuation) }
                return state.isOpen
            }
            if isOpen { continuation.resume() }
        }
    }

    func open() {
        let waiting = state.withLock { state in
            state.isOpen = true
            defer { state.waiting = [] }
            return state.waiting
        }
        waiting.forEach { $0.resume() }
    }
}

final class ManualClock: Sendable {
    private let time = Mutex(ContinuousClock.now)

    var timing: LineServer.Timing { .manual { self.time.withLock { $0 } } }

    func advance(by duration: Duration) {
        time.withLock { $0 += duration }
    }
}

extension LineChannel {
    /// As far as a test goes, an answer that takes a minute does not come.
    static var patience: ContinuousClock.Instant { .now + .seconds(60) }

    convenience init(_ path: String) throws {
        try self.init(connectingTo: path, timeout: .seconds(60))
    }

    func send(_ text: String, _ descriptors: [OwnedDescriptor] = []) throws {
        try send(Array(text.utf8), descriptors: descriptors, until: Self.patience)
    }

    func next() throws -> String? {
        try receive(until: Self.patience)?.text
    }

    func rest() throws -> [String] {
        var lines: [String] = []
        while let line = try next() { lines.append(line) }
        return lines
    }
}

extension Line {
    var text: String { String(decoding: bytes, as: UTF8.self) }
}

/// A connected pair: a raw socket to write anything to, and a channel.
func makePair() throws -> (OwnedDescriptor, OwnedDescriptor) {
    var (first, second): (Int32, Int32) = (-1, -1)
    let result = unsafe ca_socket_pair(&first, &second)
    guard result == 0 else { throw SystemError("socketpair", -result) }
    return (OwnedDescriptor(taking: first), OwnedDescriptor(taking: second))
}

/// A socket that writes what it is told, framing and all.
struct RawClient: Sendable {
    let socket: OwnedDescriptor

    init(socket: OwnedDescriptor) { self.socket = socket }

    init(_ path: String) throws {
        let result = unsafe ca_connect(path, 60_000)
        guard result >= 0 else { throw SystemError("connect", -result) }
        socket = OwnedDescriptor(taking: result)
    }

    /// One sendmsg, waiting for room; returns how many bytes went.
    @discardableResult
    func write(_ bytes: [UInt8], _ descriptors: [OwnedDescriptor] = []) throws -> Int {
        while true {
            let result = unsafe ca_send(
                socket.rawValue, bytes, bytes.count, descriptors.map(\.rawValue), descriptors.count)
            if result > 0 { return result }
            guard result == -Int(EAGAIN) else { throw SystemError("sendmsg", Int32(-result)) }
            guard ca_wait_writable(socket.rawValue, 60_000) == 1 else { throw SystemError("poll", ETIMEDOUT) }
        }
    }

    func write(_ text: String, _ descriptors: [OwnedDescriptor] = []) throws {
        try write(Array(text.utf8), descriptors)
    }

    func writeAll(_ bytes: [UInt8]) throws {
        var rest = bytes[...]
        while !rest.isEmpty { rest = try rest.dropFirst(write(Array(rest))) }
    }

    func finish() { _ = ca_finish_writing(socket.rawValue) }

    /// Memory of what was written and not read by the other side, as unix(7) counts it; 0 once all is read.
    var unreadByteCount: Int32 {
        var count: Int32 = -1
        _ = unsafe ioctl(socket.rawValue, UInt(TIOCOUTQ), &count)
        return count
    }

    /// Takes over reading.
    var channel: LineChannel { LineChannel(adopting: socket) }
}

/// Returns when the server has read everything that a client wrote; a minute at most.
func requireRead(_ client: RawClient) throws {
    let start = ContinuousClock.now
    while client.unreadByteCount > 0 {
        guard ContinuousClock.now - start < .seconds(60) else { throw SystemError("SIOCOUTQ", ETIMEDOUT) }
        sched_yield()
    }
}

/// Whether something to be read comes within a minute.
func isReadable(_ client: RawClient) -> Bool { ca_wait_readable(client.socket.rawValue, 60_000) == 1 }

/// A file that holds `text`, at offset 0.
func makeFile(_ text: String) throws -> OwnedDescriptor {
    let result = unsafe ca_memfd("test")
    guard result >= 0 else { throw SystemError("memfd", -result) }
    let file = OwnedDescriptor(taking: result)
    guard unsafe pwrite(result, text, text.utf8.count, 0) == text.utf8.count else { throw SystemError("pwrite", errno) }
    return file
}

extension OwnedDescriptor {
    var contents: String {
        var bytes = [UInt8](repeating: 0, count: 4096)
        let count = unsafe pread(rawValue, &bytes, bytes.count, 0)
        return String(decoding: bytes.prefix(max(0, count)), as: UTF8.self)
    }
}
