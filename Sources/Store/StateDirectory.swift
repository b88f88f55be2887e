// The state directory: `darkroom.sqlite`, `artifacts/`, `temporary/` and `lock`, for the daemon's user only.

import Glibc

/// The layout of the state directory, held by one process at a time.
struct StateDirectory: Sendable {
    let path: String
    private let lock: OpenFile

    var database: String { Self.database(in: path) }
    var artifacts: String { path + "/artifacts" }
    var temporary: String { path + "/temporary" }

    static func database(in path: String) -> String { path + "/darkroom.sqlite" }

    /// Makes what is missing and takes the lock.
    ///
    /// - Throws: `.inUse` when another process has the lock.
    init(path: String) throws(StoreError) {
        self.path = path
        try FileSystem.makeDirectory(path)
        // Kept for the life of the process: closing any descriptor of it would be the end of the lock (flock(2)).
        lock = try OpenFile(path: path + "/lock", flags: O_RDWR | O_CREAT, operation: "open the lock file")
        guard flock(lock.descriptor, LOCK_EX | LOCK_NB) == 0 else {
            throw .inUse(pid: try Self.pid(in: lock))
        }
        // The number only helps whoever is refused; on a full disk there is no room for it.
        if ftruncate(lock.descriptor, 0) == 0 { try? lock.write(Array("\(getpid())\n".utf8)) }
        for directory in [artifacts, temporary] { try FileSystem.makeDirectory(directory) }
    }

    private static func pid(in lock: OpenFile) throws(StoreError) -> Int32? {
        let bytes = try lock.read(upTo: 32, at: 0)
        return Int32(String(decoding: bytes, as: UTF8.self).filter { $0.isNumber })
    }

    /// Lets another process have the directory.
    func unlock() { _ = flock(lock.descriptor, LOCK_UN) }

    /// Removes what a run before left half-written.
    func clearTemporary() throws(StoreError) {
        for name in try FileSystem.names(in: temporary) { FileSystem.removeIfThere(temporary + "/" + name) }
    }

    /// What an unprivileged process may still write to this file system, in bytes.
    func freeBytes() throws(StoreError) -> Int64 {
        var figures = statvfs()
        guard unsafe statvfs(path, &figures) == 0 else { throw .failed("read the free space", errno) }
        return Int64(clamping: UInt64(figures.f_bavail) * UInt64(figures.f_frsize))
    }
}
