// A file that lies at Google for two days, so that requests can name it instead of carrying it.

package import FoundationEssentials

package struct UploadedFile: Sendable, Equatable, Codable {
    /// `files/abc-123`.
    package var name: String
    /// What a request's `fileData.fileUri` has.
    package var uri: String
    /// When Google deletes it.
    package var expiresAt: Date

    package init(name: String, uri: String, expiresAt: Date) {
        self.name = name
        self.uri = uri
        self.expiresAt = expiresAt
    }
}
