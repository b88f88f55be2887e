// Room on the disk that is kept for what is paid for: a file of some size in the state directory, given up when the disk
// is full. Nothing is admitted any more while less than as much again is free, so that it is rarely needed.

import Glibc
import Synchronization

/// The file `reserve` of a state directory.
final class Reserve: Sendable {
    /// What is kept when nobody says how much: two images of 4K and the rows of a few thousand jobs.
    private static let standardBytes: Int64 = 67_108_864
    /// On a small file system no more than this part of it is kept, unless somebody says so.
    private static let standardPart: Int64 = 16

    private let directory: StateDirectory
    private let path: String
    private let bytes: Int64
    private let isHeld: Mutex<Bool>

    /// Takes the room, if there is as much.
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
        isHeld = Mutex(false)
        if self.bytes > 0 {
            let isThere = take()
            isHeld.withLock { $0 = isThere }
        } else {
            FileSystem.removeIfThere(path)
        }
    }

    /// Lets go of the room.
    ///
    /// - Returns: Whether there is more of it now.
    func giveUp() -> Bool {
        isHeld.withLock { isHeld in
            guard isHeld else { return false }
            FileSystem.removeIfThere(path)
            isHeld = false
            return true
        }
    }

    /// Does what must not fail for want of room: once more with the room of the reserve.
    func helping<Value>(_ act: () throws(StoreError) -> Value) throws(StoreError) -> Value {
        do throws(StoreError) {
            return try act()
        } catch {
            guard error == .full, giveUp() else { throw error }
            return try act()
        }
    }

    /// Looks whether a job may be admitted, and takes the room again when there is enough of it.
    ///
    /// - Throws: `.full` when it would come at the expense of what is admitted already.
    func requireRoom() throws(StoreError) {
        guard bytes > 0 else { return }
        let free = try directory.freeBytes()
        let hasRoom = isHeld.withLock { isHeld in
            if isHeld { return free >= bytes }
            guard free >= 2 * bytes, take() else { return false }
            isHeld = true
            return true
        }
        guard hasRoom else { throw .full }
    }

    private func take() -> Bool {
        do throws(StoreError) {
            let file = try OpenFile(path: path, flags: O_RDWR | O_CREAT, operation: "open the reserve")
            if posix_fallocate(file.descriptor, 0, Int(bytes)) == 0, ftruncate(file.descriptor, Int(bytes)) == 0 {
                return true
            }
        } catch {
            // Without a descriptor there is no reserve this time; the next admission tries again.
            return false
        }
        FileSystem.removeIfThere(path)
        return false
    }
}

extension StateDirectory {
    /// The size of the file system, in bytes.
    fileprivate func totalBytes() throws(StoreError) -> Int64 {
        var figures = statvfs()
        guard unsafe statvfs(path, &figures) == 0 else { throw .failed("read the size of the disk", errno) }
        return Int64(clamping: UInt64(figures.f_blocks) * UInt64(figures.f_frsize))
    }
}
