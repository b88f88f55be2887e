// Room on the disk that is kept for what is paid for: a file of some size in the state directory, given up bit by bit
// when the disk is full. Nothing is admitted any more while less than as much again is free, so that it is rarely needed.

import Glibc
import Synchronization

/// The file `reserve` of a state directory.
final class Reserve: Sendable {
    /// What is kept when nobody says how much: two images of 4K and the rows of a few thousand jobs.
    private static let standardBytes: Int64 = 67_108_864
    /// On a small file system no more than this part of it is kept, unless somebody says so.
    private static let standardPart: Int64 = 16

    /// A rest that is not worth keeping.
    private static let leastBytes: Int64 = 65_536

    private let directory: StateDirectory
    private let path: String
    private let bytes: Int64
    /// What of it is kept.
    private let held: Mutex<Int64>

    /// Takes the room, if there is as much; what the run before had left of it stays.
    ///
    /// - Parameters:
    ///   - directory: Whose file system it is about.
    ///   - bytes: 0 is none; nil leaves it to the size of the file system.
    /// - Throws: When the file system cannot be asked.
    init(in directory: StateDirectory, bytes: Int64?) throws(StoreError) {
        self.directory = directory
        path = directory.path + "/reserve"
        if let bytes {
            self.bytes = bytes
        } else {
            self.bytes = min(Self.standardBytes, try directory.totalBytes() / Self.standardPart)
        }
        held = Mutex(0)
        if self.bytes > 0 { held.withLock { $0 = take(beside: 0) } } else { FileSystem.removeIfThere(path) }
    }

    /// Lets go of half of what is left of the room: others on the same disk may take it before whoever needs it does.
    ///
    /// - Returns: Whether there is more room now.
    func giveUp() -> Bool {
        held.withLock { held in
            guard held > 0 else { return false }
            let rest = held / 2 < Self.leastBytes ? 0 : held / 2
            let isShortened = unsafe rest > 0 && truncate(path, Int(rest)) == 0
            if !isShortened { FileSystem.removeIfThere(path) }
            held = isShortened ? rest : 0
            return true
        }
    }

    /// Does what must not fail for want of room, again while there is something of the reserve to give up for it.
    func helping<Value>(_ act: () throws(StoreError) -> Value) throws(StoreError) -> Value {
        while true {
            do throws(StoreError) {
                return try act()
            } catch {
                guard error == .full, giveUp() else { throw error }
            }
        }
    }

    /// Whether a job may be admitted, or would come at the expense of what is admitted already; takes the room again when
    /// there is enough of it.
    func hasRoom() throws(StoreError) -> Bool {
        guard bytes > 0 else { return true }
        let free = try directory.freeBytes()
        return held.withLock { held in
            guard held < bytes else { return free >= bytes }
            guard free >= bytes, free - bytes >= bytes - held else { return false }
            held = take(beside: held)
            return held == bytes
        }
    }

    /// Makes the file as long as it is to be, or leaves it as it is.
    ///
    /// - Parameter held: How long it is, as far as this run knows.
    /// - Returns: How long it is then.
    private func take(beside held: Int64) -> Int64 {
        // Without a descriptor it stays as it is, and the next admission tries again.
        guard let file = try? OpenFile(path: path, flags: O_RDWR | O_CREAT, operation: "open the reserve") else {
            return held
        }
        let before = Int64(file.size)
        if posix_fallocate(file.descriptor, 0, Int(bytes)) == 0, ftruncate(file.descriptor, Int(bytes)) == 0 {
            return bytes
        }
        let rest = min(before, bytes)
        if rest > 0, ftruncate(file.descriptor, Int(rest)) == 0 { return rest }
        FileSystem.removeIfThere(path)
        return 0
    }
}

extension StateDirectory {
    /// The size of the file system, in bytes.
    func totalBytes() throws(StoreError) -> Int64 {
        var figures = statvfs()
        guard unsafe statvfs(path, &figures) == 0 else { throw .failed("read the size of the disk", errno) }
        return Int64(clamping: UInt64(figures.f_blocks) * UInt64(figures.f_frsize))
    }
}
