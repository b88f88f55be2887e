// What an admin does with a state directory without serving from it; a daemon may be running on it meanwhile.

import Glibc
import Store

/// The flags of `darkroomd` that look at the state and end.
enum Maintenance {
    /// Says on standard output how many rows the audit chain has.
    ///
    /// - Parameters:
    ///   - path: The state directory.
    ///   - anchor: NUMBER:HASH of a row that has to be there.
    /// - Throws: With the first row that does not follow, when it is broken.
    static func verifyAudit(of path: String, anchor: String?) throws(StartFailure) {
        let anchor = anchor.flatMap { AuditHead($0) }
        let verdict: AuditVerdict
        do throws(StoreError) {
            verdict = try StoredState(path: path).verifyAudit(anchor: anchor)
        } catch {
            throw failure(error, path)
        }
        if let row = verdict.firstBroken {
            throw StartFailure(
                status: StartFailure.badData,
                message: "the audit chain is broken: row \(row) does not follow from the one before it")
        }
        if let anchor, verdict.isAnchored == false {
            throw StartFailure(
                status: StartFailure.badData,
                message:
                    "the audit chain is whole and another: row \(anchor.sequence) is missing or not the one of --anchor"
            )
        }
        print("the audit chain is whole: \(verdict.rows) \(verdict.rows == 1 ? "row" : "rows")")
    }

    /// Copies the database to a file.
    static func backUp(_ path: String, to file: String) throws(StartFailure) {
        do throws(StoreError) {
            try StoredState(path: path).backUp(to: file)
        } catch {
            throw failure(error, path)
        }
    }

    private static func failure(_ error: StoreError, _ path: String) -> StartFailure {
        switch error {
        case .file("find the database", _):
            StartFailure(
                status: StartFailure.ioError, message: "there is no darkroom.sqlite in the state directory \(path)")
        case .newerSchema:
            StartFailure(
                status: StartFailure.badConfiguration,
                message: "the state directory \(path) was written by a newer darkroomd; use that one")
        default:
            StartFailure(status: StartFailure.ioError, message: "the state directory \(path) cannot be read: \(error)")
        }
    }
}
