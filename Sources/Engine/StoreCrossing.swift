// Where the store's errors become the protocol's: no path, no SQL and no text of the store goes to a peer.

import Store
import Wire

extension WireError {
    /// What a peer is told when the state directory failed.
    init(_ error: StoreError, charged: Charged? = nil, job: JobID? = nil) {
        switch error {
        case .full:
            self.init(
                .storageFull, "the daemon's disk is full", hint: "make room on the file system of its state directory",
                charged: charged, job: job)
        case .inUse, .newerSchema, .notDurable, .file, .database, .corrupt:
            self.init(
                .internal, "the daemon could not use its state", hint: "see `journalctl -u darkroom`",
                charged: charged, job: job)
        }
    }

    static var jobNotFound: WireError {
        WireError(.notFound, "there is no such job", hint: "darkroom jobs lists yours")
    }
}
