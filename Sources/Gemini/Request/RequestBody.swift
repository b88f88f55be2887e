// A request's body, which is never held whole: text that is in memory and files that are read and encoded while it
// leaves. Its length is known beforehand, since base64 makes four letters of every three bytes begun.

import CBase64
import NIOCore

package enum BodyPiece: Sendable {
    case bytes([UInt8])
    /// The bytes of the source as base64, without quotes.
    case base64(any ImageSource)
    /// The bytes of the source from `offset` on, as they are.
    case plain(any ImageSource, offset: Int, count: Int)

    var byteCount: Int {
        switch self {
        case .bytes(let bytes): bytes.count
        case .base64(let source): (source.byteCount + 2) / 3 * 4
        case .plain(_, offset: _, let count): count
        }
    }
}

package struct RequestBody: Sendable {
    let pieces: [BodyPiece]
    package let contentLength: Int

    init(_ pieces: [BodyPiece]) {
        self.pieces = pieces
        contentLength = pieces.map(\.byteCount).reduce(0, +)
    }
}

/// Reads a body from its start to its end, once.
struct BodyReader {
    /// Bytes given out at a time; what NIO holds for a connection before it calls it not writable is as much.
    static let bufferBytes = 65_536

    private let pieces: [BodyPiece]
    private var index = 0
    /// Into the piece, in bytes of what it is made from.
    private var offset = 0
    private var encoder = cb64_encoder()
    /// Made when the first source is met.
    private var scratch: [UInt8] = []

    init(_ body: RequestBody) {
        pieces = body.pieces
    }

    var isAtEnd: Bool { index == pieces.count }

    /// The next bytes, at most `bufferBytes`; empty only at the end.
    ///
    /// - Throws: What a source throws, and `BodyError.inputShrank`.
    mutating func next() throws -> ByteBuffer {
        var buffer = ByteBuffer()
        while index < pieces.count, buffer.readableBytes < Self.bufferBytes {
            let room = Self.bufferBytes - buffer.readableBytes
            switch pieces[index] {
            case .bytes(let bytes):
                let end = min(offset + room, bytes.count)
                buffer.writeBytes(bytes[offset..<end])
                offset = end
                if end == bytes.count { advance() }
            case .base64(let source):
                guard room >= 4 else { return buffer }
                try encode(source, room: room, into: &buffer)
            case .plain(let source, let start, let count):
                let read = try read(source, at: start + offset, count: min(room, count - offset))
                buffer.writeBytes(scratch[..<read])
                offset += read
                if offset == count { advance() }
            }
        }
        return buffer
    }

    private mutating func encode(_ source: any ImageSource, room: Int, into buffer: inout ByteBuffer) throws {
        let total = source.byteCount
        if offset < total {
            let read = try read(source, at: offset, count: min(room / 4 * 3, total - offset))
            buffer.reserveCapacity(Self.bufferBytes)
            unsafe buffer.writeWithUnsafeMutableBytes(minimumWritableBytes: cb64_encoded_bound(read)) { output in
                guard let output = output.baseAddress else { return 0 }
                return unsafe cb64_encode(
                    &encoder, scratch, read, output.assumingMemoryBound(to: UInt8.self))
            }
            offset += read
        } else {
            var last: [UInt8] = [0, 0, 0, 0]
            let count = unsafe cb64_encode_finish(&encoder, &last)
            buffer.writeBytes(last[..<count])
            advance()
        }
    }

    private mutating func advance() {
        index += 1
        offset = 0
    }

    /// Reads into `scratch`; at least one byte unless `count` is 0.
    private mutating func read(_ source: any ImageSource, at offset: Int, count: Int) throws -> Int {
        guard count > 0 else { return 0 }
        if scratch.isEmpty { scratch = [UInt8](repeating: 0, count: Self.bufferBytes) }
        let wanted = min(count, scratch.count)
        let read = try unsafe scratch.withUnsafeMutableBytes { bytes in
            try unsafe source.read(at: offset, into: UnsafeMutableRawBufferPointer(rebasing: bytes[..<wanted]))
        }
        guard (1...wanted).contains(read) else { throw BodyError.inputShrank }
        return read
    }
}

enum BodyError: Error {
    /// A source ended before its `byteCount`.
    case inputShrank
}
