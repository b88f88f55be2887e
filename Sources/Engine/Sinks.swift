// Where the images of one exchange go. The first file is open before the request goes out: to run out of descriptors
// afterwards would lose what is paid for.

import Store
import Synchronization

/// Gives a file for each image of an answer.
final class Sinks: Sendable {
    private let artifacts: ArtifactStore
    private let first: Mutex<TemporaryArtifact?>

    /// - Throws: When no file can be opened; then nothing should be sent.
    init(_ artifacts: ArtifactStore) throws(StoreError) {
        self.artifacts = artifacts
        first = Mutex(try artifacts.makeTemporary(isPaidFor: true))
    }

    func next() throws(StoreError) -> TemporaryArtifact {
        let prepared = first.withLock { first in
            defer { first = nil }
            return first
        }
        if let prepared { return prepared }
        return try artifacts.makeTemporary(isPaidFor: true)
    }
}
