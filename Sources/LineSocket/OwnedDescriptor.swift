// A file descriptor with one owner: it is closed when the last reference goes, and in no other way.

import Glibc

package final class OwnedDescriptor: Sendable {
    /// Valid as long as this object is kept; never close it.
    package let rawValue: Int32

    private let tally: DescriptorTally?
    private let companion: (any AnyObject & Sendable)?

    /// Takes over an open descriptor.
    ///
    /// - Parameters:
    ///   - rawValue: Not negative, and nobody else's from now on.
    ///   - companion: Let go of when the descriptor is closed.
    package convenience init(taking rawValue: Int32, with companion: (any AnyObject & Sendable)? = nil) {
        self.init(taking: rawValue, of: nil, with: companion)
    }

    /// The same, counted as long as it is open.
    init(taking rawValue: Int32, of tally: DescriptorTally?, with companion: (any AnyObject & Sendable)? = nil) {
        precondition(rawValue >= 0, "a descriptor is not negative")
        self.rawValue = rawValue
        self.tally = tally
        self.companion = companion
        tally?.add(1)
    }

    /// Opens the same open file under another number, closed on exec; offset and flags are shared.
    package func duplicate() throws(SystemError) -> OwnedDescriptor {
        let copy = fcntl(rawValue, F_DUPFD_CLOEXEC, 0)
        guard copy >= 0 else { throw SystemError("fcntl", errno) }
        return OwnedDescriptor(taking: copy)
    }

    deinit {
        close(rawValue)
        tally?.add(-1)
    }
}
