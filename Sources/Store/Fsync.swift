// How bytes and names are made durable; tests let it fail, since no disk fails when asked to.

import Glibc

/// Flushes files and directories, or nothing at all.
package struct Fsync: Sendable {
    private let call: (@Sendable (Int32) -> Int32)?

    /// - Parameter call: Takes a descriptor, answers 0 or an errno; nil flushes nothing.
    package init(_ call: (@Sendable (Int32) -> Int32)?) { self.call = call }

    /// fsync(2).
    package static let system = Fsync { Glibc.fsync($0) == 0 ? 0 : errno }
    static let none = Fsync(nil)

    func file(_ file: OpenFile) throws(StoreError) {
        guard let call else { return }
        while true {
            switch call(file.descriptor) {
            case 0: return
            case EINTR: continue
            case let failure: throw .failed("fsync", failure)
            }
        }
    }

    func directory(_ path: String) throws(StoreError) {
        guard call != nil else { return }
        try file(OpenFile(path: path, flags: O_RDONLY | O_DIRECTORY, operation: "open a directory"))
    }
}
