// Where the store's errors become the protocol's: no path, no SQL and no text of the store goes to a peer.

package import Store
package import Wire

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

    /// What a peer is told when what it asked for could not be written down, and so was not done.
    package init(unrecorded error: StoreError, charged: Charged? = nil, job: JobID? = nil) {
        switch error {
        case .full: self.init(error, charged: charged, job: job)
        case .inUse, .newerSchema, .notDurable, .file, .database, .corrupt:
            self.init(
                .auditUnavailable, "what you ask for cannot be put on record, so it is not done",
                hint: "an admin has to mend the daemon's state: see `journalctl -u darkroom`", charged: charged,
                job: job)
        }
    }

    static var jobNotFound: WireError {
        WireError(.notFound, "there is no such job", hint: "darkroom jobs lists yours")
    }
}

extension WireError {
    /// What a peer is told when an input was not taken.
    init(_ error: InputError) {
        switch error {
        case .bad(let index, let reason):
            self.init(
                .badInput, "inputs.\(index) cannot be used: \(reason)",
                hint: "give a whole PNG, JPEG, WebP, HEIC or HEIF file",
                path: "inputs.\(index)")
        case .tooLarge(let index, let limit):
            self.init(
                .tooLarge, "inputs.\(index) has more than \(limit) bytes", hint: "make the image smaller",
                path: "inputs.\(index)")
        case .tooLargeTogether(let limit):
            self.init(
                .tooLarge, "the inputs have more than \(limit) bytes together", hint: "give fewer or smaller images",
                path: "inputs")
        case .tooMany(let limit):
            self.init(.invalidParams, "there are more than \(limit) inputs", path: "inputs")
        case .noArtifact(let index):
            self.init(
                .notFound, "inputs.\(index).artifact is none of yours", hint: "darkroom jobs lists your jobs",
                path: "inputs.\(index).artifact")
        case .store(let error): self.init(error)
        }
    }
}
