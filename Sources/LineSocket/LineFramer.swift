// The one codec of both ends: bytes and descriptors as recvmsg brought them, in; whole lines, out.

import CAncillary
import Glibc

package struct LineFramer: Sendable {
    private let maxLineBytes: Int
    /// The bytes of the line that has begun and not ended, each looked at once, when it arrived.
    private var pending: [UInt8] = []
    private var pendingDescriptors: [OwnedDescriptor] = []
    /// A line went over the limit, its LF come or not; nothing is taken from this stream any more.
    package private(set) var isTooLong = false

    /// Starts at the beginning of a line.
    ///
    /// - Parameter maxLineBytes: Longest line, without its LF or CR LF; that many bytes are good, one more is not.
    package init(maxLineBytes: Int = .max) {
        self.maxLineBytes = maxLineBytes
    }

    /// How many descriptors wait for the end of their line.
    var unfinishedDescriptorCount: Int { pendingDescriptors.count }

    /// Closes the descriptors of the line that has not ended; it will have too few.
    mutating func dropUnfinishedDescriptors() {
        pendingDescriptors = []
    }

    /// How many bytes of it have come.
    var unfinishedByteCount: Int { pending.count }

    /// Takes nothing from this stream any more.
    mutating func abandon() { refuse() }

    /// Whether a line has begun and not ended.
    package var isInsideLine: Bool { !pending.isEmpty }

    /// Takes what one recvmsg brought and gives the lines that it ended.
    ///
    /// The descriptors go to the last line begun in these bytes, or, if none begins, to the one that goes on: a
    /// kernel read may start before the message that carried them, and never runs past it. Empty lines are no lines.
    package mutating func receive(_ chunk: RawSpan, descriptors: [OwnedDescriptor] = []) -> [Line] {
        guard !isTooLong else { return [] }
        var lines: [Line] = []
        var rest = chunk
        while let end = rest.offsetOfLineFeed {
            append(rest.extracting(first: end))
            rest = rest.extracting(droppingFirst: end + 1)
            if pending.last == UInt8(ascii: "\r") { pending.removeLast() }
            guard pending.count <= maxLineBytes else {
                refuse()
                return lines
            }
            guard !pending.isEmpty else {
                pendingDescriptors = []
                continue
            }
            lines.append(Line(bytes: pending, descriptors: pendingDescriptors))
            pending = []
            pendingDescriptors = []
        }
        append(rest)
        guard !isOverLimit else {
            refuse()
            return lines
        }
        if !pending.isEmpty {
            Self.add(descriptors, to: &pendingDescriptors)
        } else if let last = lines.indices.last {
            Self.add(descriptors, to: &lines[last].descriptors)
        }
        return lines
    }

    /// A CR may yet turn out to belong to the line's end.
    private var isOverLimit: Bool {
        pending.count > maxLineBytes && (pending.count - 1 > maxLineBytes || pending.last != UInt8(ascii: "\r"))
    }

    private mutating func refuse() {
        isTooLong = true
        pending = []
        pendingDescriptors = []
    }

    private mutating func append(_ bytes: RawSpan) {
        unsafe bytes.withUnsafeBytes { unsafe pending.append(contentsOf: $0) }
    }

    /// A peer that trickles one line can send descriptors with every byte of it; no line needs more than one message's.
    private static func add(_ more: [OwnedDescriptor], to descriptors: inout [OwnedDescriptor]) {
        descriptors += more.prefix(Int(CA_MAX_DESCRIPTORS) - descriptors.count)
    }
}

extension RawSpan {
    fileprivate var offsetOfLineFeed: Int? {
        unsafe withUnsafeBytes { bytes in
            guard let start = bytes.baseAddress,
                let found = unsafe memchr(start, Int32(UInt8(ascii: "\n")), bytes.count)
            else { return nil }
            return unsafe UnsafeRawPointer(found) - start
        }
    }
}
