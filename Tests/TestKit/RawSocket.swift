// A client of the protocol made of plain system calls, so that the daemon is not tested with its own codec.

import CAncillary
import Foundation
import Glibc
package import Wire

/// A connection to a Unix socket; every wait ends after a minute.
package final class RawSocket {
    private let descriptor: Int32
    private var pending: [UInt8] = []
    private var pendingDescriptors: [Int32] = []

    package struct Trouble: Error, CustomStringConvertible {
        package let what: String
        package var description: String { what }
    }

    package init(_ path: String) throws {
        descriptor = unsafe path.withCString { unsafe ca_connect($0, 10_000) }
        guard descriptor >= 0 else { throw Trouble(what: "connect \(path): \(descriptor)") }
    }

    deinit { close() }

    private var isClosed = false

    package func close() {
        guard !isClosed else { return }
        isClosed = true
        Glibc.close(descriptor)
        for descriptor in pendingDescriptors { Glibc.close(descriptor) }
    }

    package func finishWriting() { ca_finish_writing(descriptor) }

    /// Sends bytes as they are.
    package func send(_ bytes: [UInt8], descriptors: [Int32] = []) throws {
        var sent = 0
        while sent < bytes.count {
            let attached = sent == 0 ? descriptors : []
            let count = unsafe bytes.withUnsafeBytes { buffer in
                unsafe attached.withUnsafeBufferPointer { fds in
                    unsafe ca_send(
                        descriptor, buffer.baseAddress?.advanced(by: sent), bytes.count - sent, fds.baseAddress,
                        attached.count)
                }
            }
            if count == -Int(EAGAIN) {
                guard ca_wait_writable(descriptor, 60_000) == 1 else { throw Trouble(what: "the daemon does not read") }
                continue
            }
            guard count > 0 else { throw Trouble(what: "send: \(count)") }
            sent += count
        }
    }

    /// Sends one line.
    package func send(_ line: String, descriptors: [Int32] = []) throws {
        try send(Array(line.utf8) + [0x0A], descriptors: descriptors)
    }

    /// The next line, or nothing at the end of the stream.
    package func receive() throws -> String? {
        while true {
            if let end = pending.firstIndex(of: 0x0A) {
                let line = String(decoding: pending[..<end], as: UTF8.self)
                pending.removeSubrange(...end)
                guard !Canary.isIn(line) else { throw Trouble(what: "the key is in what the daemon sent") }
                return line
            }
            guard ca_wait_readable(descriptor, 60_000) == 1 else { throw Trouble(what: "no answer within a minute") }
            var buffer = [UInt8](repeating: 0, count: 262_144)
            var fds = [Int32](repeating: -1, count: Int(CA_MAX_DESCRIPTORS))
            let received = unsafe buffer.withUnsafeMutableBytes { bytes in
                unsafe fds.withUnsafeMutableBufferPointer {
                    unsafe ca_receive(descriptor, bytes.baseAddress, bytes.count, $0.baseAddress)
                }
            }
            if received.byte_count == -Int(EAGAIN) { continue }
            guard received.byte_count >= 0 else { throw Trouble(what: "receive: \(received.byte_count)") }
            pendingDescriptors += fds[..<Int(received.descriptor_count)]
            if received.byte_count == 0 {
                guard pending.isEmpty else { throw Trouble(what: "the stream ended within a line") }
                return nil
            }
            pending += buffer[..<received.byte_count]
        }
    }

    /// The descriptors that came so far; the caller's to close.
    package func takeDescriptors() -> [Int32] {
        defer { pendingDescriptors = [] }
        return pendingDescriptors
    }

    /// The next message as JSON.
    package func receiveMessage() throws -> [String: JSONValue] {
        guard let line = try receive() else { throw Trouble(what: "the stream ended") }
        guard case .object(let members) = try WireJSON.decode(JSONValue.self, from: Array(line.utf8)) else {
            throw Trouble(what: "not an object: \(line)")
        }
        return members
    }

    /// Sends a request and gives back its answer; notifications on the way are collected.
    package func call(
        _ id: Int, _ method: String, _ params: String = "{}", descriptors: [Int32] = []
    ) throws -> Reply {
        try send(
            #"{"jsonrpc":"2.0","id":\#(id),"method":"\#(method)","params":\#(params)}"#, descriptors: descriptors)
        var events: [[String: JSONValue]] = []
        while true {
            let message = try receiveMessage()
            if let answered = message["id"] {
                guard answered == .integer(Int64(id)) else { throw Trouble(what: "an answer to \(answered)") }
                return Reply(message: message, events: events)
            }
            if case .object(let params)? = message["params"] { events.append(params) }
        }
    }

    /// An answer and the notifications before it.
    package struct Reply: Sendable {
        package let message: [String: JSONValue]
        package let events: [[String: JSONValue]]

        package init(message: [String: JSONValue], events: [[String: JSONValue]] = []) {
            self.message = message
            self.events = events
        }

        package var result: JSONValue? { message["result"] }

        package func decode<Result: Decodable>(_ type: Result.Type) throws -> Result {
            guard let result else { throw Trouble(what: "an error: \(message)") }
            return try WireJSON.decode(type, from: WireJSON.encode(result))
        }

        package var error: WireError? {
            message["error"].flatMap { try? WireJSON.decode(WireError.self, from: WireJSON.encode($0)) }
        }
    }
}
