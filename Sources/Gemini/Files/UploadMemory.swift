// Which images lie at Google already. Their URIs belong to the project of the key, so each project has its own memory.

package import FoundationEssentials
import Synchronization

/// Uploaded files by the sha256 of their bytes, as long as they can be used.
package final class UploadMemory: Sendable {
    /// Files remembered at once; 20 GB are allowed per project, which large images fill sooner.
    static let fileCount = 1_000
    /// A file that ends sooner is uploaded anew: the request that names it may wait in Google's queue.
    static let margin: TimeInterval = 3_600

    private let files: Mutex<[String: UploadedFile]>
    private let now: @Sendable () -> Date

    /// Starts from what `remembered` gave earlier.
    package init(_ files: [String: UploadedFile] = [:], now: @escaping @Sendable () -> Date = { Date() }) {
        self.files = Mutex(files)
        self.now = now
    }

    /// All files that can still be used, to be kept across a restart.
    package var remembered: [String: UploadedFile] {
        let now = now()
        return files.withLock { files in files.filter { Self.isUsable($0.value, at: now) } }
    }

    func file(sha256: String) -> UploadedFile? {
        let now = now()
        return files.withLock { files in files[sha256].flatMap { Self.isUsable($0, at: now) ? $0 : nil } }
    }

    func remember(_ file: UploadedFile, sha256: String) {
        let now = now()
        files.withLock { files in
            files[sha256] = file
            guard files.count > Self.fileCount else { return }
            files = files.filter { Self.isUsable($0.value, at: now) }
            while files.count > Self.fileCount, let first = files.min(by: { $0.value.expiresAt < $1.value.expiresAt }) {
                files[first.key] = nil
            }
        }
    }

    func forget(_ gone: [UploadedFile]) {
        let names = Set(gone.map(\.name))
        files.withLock { files in files = files.filter { !names.contains($0.value.name) } }
    }

    /// A file whose end Google did not tell ends 48 hours from now, which is what its documentation says.
    func end(told text: String?) -> Date {
        text.flatMap { Self.date($0) } ?? now().addingTimeInterval(48 * 3_600)
    }

    private static func isUsable(_ file: UploadedFile, at now: Date) -> Bool {
        file.expiresAt > now.addingTimeInterval(margin)
    }

    /// RFC 3339 in UTC with or without a fraction, as protobuf writes it.
    private static func date(_ text: String) -> Date? {
        try? Date(text.replacing(/\.[0-9]+/, with: ""), strategy: .iso8601)
    }
}
