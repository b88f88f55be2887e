// The daemon's memory: one SQLite database and the files beside it. `Store` owns the writer, and its methods are the
// transactions: each writes what it changes and its row of the audit chain, and returns when both are durable.

package import Wire

import GRDB
import GRDBSQLite

/// The state directory of one daemon.
package final class Store: Sendable {
    package let artifacts: ArtifactStore
    /// Jobs whose outcome nobody knows since the run before this one ended.
    package let lostAtStart: [JobID]

    /// Gives one element when something was committed since the last one; for one reader.
    package let news: AsyncStream<Void>

    /// The state directory.
    package var path: String { directory.path }

    let directory: StateDirectory
    let pool: DatabasePool
    let commits: GroupCommit
    let audit = AuditKeeping()
    let reserve: Reserve

    /// Opens the state directory, making what is missing, and tidies up after the run before.
    ///
    /// Reads nothing but open jobs, however many have ended.
    ///
    /// - Parameters:
    ///   - path: The directory; its parent has to be there.
    ///   - durability: `.full` but for one row of the benchmark.
    ///   - reserveBytes: The room that is kept for what is paid for; 0 is none, nil depends on the file system's size.
    ///   - fsync: How files and directories are flushed under `.full`; the database has its own.
    ///   - now: The time that is written into rows.
    /// - Throws: `.inUse`, `.newerSchema`, `.notDurable`, and whatever the disk says.
    package init(
        path: String, durability: Durability = .full, reserveBytes: Int64? = 0, fsync: Fsync = .system, now: Timestamp
    ) throws(StoreError) {
        directory = try StateDirectory(path: path)
        let receipts = try Receipt.left(in: directory)
        let fsync = durability == .full ? fsync : Fsync.none
        // The names that were just made, and those that a run before made and did not live to flush.
        for path in [directory.path, directory.artifacts] { try fsync.directory(path) }
        let reserve = try Reserve(in: directory, bytes: reserveBytes)
        self.reserve = reserve
        artifacts = ArtifactStore(directory: directory, reserve: reserve, fsync: fsync)
        let (directory, artifacts) = (directory, artifacts)
        // On a full disk too: what is there can be read, listed and cancelled.
        (pool, lostAtStart) = try reserve.helping { () throws(StoreError) in
            do {
                let pool = try Self.database(in: directory, durability)
                let lost = try pool.write {
                    try Recovery.run(in: $0, receipts: receipts, artifacts: artifacts, now: now)
                }
                return (pool, lost)
            } catch {
                throw StoreError(error)
            }
        }
        FaultPoint.reach(.recoveryAfterCommit)
        try directory.clearTemporary()
        let (news, input) = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingNewest(1))
        self.news = news
        commits = GroupCommit(pool: pool, audit: audit, makeRoom: reserve.giveUp) { input.yield() }
    }

    /// Opens the database as this program has it.
    private static func database(in directory: StateDirectory, _ durability: Durability) throws -> DatabasePool {
        let step = try StoredRoom.step(in: directory)
        StoredRoom.take(in: directory, step)
        let pool = try DatabasePool(path: directory.database, configuration: configuration(growingBy: step))
        try pool.writeWithoutTransaction { try setDurability(durability, of: $0) }
        let migrator = Schema.migrator
        guard try !pool.read({ try migrator.hasBeenSuperseded($0) }) else { throw StoreError.newerSchema }
        FaultPoint.reach(.migrationBefore)
        try migrator.migrate(pool)
        FaultPoint.reach(.migrationAfter)
        // So that each run has all of the log before it; without room for the database it goes on where it was.
        try? pool.beginLogAnew()
        return pool
    }

    /// Brings a database as far as one migration; for a check of the schemas there have been.
    package static func migrate(at path: String, upTo migration: String) throws {
        try Schema.migrator.migrate(try DatabaseQueue(path: path), upTo: migration)
    }

    private static func configuration(growingBy step: CInt) -> Configuration {
        var configuration = Configuration()
        configuration.label = "darkroom.store"
        configuration.busyMode = .timeout(5)
        configuration.maximumReaderCount = 5
        configuration.prepareDatabase { database in
            // 4 MiB of log between checkpoints; a mapped file would turn a disk error into SIGBUS; and nothing of a
            // request belongs into a temporary file outside the state directory.
            try database.execute(
                sql: "PRAGMA wal_autocheckpoint = 1024; PRAGMA mmap_size = 0; PRAGMA temp_store = MEMORY")
            try control(SQLITE_FCNTL_PERSIST_WAL, 1, of: database)
            try control(SQLITE_FCNTL_CHUNK_SIZE, step, of: database)
        }
        return configuration
    }

    /// Sets what SQL has no word for: that log and index stay when the database is closed, and how it grows; see
    /// `StoredRoom`.
    private static func control(_ operation: CInt, _ value: CInt, of database: Database) throws {
        var value = value
        let code = unsafe withUnsafeMutablePointer(to: &value) {
            unsafe sqlite3_file_control(database.sqliteConnection, nil, operation, $0)
        }
        guard code == SQLITE_OK else { throw DatabaseError(resultCode: ResultCode(rawValue: code)) }
    }

    /// Sets what a commit waits for; GRDB sets NORMAL after it has prepared a connection, so this comes after that.
    private static func setDurability(_ durability: Durability, of database: Database) throws {
        let wanted = durability == .full ? 2 : 0
        try database.execute(sql: "PRAGMA synchronous = \(wanted)")
        let found = try Int.fetchOne(database, sql: "PRAGMA synchronous") ?? -1
        guard found == wanted else { throw StoreError.notDurable(synchronous: found) }
    }

    /// A store that is gone holds nothing, whatever thread still has a part of it in hand.
    deinit { directory.unlock() }

    /// Closes the database and lets go of the directory; nothing else may be called afterwards.
    package func close() throws(StoreError) {
        do {
            // Empty, so that whoever puts a backup in the place of the database does not get the rows of this run into it.
            try? pool.emptyLog()
            try pool.close()
        } catch {
            throw StoreError(error)
        }
        StoredRoom.keepLog(in: directory)
        directory.unlock()
    }

    /// What may still be written to the state's file system, in bytes.
    package func diskFreeBytes() throws(StoreError) -> Int64 { try directory.freeBytes() }

    /// Whether there is room for another job.
    package var hasRoom: Bool { (try? reserve.hasRoom()) ?? false }

    /// Reads in a transaction; a cancelled caller is answered like any other, which GRDB's own `read` would not do.
    func read<Value: Sendable>(
        _ body: @escaping @Sendable (Database) throws -> Value
    ) async throws(StoreError) -> Value {
        let outcome: Result<Value, StoreError> = await withCheckedContinuation { continuation in
            pool.asyncRead { access in
                do {
                    continuation.resume(returning: .success(try body(try access.get())))
                } catch {
                    continuation.resume(returning: .failure(StoreError(error)))
                }
            }
        }
        return try outcome.get()
    }
}
