// A client that reads no more than a test wants it to; what nobody reads is what a daemon must survive.

import CAncillary
import Foundation
import Glibc
import TestKit

/// A connection to a Unix socket of which nothing is read unless asked for.
final class SlowReader {
    struct Trouble: Error { let what: String }

    private let descriptor: Int32

    init(_ path: String) throws {
        descriptor = unsafe path.withCString { unsafe ca_connect($0, 10_000) }
        guard descriptor >= 0 else { throw Trouble(what: "connect \(path): \(descriptor)") }
    }

    deinit { close() }

    private var isClosed = false

    func close() {
        guard !isClosed else { return }
        isClosed = true
        Glibc.close(descriptor)
    }

    func finishWriting() { ca_finish_writing(descriptor) }

    /// Sends as far as the daemon reads.
    ///
    /// - Returns: How many bytes were taken; fewer than given when the daemon read nothing for two seconds.
    func send(_ text: String) throws -> Int {
        let bytes = Array(text.utf8)
        var sent = 0
        while sent < bytes.count {
            let count = unsafe bytes.withUnsafeBytes { buffer in
                unsafe ca_send(descriptor, buffer.baseAddress?.advanced(by: sent), bytes.count - sent, nil, 0)
            }
            if count == -Int(EAGAIN) {
                guard ca_wait_writable(descriptor, 2_000) == 1 else { return sent }
                continue
            }
            guard count > 0 else { throw Trouble(what: "send: \(count)") }
            sent += count
        }
        return sent
    }

    /// Reads once, at most so many bytes; nothing at the end of the stream.
    func receive(atMost capacity: Int) throws -> [UInt8]? {
        var buffer = [UInt8](repeating: 0, count: capacity)
        var descriptors = [Int32](repeating: -1, count: Int(CA_MAX_DESCRIPTORS))
        while true {
            guard ca_wait_readable(descriptor, 60_000) == 1 else {
                throw Trouble(what: "no answer within a minute")
            }
            let received = unsafe buffer.withUnsafeMutableBytes { bytes in
                unsafe descriptors.withUnsafeMutableBufferPointer {
                    unsafe ca_receive(descriptor, bytes.baseAddress, capacity, $0.baseAddress)
                }
            }
            if received.byte_count == -Int(EAGAIN) { continue }
            guard received.byte_count >= 0 else { throw Trouble(what: "receive: \(received.byte_count)") }
            return received.byte_count == 0 ? nil : Array(buffer[..<received.byte_count])
        }
    }

    /// Reads until so many lines came, or to the end of the stream, and tells how many did.
    func receiveLines(_ most: Int = .max) throws -> Int {
        var lineCount = 0
        while lineCount < most, let bytes = try receive(atMost: 262_144) {
            var rest = bytes[...]
            while let end = rest.firstIndex(of: 0x0A) {
                lineCount += 1
                rest = rest[(end + 1)...]
            }
        }
        return lineCount
    }
}

extension RunningDaemon {
    /// How many descriptors the daemon has open; with a path, only those of this file.
    func openDescriptorCount(of path: String? = nil) throws -> Int {
        let directory = "/proc/\(process.pid)/fd"
        let names = try FileManager.default.contentsOfDirectory(atPath: directory)
        let targets = names.compactMap {
            try? FileManager.default.destinationOfSymbolicLink(atPath: "\(directory)/\($0)")
        }
        // SQLite opens its readers when they are first needed, and keeps them: they are no leak of a connection's.
        guard let path else { return targets.count { !$0.contains("/darkroom.sqlite") } }
        return targets.count { $0 == path }
    }

    /// The daemon's resident memory in bytes.
    func residentBytes() throws -> Int {
        let status = try String(contentsOfFile: "/proc/\(process.pid)/status", encoding: .utf8)
        let line = status.split(separator: "\n").first { $0.hasPrefix("VmRSS:") }
        guard
            let kibibytes = line?.split(whereSeparator: { $0 == " " || $0 == "\t" }).dropFirst().first.flatMap({
                Int($0)
            })
        else { throw SlowReader.Trouble(what: "there is no VmRSS in \(status)") }
        return kibibytes * 1024
    }

    /// Calls the daemon until it has no more descriptors open than it should.
    ///
    /// It learns that a client has gone, and lets go of what came with a line, in events of their own; each call here
    /// waits for its answer, so some of them come after that.
    func settles(to count: Int, of path: String? = nil, calling socket: RawSocket) throws -> Bool {
        for id in 1_000..<6_000 {
            _ = try socket.call(id, "server.hello")
            if try openDescriptorCount(of: path) <= count { return true }
        }
        return false
    }
}
