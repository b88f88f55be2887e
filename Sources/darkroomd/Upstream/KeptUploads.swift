// Which files of a project lie at Google, in the store; the adapter stands here because only this target knows both.

import Foundation
import Gemini
import Logging
import Store
import Wire

/// The uploads of one project.
///
/// What cannot be read or written is as if it had not been uploaded: that costs an upload.
struct KeptUploads: UploadKeeping {
    let store: Store
    let project: String
    let logger: Logger

    func all() async -> [String: UploadedFile] {
        do {
            let kept = try await store.uploads(of: project).map { upload in
                (
                    upload.sha256,
                    UploadedFile(
                        name: upload.name, uri: upload.uri,
                        expiresAt: Date(timeIntervalSince1970: Double(upload.expires.milliseconds) / 1000))
                )
            }
            return Dictionary(kept) { _, last in last }
        } catch {
            logger.warning("uploaded files could not be looked up, ignoring", metadata: ["error": "\(error)"])
            return [:]
        }
    }

    func keep(_ file: UploadedFile, sha256: String) async {
        let upload = KeptUpload(
            sha256: sha256, name: file.name, uri: file.uri,
            expires: Timestamp(milliseconds: Int64(file.expiresAt.timeIntervalSince1970 * 1000)))
        do {
            try await store.keep(upload, of: project, at: Startup.now())
        } catch {
            logger.warning("an uploaded file could not be noted, ignoring", metadata: ["error": "\(error)"])
        }
    }

    func forget(names: [String]) async {
        do {
            try await store.forgetUploads(names, of: project)
        } catch {
            logger.warning("an uploaded file could not be forgotten, ignoring", metadata: ["error": "\(error)"])
        }
    }
}
