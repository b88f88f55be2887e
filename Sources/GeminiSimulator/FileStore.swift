// The Files API: resumable uploads, and the files until they expire.

import Crypto
import FoundationEssentials
import Synchronization

/// A file that was uploaded whole.
struct UploadedFile: Sendable {
    var id: String
    var project: String
    var mimeType: String
    var displayName: String?
    var byteCount: Int
    var sha256: [UInt8]
    /// The first bytes, enough for an image's header.
    var start: [UInt8]
    var created: Date

    var expires: Date { created + FileStore.lifetimeSeconds }

    /// The resource as the API writes it.
    func json(origin: String) -> JSON {
        let hex = sha256.map { String($0 >> 4, radix: 16) + String($0 & 15, radix: 16) }.joined()
        var members: [JSON.Member] = [
            .init(name: "name", value: .string("files/\(id)")), .init(name: "mimeType", value: .string(mimeType)),
            .init(name: "sizeBytes", value: .string(String(byteCount))),
            .init(name: "createTime", value: .string(created.timestamp)),
            .init(name: "updateTime", value: .string(created.timestamp)),
            .init(name: "expirationTime", value: .string(expires.timestamp)),
            // The API encodes the hexadecimal text, not the digest.
            .init(name: "sha256Hash", value: .string(Data(hex.utf8).base64EncodedString())),
            .init(name: "uri", value: .string("\(origin)/v1beta/files/\(id)")),
            .init(name: "state", value: "ACTIVE"), .init(name: "source", value: "UPLOADED"),
        ]
        if let displayName { members.insert(.init(name: "displayName", value: .string(displayName)), at: 1) }
        return .object(members)
    }
}

/// The files of all projects, and the uploads under way.
final class FileStore: Sendable {
    static let lifetimeSeconds = 48.0 * 60 * 60
    static let largestBytes = 2 * 1024 * 1024 * 1024
    /// Every piece of an upload but the last is a multiple of this.
    static let granularityBytes = 256 * 1024

    private struct Upload {
        var file: UploadedFile
        var announcedBytes: Int?
        var digest = SHA256()
    }

    private struct State {
        var uploads: [String: Upload] = [:]
        var files: [String: UploadedFile] = [:]
    }

    private let clock: SimulatedClock
    private let state = Mutex(State())

    init(clock: SimulatedClock) { self.clock = clock }

    private static func randomID(_ length: Int) -> String {
        let alphabet = Array("abcdefghijklmnopqrstuvwxyz0123456789")
        return String((0..<length).map { _ in alphabet[Int.random(in: 0..<alphabet.count)] })
    }

    /// Begins an upload; returns its number in the upload URL.
    func begin(project: String, mimeType: String, announcedBytes: Int?, file: JSON) throws(Refusal) -> String {
        if let announcedBytes, announcedBytes > Self.largestBytes {
            throw .invalidArgument("File size is too large. Maximum size is 2147483648 bytes.")
        }
        let wanted = file["name"]?.text.map { String($0.dropFirst($0.hasPrefix("files/") ? 6 : 0)) }
        let id = wanted ?? Self.randomID(12)
        let isName = id.allSatisfy { $0.isLowercase || $0.isNumber || $0 == "-" } && (1...40).contains(id.utf8.count)
        if !isName {
            throw .invalidArgument("* CreateFileRequest.file.name: File ID must be 40 characters or less.\n")
        }
        let upload = Upload(
            file: UploadedFile(
                id: id, project: project, mimeType: file["mimeType"]?.text ?? mimeType,
                displayName: file["displayName"]?.text, byteCount: 0, sha256: [], start: [], created: clock.now),
            announcedBytes: announcedBytes)
        let number = Self.randomID(40)
        let isTaken = state.withLock { state in
            if state.files[id] != nil { return true }
            state.uploads[number] = upload
            return false
        }
        if isTaken {
            throw Refusal(
                status: 409, code: "ALREADY_EXISTS", message: "Requested entity already exists")
        }
        return number
    }

    /// What an upload has so far, to be continued with its next piece.
    func progress(of upload: String) -> (digest: SHA256, byteCount: Int)? {
        state.withLock { $0.uploads[upload].map { ($0.digest, $0.file.byteCount) } }
    }

    func cancel(_ upload: String) { state.withLock { $0.uploads[upload] = nil } }

    /// Adds a piece that was hashed as it came; returns the file when it was the last.
    func append(
        _ piece: RequestBody, at offset: Int?, to upload: String, isLast: Bool
    ) throws(Refusal) -> UploadedFile? {
        let result = state.withLock { state -> Result<UploadedFile?, Refusal> in
            guard var known = state.uploads[upload] else {
                return .failure(Refusal(status: 404, code: "NOT_FOUND", message: "Upload not found."))
            }
            guard offset == known.file.byteCount else {
                return .failure(
                    .invalidArgument(
                        "Upload offset \(offset.map(String.init) ?? "none") does not match the "
                            + "\(known.file.byteCount) bytes received."))
            }
            if !isLast, piece.byteCount % Self.granularityBytes != 0 {
                return .failure(.invalidArgument("The size of a chunk must be a multiple of 262144 bytes."))
            }
            if known.file.byteCount == 0 { known.file.start = piece.text }
            known.file.byteCount += piece.byteCount
            known.digest = piece.fileDigest
            guard isLast else {
                state.uploads[upload] = known
                return .success(nil)
            }
            if let announced = known.announcedBytes, announced != known.file.byteCount {
                return .failure(
                    .invalidArgument("\(known.file.byteCount) bytes came, \(announced) had been announced."))
            }
            state.uploads[upload] = nil
            known.file.sha256 = Array(known.digest.finalize())
            state.files[known.file.id] = known.file
            return .success(known.file)
        }
        switch result {
        case .success(let file): return file
        case .failure(let refusal): throw refusal
        }
    }

    /// The file of that name, for a key of its project and before it expires.
    func file(_ id: String, project: String) throws(Refusal) -> UploadedFile {
        let now = clock.now
        guard let file = state.withLock({ $0.files[id] }), file.project == project, file.expires > now else {
            throw Refusal(
                status: 403, code: "PERMISSION_DENIED",
                message: "You do not have permission to access the File \(id) or it may not exist.")
        }
        return file
    }

    /// The files of a project, the newest first.
    func files(project: String) -> [UploadedFile] {
        let now = clock.now
        return state.withLock { $0.files.values.filter { $0.project == project && $0.expires > now } }
            .sorted { ($0.created, $0.id) > ($1.created, $1.id) }
    }

    func remove(_ id: String) { state.withLock { $0.files[id] = nil } }
}
