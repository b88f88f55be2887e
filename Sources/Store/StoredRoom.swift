// Room that SQLite's files have of a disk that may be full when they need it: the next start must be able to write what
// became of the jobs of this run, whoever has taken the rest of the disk meanwhile.

import CAncillary
import GRDB
import Glibc

enum StoredRoom {
    /// By how many bytes the database grows at once, on a small file system a thirty-second part of it.
    private static let mostGrowth: Int64 = 1_048_576
    private static let leastGrowth: Int64 = 32_768
    /// How long the log usually becomes, and is kept when it is empty.
    private static let logBytes: Int64 = 4_194_304
    /// A log that a long read has let grow beyond this gives its room back.
    fileprivate static let longLog = 8_388_608

    /// By how much the database of a state directory grows at once; what is not used of that is room for rows.
    static func step(in directory: StateDirectory) throws(StoreError) -> CInt {
        CInt(min(mostGrowth, max(leastGrowth, try directory.totalBytes() / 32)))
    }

    /// Has the file system give the database its last step whole, of which an earlier release, or SQLite when it cuts the
    /// file, left a part as a hole.
    ///
    /// Before the database is opened: closing a descriptor of its file later would take SQLite's locks.
    static func take(in directory: StateDirectory, _ step: CInt) {
        guard FileSystem.modified(directory.database) != nil,
            let file = try? OpenFile(path: directory.database, flags: O_RDWR, operation: "open the database")
        else { return }
        let steps = (Int64(file.size) + Int64(step) - 1) / Int64(step)
        // Without room it starts with what it has.
        _ = ca_allocate(file.descriptor, 0, steps * Int64(step), false)
    }

    /// Keeps the room of a log that is empty, once the database is closed.
    static func keepLog(in directory: StateDirectory) {
        guard let log = try? OpenFile(path: directory.database + "-wal", flags: O_RDWR, operation: "open the log"),
            log.size == 0
        else { return }
        _ = ca_allocate(log.descriptor, 0, min(logBytes, (try? directory.totalBytes() / 32) ?? logBytes), true)
    }
}

extension DatabasePool {
    /// Brings the log into the database, as far as nobody reads what is older, so that what comes is written over it and
    /// takes no room.
    func beginLogAnew() throws {
        try writeWithoutTransaction { database in
            _ = try database.checkpoint(.passive)
            let file = path + "-wal"
            guard let log = try? OpenFile(path: file, flags: O_RDONLY, operation: "open the log"),
                log.size > StoredRoom.longLog
            else { return }
            _ = try database.checkpoint(.truncate)
        }
    }

    /// Brings all of the log into the database and cuts it.
    func emptyLog() throws { _ = try writeWithoutTransaction { try $0.checkpoint(.truncate) } }
}
