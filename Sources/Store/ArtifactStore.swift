// Kept images: files named by their sha256 below `artifacts/`, in 256 directories by the first two digits.
//
// The order is what makes a kept image certain: bytes, fsync of the file, rename, fsync of the directory; only then
// comes the row that names it.

import Dispatch
import Glibc
import Synchronization
import Wire

/// The artifact files of a state directory.
package final class ArtifactStore: Sendable {
    let directory: StateDirectory
    let reserve: Reserve
    let fsync: Fsync
    /// Flushing blocks, so it has threads of its own.
    let flushing = DispatchQueue(label: "darkroom.artifacts.flushing", attributes: .concurrent)
    /// As many serial queues as there are cores: more threads would only take turns.
    private let hashing: [DispatchQueue]
    private let opened = Atomic<Int>(0)

    fileprivate struct Names {
        /// Files that were given a name in this run and whose row is not there yet; twice when two jobs made the same.
        var open: [String: Int] = [:]
        /// Rows that came during a sweep, which may have looked for them before.
        var rowed: [String] = []
        var sweeps = 0
        /// Parents made in this run whose own name is not flushed.
        var unflushedParents: Set<String> = []
    }

    private let names = Mutex(Names())

    init(directory: StateDirectory, reserve: Reserve, fsync: Fsync) {
        self.directory = directory
        self.reserve = reserve
        self.fsync = fsync
        let cores = max(1, sysconf(Int32(_SC_NPROCESSORS_ONLN)))
        hashing = (0..<cores).map { DispatchQueue(label: "darkroom.artifacts.hashing.\($0)") }
    }

    /// Opens a new file for an image that is about to arrive; it is gone again unless it is kept.
    ///
    /// - Parameter isPaidFor: That what the disk does not take is held in memory until it does.
    /// - Returns: An empty file.
    /// - Throws: When no file can be opened.
    package func makeTemporary(isPaidFor: Bool = false) throws(StoreError) -> TemporaryArtifact {
        let number = opened.wrappingAdd(1, ordering: .relaxed).newValue
        return TemporaryArtifact(
            file: try makeFile(), hashing: hashing[abs(number % hashing.count)], isPaidFor: isPaidFor, store: self)
    }

    /// Makes room for an image of an answer that has begun: what is paid for is held in memory where no file can be
    /// opened now, and gets one when it is kept.
    package func makePaidFor() -> TemporaryArtifact {
        let number = opened.wrappingAdd(1, ordering: .relaxed).newValue
        let file = try? reserve.helping { () throws(StoreError) in try makeFile() }
        return TemporaryArtifact(
            file: file, hashing: hashing[abs(number % hashing.count)], isPaidFor: true, store: self)
    }

    func makeFile() throws(StoreError) -> TemporaryFile {
        var generator = SystemRandomNumberGenerator()
        let path = directory.temporary + "/" + String(generator.next() as UInt64, radix: 16)
        let file = try OpenFile(path: path, flags: O_RDWR | O_CREAT | O_EXCL, operation: "make a temporary file")
        return TemporaryFile(file: file, path: path)
    }

    /// Opens a kept image for reading, at offset 0.
    ///
    /// - Parameter sha256: 64 lower-case hexadecimal digits.
    /// - Returns: Nil when there is none.
    /// - Throws: `.file` when it is there and cannot be opened.
    package func open(_ sha256: String) throws(StoreError) -> OpenFile? {
        do {
            return try OpenFile(path: path(of: sha256), flags: O_RDONLY, operation: "open an artifact")
        } catch .file(_, ENOENT) {
            return nil
        }
    }

    func path(of sha256: String) -> String { "\(parent(of: sha256))/\(sha256)" }
    func parent(of sha256: String) -> String { "\(directory.artifacts)/\(sha256.prefix(2))" }

    /// Keeps the sweep from a name, before a file gets it.
    func spare(_ sha256: String) { names.withLock { $0.open[sha256, default: 0] += 1 } }

    /// Takes note that rows name these files, so that the rows alone keep the sweep from them.
    func rowed(_ digests: [String]) {
        names.withLock { names in
            if names.sweeps > 0 { names.rowed += digests } else { names.forget(digests) }
        }
    }

    /// Gives a flushed temporary file its name; `flushName` makes the name durable.
    func place(_ temporary: String, as sha256: String) throws(StoreError) {
        if try FileSystem.rename(temporary, to: path(of: sha256)) { return }
        names.withLock { _ = $0.unflushedParents.insert(parent(of: sha256)) }
        try FileSystem.makeDirectory(parent(of: sha256))
        FaultPoint.reach(.parentMade)
        guard try FileSystem.rename(temporary, to: path(of: sha256)) else { throw .failed("rename", ENOENT) }
    }

    func flushName(of sha256: String) throws(StoreError) {
        let parent = parent(of: sha256)
        if names.withLock({ $0.unflushedParents.contains(parent) }) {
            try fsync.directory(directory.artifacts)
            FaultPoint.reach(.parentFlushed)
            names.withLock { _ = $0.unflushedParents.remove(parent) }
        }
        try fsync.directory(parent)
    }

    /// Gives up names that no row is going to have.
    func giveBack(_ digests: [String]) { names.withLock { $0.forget(digests) } }

    func beginSweep() { names.withLock { $0.sweeps += 1 } }

    func endSweep() {
        names.withLock { names in
            names.sweeps -= 1
            guard names.sweeps == 0 else { return }
            names.forget(names.rowed)
            names.rowed = []
        }
    }

    /// Removes a file that no row names, unless this run gave it its name or it is too young.
    func remove(_ sha256: String, ifOlderThan time: Timestamp) -> Bool {
        names.withLock { names in
            guard names.open[sha256] == nil, isOlder(sha256, than: time) else { return false }
            FileSystem.removeIfThere(path(of: sha256))
            return true
        }
    }

    /// Removes a file that no row names, unless another job of this run is about to.
    func remove(_ sha256: String) {
        names.withLock { names in
            if names.open[sha256] == nil { FileSystem.removeIfThere(path(of: sha256)) }
        }
    }

    func isThere(_ sha256: String) -> Bool { FileSystem.modified(path(of: sha256)) != nil }

    func isOlder(_ sha256: String, than time: Timestamp) -> Bool {
        FileSystem.modified(path(of: sha256)).map { $0 < time.milliseconds } ?? false
    }
}

extension ArtifactStore.Names {
    fileprivate mutating func forget(_ digests: [String]) {
        for digest in digests {
            guard let count = open[digest] else { continue }
            open[digest] = count > 1 ? count - 1 : nil
        }
    }
}
