// An image while it arrives. The hash follows the file on a thread of its own, so that the thread that reads the
// network only copies into the page cache; what it reads back is still there.

import Crypto
import Dispatch
import Synchronization

/// A file for the bytes of one image; removed when the last reference goes, unless it was kept.
package final class TemporaryArtifact: Sendable {
    /// What a kept file is called and how large it is.
    package struct Kept: Sendable, Equatable {
        /// 64 lower-case hexadecimal digits.
        package var sha256: String
        package var bytes: Int

        package init(sha256: String, bytes: Int) {
            self.sha256 = sha256
            self.bytes = bytes
        }
    }

    private struct Progress {
        var written: Int64 = 0
        /// How far hashing was asked to go at least.
        var hashed: Int64 = 0
        var isHashing = false
        var isKept = false
    }

    private struct Digest {
        var hasher = SHA256()
        var offset: Int64 = 0
    }

    /// Hashed behind the writer in pieces of this size; smaller images are hashed when they are kept.
    private static let pieceBytes = 262_144

    private let file: OpenFile
    private let path: String
    private let store: ArtifactStore
    private let progress = Mutex(Progress())
    private let digest = Mutex(Digest())

    init(file: OpenFile, path: String, store: ArtifactStore) {
        self.file = file
        self.path = path
        self.store = store
    }

    deinit {
        if progress.withLock({ !$0.isKept }) { FileSystem.removeIfThere(path) }
    }

    /// Bytes written so far.
    package var byteCount: Int { Int(progress.withLock { $0.written }) }

    /// Appends bytes; from one thread at a time.
    ///
    /// - Throws: `StoreError`.
    package func write(_ bytes: UnsafeRawBufferPointer) throws {
        try unsafe file.write(bytes)
        let count = Int64(bytes.count)
        let isDue = progress.withLock { progress in
            progress.written += count
            guard !progress.isHashing, progress.written - progress.hashed >= Int64(Self.pieceBytes) else {
                return false
            }
            progress.isHashing = true
            progress.hashed = progress.written
            return true
        }
        guard isDue else { return }
        store.hashing.async {
            // A failed read is met again by `keep`, which can tell it.
            _ = try? self.hashWritten()
            self.progress.withLock { $0.isHashing = false }
        }
    }

    /// Hashes from where the hash stands to where the file ends now.
    private func hashWritten() throws(StoreError) {
        let end = progress.withLock { $0.written }
        let failure: StoreError? = digest.withLock { digest in
            do throws(StoreError) {
                while digest.offset < end {
                    let count = min(Self.pieceBytes, Int(end - digest.offset))
                    let piece = try file.read(upTo: count, at: digest.offset)
                    guard piece.count == count else { throw StoreError.corrupt("a temporary file is too short") }
                    digest.hasher.update(data: piece)
                    digest.offset += Int64(count)
                }
                return nil
            } catch { return error }
        }
        if let failure { throw failure }
    }

    /// Flushes the file and gives it its name for good; on an error it is as if it had never been.
    package func keep() async throws(StoreError) -> Kept {
        let outcome: Result<Kept, StoreError> = await withCheckedContinuation { continuation in
            store.flushing.async {
                do throws(StoreError) {
                    continuation.resume(returning: .success(try self.keepNow()))
                } catch {
                    continuation.resume(returning: .failure(error))
                }
            }
        }
        return try outcome.get()
    }

    private func keepNow() throws(StoreError) -> Kept {
        try hashWritten()
        if store.durability == .full { try file.flush() }
        let sha256 = digest.withLock { digest in
            digest.hasher.finalize().map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
        }
        try store.place(path, as: sha256)
        progress.withLock { $0.isKept = true }
        return Kept(sha256: sha256, bytes: byteCount)
    }
}
