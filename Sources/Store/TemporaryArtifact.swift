// An image while it arrives. The hash follows the file on a thread of its own, so that the thread that reads the
// network only copies into the page cache; what it reads back is still there.

import Crypto
import Dispatch
import ImageHeader
import Synchronization
import Wire

/// A file below `temporary/`.
struct TemporaryFile: Sendable {
    let file: OpenFile
    let path: String
}

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
        /// Nil as long as none could be opened; then all bytes are in the tail.
        var current: TemporaryFile?
        var written: Int64 = 0
        /// The last bytes of those written, which the disk did not take.
        var tail: [UInt8] = []
        /// How far hashing was asked to go at least.
        var hashed: Int64 = 0
        var isHashing = false
        /// How far keeping has come, so that a second try goes on from there.
        var isSpoilt = false
        var isSpared = false
        var isPlaced = false
        /// That the file stays for the next run, which has a receipt for it.
        var isLeft = false
    }

    private struct Digest {
        var hasher = SHA256()
        var offset: Int64 = 0
        /// Empty until the first piece and after the last.
        var buffer: [UInt8] = []
    }

    /// Hashed behind the writer in pieces of this size, each of which wakes a thread; smaller images, and what is left
    /// at the end, are hashed when they are kept, at 1.5 GB a second.
    private static let pieceBytes: Int64 = 1_048_576
    /// Read at once: small enough for a processor's second cache.
    private static let bufferBytes = 65_536

    private let store: ArtifactStore
    private let hashing: DispatchQueue
    private let isPaidFor: Bool
    private let progress: Mutex<Progress>
    private let digest = Mutex(Digest())

    /// - Parameters:
    ///   - file: Nil when none could be opened; only for what is paid for.
    ///   - hashing: The queue that hashes it.
    ///   - isPaidFor: See `ArtifactStore.makeTemporary`.
    ///   - store: Where it is to be kept.
    init(file: TemporaryFile?, hashing: DispatchQueue, isPaidFor: Bool, store: ArtifactStore) {
        self.hashing = hashing
        self.isPaidFor = isPaidFor
        self.store = store
        progress = Mutex(Progress(current: file))
    }

    deinit {
        let abandoned = progress.withLock { $0.isPlaced || $0.isLeft ? nil : $0.current?.path }
        if let abandoned { FileSystem.removeIfThere(abandoned) }
    }

    /// Bytes written so far.
    package var byteCount: Int { Int(progress.withLock { $0.written }) }

    /// Appends bytes; from one thread at a time, and not once it is being kept.
    ///
    /// - Throws: `StoreError`, unless it is paid for.
    package func write(_ bytes: UnsafeRawBufferPointer) throws {
        FaultPoint.reach(.firstByteBefore)
        try unsafe append(bytes)
        FaultPoint.reach(.firstByteAfter)
        let count = Int64(bytes.count)
        let isDue = progress.withLock { progress in
            progress.written += count
            guard !progress.isHashing, progress.written - progress.hashed >= Self.pieceBytes else { return false }
            progress.isHashing = true
            progress.hashed = progress.written
            return true
        }
        guard isDue else { return }
        hashing.async {
            // A failed read is met again by `keep`, which can tell it.
            _ = try? self.hashWritten()
            self.progress.withLock { $0.isHashing = false }
        }
    }

    /// Writes at the end of the file, or puts the bytes by when it cannot take them and they are paid for.
    private func append(_ bytes: UnsafeRawBufferPointer) throws(StoreError) {
        let (file, offset, isFull) = progress.withLock { ($0.current?.file, $0.written, !$0.tail.isEmpty) }
        if let file, !isFull {
            do throws(StoreError) {
                guard isPaidFor else { return try unsafe file.write(bytes, at: offset) }
                return try store.reserve.helping { () throws(StoreError) in try unsafe file.write(bytes, at: offset) }
            } catch {
                guard isPaidFor else { throw error }
            }
        }
        progress.withLock { unsafe $0.tail.append(contentsOf: bytes) }
    }

    /// Writes what was put by.
    private func bringBack() throws(StoreError) {
        let file = try file()
        let (tail, end) = progress.withLock { ($0.tail, $0.written) }
        guard !tail.isEmpty else { return }
        let failure: StoreError? = unsafe tail.withUnsafeBytes { bytes in
            do throws(StoreError) {
                try unsafe file.write(bytes, at: end - Int64(bytes.count))
                return nil
            } catch { return error }
        }
        if let failure { throw failure }
        progress.withLock { $0.tail = [] }
    }

    /// The file, opened now if it could not be before.
    private func file() throws(StoreError) -> OpenFile {
        if let current = progress.withLock({ $0.current }) { return current.file }
        let made = try store.makeFile()
        progress.withLock { $0.current = made }
        return made.file
    }

    /// Hashes from where the hash stands to where the file ends now.
    private func hashWritten() throws(StoreError) {
        let (end, file) = progress.withLock { ($0.written - Int64($0.tail.count), $0.current?.file) }
        guard let file else { return }
        let failure: StoreError? = digest.withLock { digest in
            do throws(StoreError) {
                while digest.offset < end {
                    let count = min(Self.bufferBytes, Int(end - digest.offset))
                    try file.read(count, at: digest.offset, into: &digest.buffer)
                    unsafe digest.buffer.withUnsafeBytes { unsafe digest.hasher.update(bufferPointer: $0) }
                    digest.offset += Int64(count)
                }
                return nil
            } catch { return error }
        }
        if let failure { throw failure }
    }

    /// Bytes that were written; fewer than asked for only at the end.
    func read(_ count: Int, at offset: Int) throws -> [UInt8] {
        try file().read(upTo: count, at: Int64(offset))
    }

    /// Keeps the bytes if they are a whole image, whatever became of the answer that they were part of.
    package func keepIfWhole(as kind: KeptArtifact.Kind) async throws(StoreError) -> KeptArtifact? {
        let outcome: Result<KeptArtifact?, StoreError> = await withCheckedContinuation { continuation in
            store.flushing.async {
                do {
                    guard let image = try self.wholeImage() else {
                        return continuation.resume(returning: .success(nil))
                    }
                    let kept = try self.keepNow()
                    let entry = ImageEntry(
                        sha256: kept.sha256, mimeType: image.mimeType, width: image.width, height: image.height,
                        bytes: kept.bytes)
                    continuation.resume(returning: .success(KeptArtifact(kind: kind, entry: entry)))
                } catch {
                    continuation.resume(returning: .failure(StoreError(error)))
                }
            }
        }
        return try outcome.get()
    }

    private func wholeImage() throws -> (mimeType: String, width: Int, height: Int)? {
        guard byteCount > 0 else { return nil }
        try bringBack()
        var reader = ImageHeaderReader()
        for offset in stride(from: 0, to: byteCount, by: Self.bufferBytes) where reader.header == .needsMore {
            reader.take(try read(Self.bufferBytes, at: offset))
        }
        guard case .known(let type, let pixels?) = reader.finish(),
            try WholeImage(type, byteCount: byteCount, read: read).isWhole()
        else { return nil }
        return (type.mimeType, pixels.width, pixels.height)
    }

    /// Lets the file stay for the next run, which has its receipt.
    func leaveBehind() { progress.withLock { $0.isLeft = true } }

    /// The file's name below `temporary/`; nil when there is none yet.
    var name: String? {
        guard let path = progress.withLock({ $0.current?.path }) else { return nil }
        return String(path[path.index(after: path.lastIndex(of: "/") ?? path.startIndex)...])
    }

    /// Flushes the file and gives it its name for good.
    ///
    /// - Parameter receipt: Told the sha256 before the file gets its name by it.
    /// - Returns: Its name and size, durable but for the row.
    /// - Throws: `.corrupt` when the disk has lost bytes, which no second try brings back; otherwise this may be called
    ///   again, and goes on from where it failed.
    package func keep(noting receipt: LeftReceipt? = nil) async throws(StoreError) -> Kept {
        let outcome: Result<Kept, StoreError> = await withCheckedContinuation { continuation in
            store.flushing.async {
                do throws(StoreError) {
                    continuation.resume(returning: .success(try self.keepNow(noting: receipt)))
                } catch {
                    continuation.resume(returning: .failure(error))
                }
            }
        }
        return try outcome.get()
    }

    /// What `keep` does, on the calling thread, which it blocks.
    func keepNow(noting receipt: LeftReceipt? = nil) throws(StoreError) -> Kept {
        guard isPaidFor else { return try keepOnce(receipt) }
        return try store.reserve.helping { () throws(StoreError) in try keepOnce(receipt) }
    }

    private func keepOnce(_ receipt: LeftReceipt?) throws(StoreError) -> Kept {
        try bringBack()
        try hashWritten()
        let sha256 = digest.withLock { digest in
            digest.buffer = []
            return digest.hasher.finalize().hexadecimal
        }
        if !progress.withLock({ $0.isPlaced }) {
            receipt?.note(sha256, of: self)
            FaultPoint.reach(.artifactBeforeFlush)
            try flush(sha256, receipt)
            FaultPoint.reach(.artifactBeforeRename)
            if !progress.withLock({ $0.isSpared }) {
                store.spare(sha256)
                progress.withLock { $0.isSpared = true }
            }
            if let path = progress.withLock({ $0.current?.path }) { try store.place(path, as: sha256) }
            progress.withLock { $0.isPlaced = true }
            FaultPoint.reach(.artifactAfterRename)
        }
        try store.flushName(of: sha256)
        FaultPoint.reach(.artifactAfterNameFlush)
        return Kept(sha256: sha256, bytes: byteCount)
    }

    /// Flushes the bytes; those of a file that could not be flushed before, in a new file.
    ///
    /// Linux tells a failed write-back to one fsync alone: the pages count as clean from then on, and the next fsync
    /// says 0 (https://lwn.net/Articles/752063/, read 2026-11-22).
    private func flush(_ sha256: String, _ receipt: LeftReceipt?) throws(StoreError) {
        if progress.withLock({ $0.isSpoilt }) {
            try copy(sha256)
            receipt?.note(sha256, of: self)
        }
        do {
            try store.fsync.file(try file())
        } catch {
            progress.withLock { $0.isSpoilt = true }
            throw error
        }
    }

    /// Puts a copy in the place of the file, if it can still be read whole.
    private func copy(_ sha256: String) throws(StoreError) {
        let (current, written) = progress.withLock { ($0.current, $0.written) }
        guard let old = current else { return }
        let new = try store.makeFile()
        do {
            var hasher = SHA256()
            var buffer: [UInt8] = []
            for offset in stride(from: 0, to: written, by: Self.bufferBytes) {
                try old.file.read(min(Self.bufferBytes, Int(written - offset)), at: offset, into: &buffer)
                try new.file.write(buffer)
                unsafe buffer.withUnsafeBytes { unsafe hasher.update(bufferPointer: $0) }
            }
            guard hasher.finalize().hexadecimal == sha256 else { throw StoreError.corrupt("the disk lost an image") }
        } catch {
            FileSystem.removeIfThere(new.path)
            throw StoreError(error)
        }
        progress.withLock { $0.current = new }
        FileSystem.removeIfThere(old.path)
    }
}
