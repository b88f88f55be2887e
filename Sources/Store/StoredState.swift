// A state directory seen from outside: nothing is served from it, nothing in it is changed, and a daemon may be running
// on it meanwhile. A log is read where there is one, so what has been committed is seen to the last row.

import GRDB
import Glibc

/// The database of a state directory, for reading alone.
package struct StoredState: Sendable {
    private let database: DatabaseQueue

    /// Opens the database of the state directory at a path; takes no lock that a daemon would need.
    ///
    /// - Throws: `.file` with `ENOENT` when there is none, `.newerSchema`.
    package init(path: String) throws(StoreError) {
        let file = StateDirectory.database(in: path)
        guard FileSystem.modified(file) != nil else { throw .file(operation: "find the database", errno: ENOENT) }
        var configuration = Configuration()
        configuration.readonly = true
        configuration.busyMode = .timeout(5)
        do {
            database = try DatabaseQueue(path: file, configuration: configuration)
            guard try !database.read({ try Schema.migrator.hasBeenSuperseded($0) }) else {
                throw StoreError.newerSchema
            }
        } catch {
            throw StoreError(error)
        }
    }

    /// Recomputes the audit chain, as of now, and looks for a row that was noted elsewhere.
    package func verifyAudit(anchor: AuditHead? = nil) throws(StoreError) -> AuditVerdict {
        do {
            return try database.read { try AuditChain.verify($0, anchor: anchor) }
        } catch {
            throw StoreError(error)
        }
    }

    /// Copies the database as it is at one moment; the file is there whole and flushed, or not at all.
    ///
    /// The images are files of their own below `artifacts/` which never change: whoever copies those after the database
    /// has every image that a row of the copy names.
    ///
    /// - Parameter path: Replaced if it is there; for the owner only.
    /// - Throws: `.full` and whatever else the two disks say; then no copy is left.
    package func backUp(to path: String) throws(StoreError) {
        let temporary = "\(path).\(getpid()).partial"
        do {
            // Made first, and for the owner only: SQLite would make it with the umask's mode.
            _ = try OpenFile(path: temporary, flags: O_RDWR | O_CREAT | O_EXCL, operation: "make the copy")
            let copy = try DatabaseQueue(path: temporary)
            try database.backup(to: copy)
            try copy.close()
            try Fsync.system.file(OpenFile(path: temporary, flags: O_RDWR, operation: "open the copy"))
            guard try FileSystem.rename(temporary, to: path) else { throw StoreError.failed("rename the copy", ENOENT) }
            try Fsync.system.directory(Self.parent(of: path))
        } catch {
            FileSystem.removeIfThere(temporary)
            throw StoreError(error)
        }
    }

    private static func parent(of path: String) -> String {
        guard let slash = path.lastIndex(of: "/") else { return "." }
        return slash == path.startIndex ? "/" : String(path[..<slash])
    }
}
