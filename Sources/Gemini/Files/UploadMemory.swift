// Which images lie at Google already. Their URIs belong to the project of the key, so each project has its own memory.

package import FoundationEssentials
import Synchronization

/// Remembers uploaded files longer than a run.
package protocol UploadKeeping: Sendable {
    /// Every file that was kept, by the sha256 of its bytes; those that have ended may be among them.
    func all() async -> [String: UploadedFile]
    func keep(_ file: UploadedFile, sha256: String) async
    /// Forgets files by their names at Google.
    func forget(names: [String]) async
}

/// Uploaded files by the sha256 of their bytes, as long as they can be used.
package final class UploadMemory: Sendable {
    /// Files remembered at once; 20 GB are allowed per project, which large images fill sooner.
    static let fileCount = 1_000
    /// A file that ends sooner is uploaded anew: the request that names it may wait in Google's queue.
    static let margin: TimeInterval = 3_600

    private let files: Mutex<[String: UploadedFile]>
    private let keeper: (any UploadKeeping)?
    /// That what an earlier run has kept is among the files.
    private let isLoaded: Mutex<Bool>
    private let now: @Sendable () -> Date

    /// - Parameters:
    ///   - keeper: What remembers longer than this does; it is asked at the first need.
    ///   - now: A clock in tests.
    package init(keeper: (any UploadKeeping)? = nil, now: @escaping @Sendable () -> Date = { Date() }) {
        self.keeper = keeper
        self.now = now
        files = Mutex([:])
        isLoaded = Mutex(keeper == nil)
    }

    /// Brings in what an earlier run has kept, once.
    func load() async {
        guard let keeper, !isLoaded.withLock({ $0 }) else { return }
        let kept = await keeper.all()
        files.withLock { files in files.merge(kept) { newer, _ in newer } }
        isLoaded.withLock { $0 = true }
    }

    func file(sha256: String) -> UploadedFile? {
        let now = now()
        return files.withLock { files in files[sha256].flatMap { Self.isUsable($0, at: now) ? $0 : nil } }
    }

    func remember(_ file: UploadedFile, sha256: String) async {
        let now = now()
        files.withLock { files in
            files[sha256] = file
            guard files.count > Self.fileCount else { return }
            files = files.filter { Self.isUsable($0.value, at: now) }
            while files.count > Self.fileCount, let first = files.min(by: { $0.value.expiresAt < $1.value.expiresAt }) {
                files[first.key] = nil
            }
        }
        await keeper?.keep(file, sha256: sha256)
    }

    func forget(_ gone: [UploadedFile]) async {
        let names = Set(gone.map(\.name))
        files.withLock { files in files = files.filter { !names.contains($0.value.name) } }
        await keeper?.forget(names: names.sorted())
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
