// Everything that can go wrong between the daemon and its state directory.

import CAncillary
import GRDB
import Glibc

/// Why the state directory could not be used, or something in it not be written or read.
package enum StoreError: Error, Sendable, Equatable {
    /// Another daemon has this state directory; its process id, when it left one.
    case inUse(pid: Int32?)
    /// The database was written by a newer program, which knows changes that this one does not.
    case newerSchema
    /// SQLite did not accept `synchronous=FULL`; it reads back this value.
    case notDurable(synchronous: Int)
    /// The disk or the quota of the file system is full; asking again helps once there is room.
    case full
    /// A file operation failed; never with a path, since this may be logged beside a request.
    case file(operation: String, errno: Int32)
    /// SQLite failed with this extended result code.
    case database(code: Int32, message: String)
    /// A row holds what this program never writes.
    case corrupt(String)

    init(_ error: any Error) {
        switch error {
        case let error as StoreError: self = error
        // The index of the log is grown by a write of its own, whose want of room SQLite tells by this code.
        case let error as DatabaseError
        where error.resultCode == .SQLITE_FULL || error.extendedResultCode == .SQLITE_IOERR_SHMSIZE:
            self = .full
        case let error as DatabaseError:
            self = .database(code: error.extendedResultCode.rawValue, message: error.message ?? "")
        case is RowDecodingError: self = .corrupt("a column has another type than was written")
        default: self = .database(code: -1, message: String(describing: type(of: error)))
        }
    }

    static func failed(_ operation: String, _ errno: Int32) -> StoreError {
        errno == ENOSPC || errno == EDQUOT ? .full : .file(operation: operation, errno: errno)
    }
}

extension StoreError: CustomStringConvertible {
    /// A clause for whoever reads the log.
    package var description: String {
        switch self {
        case .inUse(let pid):
            pid.map { "the process \($0) has the state directory" } ?? "another process has the state directory"
        case .newerSchema: "a newer darkroomd has written it"
        case .notDurable(let synchronous): "SQLite keeps PRAGMA synchronous = \(synchronous), not FULL"
        case .full: "the disk is full"
        case .file(let operation, let number):
            unsafe "could not \(operation): \(String(cString: ca_error_description(number)))"
        case .database(let code, let message): "SQLite answered \(code): \(message)"
        case .corrupt(let what): what
        }
    }
}

/// Whether a finished write has to survive a power cut.
package enum Durability: Sendable {
    case full
    /// For one row of the benchmark only: neither the database nor the files are flushed.
    case none
}
