// What travels: lines in, and lines out with bodies that are made as they are sent.

/// A whole line that has arrived.
package struct Line: Sendable {
    /// The bytes without LF, and without a CR before it.
    package let bytes: [UInt8]
    /// At most 253; those that nobody keeps are closed with the line.
    package var descriptors: [OwnedDescriptor]

    package init(bytes: [UInt8], descriptors: [OwnedDescriptor] = []) {
        self.bytes = bytes
        self.descriptors = descriptors
    }
}

/// A line to be sent: parts in order, none of which holds an LF; the one at the end is added.
package struct OutboundLine: Sendable {
    package enum Part: Sendable {
        case bytes([UInt8])
        /// Made piece by piece when the socket can take it, so that it costs a buffer, whatever its length.
        case body(any LineBody)
    }

    package let parts: [Part]
    /// Sent with the first byte, at most 253; closed when sent or when the connection is gone.
    package let descriptors: [OwnedDescriptor]

    package init(parts: [Part], descriptors: [OwnedDescriptor] = []) {
        self.parts = parts
        self.descriptors = descriptors
    }

    package init(_ bytes: [UInt8], descriptors: [OwnedDescriptor] = []) {
        self.init(parts: [.bytes(bytes)], descriptors: descriptors)
    }
}

/// A source of bytes for one part of a line, read once from front to back.
package protocol LineBody: Sendable {
    /// Writes the next bytes to the front of `buffer`, which is never empty and is used again for every piece.
    ///
    /// Called on the server's one queue, so it must not wait: a local file, not a network.
    ///
    /// - Returns: How many bytes it wrote; 0 ends the body.
    /// - Throws: When it cannot go on. Half of the line is out by then, so the connection is closed.
    mutating func fill(_ buffer: UnsafeMutableRawBufferPointer) throws -> Int
}
