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
    let durability: Durability
    /// Flushing blocks, so it has threads of its own.
    let flushing = DispatchQueue(label: "darkroom.artifacts.flushing", attributes: .concurrent)
    let hashing = DispatchQueue(label: "darkroom.artifacts.hashing", attributes: .concurrent)
    /// Held while a name comes or goes, so that the sweep never removes what was just kept.
    private let naming = Mutex(())

    init(directory: StateDirectory, durability: Durability) {
        self.directory = directory
        self.durability = durability
    }

    /// Opens a new file for an image that is about to arrive; it is gone again unless it is kept.
    package func makeTemporary() throws(StoreError) -> TemporaryArtifact {
        var generator = SystemRandomNumberGenerator()
        let path = directory.temporary + "/" + String(generator.next() as UInt64, radix: 16)
        let file = try OpenFile(path: path, flags: O_RDWR | O_CREAT | O_EXCL, operation: "make a temporary file")
        return TemporaryArtifact(file: file, path: path, store: self)
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

    func path(of sha256: String) -> String { "\(directory.artifacts)/\(sha256.prefix(2))/\(sha256)" }

    /// Gives a flushed temporary file its name for good.
    func place(_ temporary: String, as sha256: String) throws(StoreError) {
        let parent = "\(directory.artifacts)/\(sha256.prefix(2))"
        try exclusively { () throws(StoreError) in
            if try FileSystem.rename(temporary, to: path(of: sha256)) { return }
            try FileSystem.makeDirectory(parent)
            if durability == .full { try FileSystem.flushDirectory(directory.artifacts) }
            guard try FileSystem.rename(temporary, to: path(of: sha256)) else { throw .failed("rename", ENOENT) }
        }
        if durability == .full { try FileSystem.flushDirectory(parent) }
    }

    /// Every name below `artifacts/`.
    func names() throws(StoreError) -> [String] {
        var names: [String] = []
        for parent in try FileSystem.names(in: directory.artifacts) {
            names += try FileSystem.names(in: directory.artifacts + "/" + parent)
        }
        return names
    }

    func remove(_ sha256: String, ifOlderThan time: Timestamp) -> Bool {
        naming.withLock { _ in
            guard let modified = FileSystem.modified(path(of: sha256)), modified < time.milliseconds else {
                return false
            }
            FileSystem.removeIfThere(path(of: sha256))
            return true
        }
    }

    private func exclusively(_ body: () throws(StoreError) -> Void) throws(StoreError) {
        let failure: StoreError? = naming.withLock { _ in
            do throws(StoreError) {
                try body()
                return nil
            } catch { return error }
        }
        if let failure { throw failure }
    }
}
