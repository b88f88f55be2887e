// Where the bytes of an image go while they arrive.

/// Takes the bytes of one image, in order, from the thread that reads the network.
///
/// Every exchange of the process shares that thread, so `write` may go to the page cache and no further: no fsync, no
/// lock that is held across I/O elsewhere. A sink that is not handed back in an `Answer` is only released: it must
/// clean up when it is (an `O_TMPFILE` does).
package protocol ImageSink: AnyObject, Sendable {
    /// Appends decoded bytes, at most 64 KiB of them; the pointer dies with the call.
    func write(_ bytes: UnsafeRawBufferPointer) throws
}
