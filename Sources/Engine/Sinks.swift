// Where the images of one exchange go. The first file is open before the request goes out, so that nothing is paid for
// which there is no place; what comes beyond it is held in memory where no file can be opened.

import Store
import Synchronization

/// Gives a file for each image of an answer.
final class Sinks: Sendable {
    private struct Files {
        var first: TemporaryArtifact?
        var given: [TemporaryArtifact] = []
    }

    private let artifacts: ArtifactStore
    private let files: Mutex<Files>

    /// - Throws: When no file can be opened; then nothing should be sent.
    init(_ artifacts: ArtifactStore) throws(StoreError) {
        self.artifacts = artifacts
        files = Mutex(Files(first: try artifacts.makeTemporary(isPaidFor: true)))
    }

    /// Those that were given, in their order.
    var given: [TemporaryArtifact] { files.withLock { $0.given } }

    func next() -> TemporaryArtifact {
        let prepared = files.withLock { files in
            defer { files.first = nil }
            return files.first
        }
        let file = prepared ?? artifacts.makePaidFor()
        files.withLock { $0.given.append(file) }
        return file
    }
}
