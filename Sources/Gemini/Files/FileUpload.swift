// The Files API's resumable upload (https://ai.google.dev/api/files, read 2026-11-22): a start that is answered with an
// address, then pieces of the file to that address, the last of which ends it.

import AsyncHTTPClient
import FoundationEssentials
import NIOCore
import NIOHTTP1

/// One image on its way to Google.
struct FileUpload {
    /// Bytes of a piece: Google's own clients send as much, and all but the last must be a multiple of 256 KiB.
    static let pieceBytes = 8 * 1_048_576
    /// Times that a piece is sent; after each failure but the last there is a pause of 1 s, then 2 s.
    static let tries = 3
    /// Looks at a file that Google still works on: 1, 2, 4, then 5 s apart, so half a minute.
    static let looks = 8

    let image: InputImage
    let access: FilesAccess
    let until: ContinuousClock.Instant

    /// Uploads the image and waits until it can be used.
    ///
    /// - Returns: The file as Google describes it, in state `ACTIVE`.
    /// - Throws: Always with reach `.notSent`: no image has been asked for yet.
    func run() async throws(GeminiError) -> RemoteFile {
        let address = try await start()
        let total = image.source.byteCount
        var offset = 0
        while true {
            let count = min(Self.pieceBytes, total - offset)
            let isLast = offset + count == total
            let answer = try await send(offset: offset, count: count, isLast: isLast, to: address)
            guard isLast else {
                offset += count
                continue
            }
            guard let reply = try? JSONDecoder().decode(RemoteFile.Reply.self, from: Data(answer.body)) else {
                throw .filesAPIUnclear
            }
            return try await whenActive(reply.file)
        }
    }

    private func start() async throws(GeminiError) -> String {
        let body = JSONTree.object(["file": .object(["mimeType": .string(image.mimeType)])])
        var headers = access.headers
        headers.add(contentsOf: [
            "content-type": "application/json", "x-goog-upload-protocol": "resumable",
            "x-goog-upload-command": "start",
            "x-goog-upload-header-content-length": "\(image.source.byteCount)",
            "x-goog-upload-header-content-type": image.mimeType,
        ])
        let answer = try await access.answer(.POST, access.uploadURL, headers, RequestBody(body.pieces), until: until)
        guard let address = answer.headers.first(name: "x-goog-upload-url"), access.mayUpload(to: address) else {
            throw .filesAPIUnclear
        }
        return address
    }

    /// Sends a piece until it is taken; the address is the permission, so the key stays here.
    private func send(
        offset: Int, count: Int, isLast: Bool, to address: String
    ) async throws(GeminiError) -> UpstreamClient.SmallAnswer {
        let headers: HTTPHeaders = [
            "user-agent": CommonHeaders.userAgent, "x-goog-upload-offset": "\(offset)",
            "x-goog-upload-command": isLast ? "upload, finalize" : "upload",
        ]
        let piece = RequestBody([.plain(image.source, offset: offset, count: count)])
        var attempt = 1
        while true {
            do throws(GeminiError) {
                let answer = try await access.answer(.POST, address, headers, piece, until: until)
                let status = answer.headers.first(name: "x-goog-upload-status")
                guard status == (isLast ? "final" : "active") else { throw .filesAPIUnclear }
                return answer
            } catch {
                guard error.isRetryable, attempt < Self.tries else { throw error }
                try await access.pause(.seconds(1 << (attempt - 1)), until: until)
                attempt += 1
            }
        }
    }

    private func whenActive(_ file: RemoteFile) async throws(GeminiError) -> RemoteFile {
        var file = file
        var wait = 1
        for look in 0...Self.looks {
            guard file.name.wholeMatch(of: /files\/[A-Za-z0-9_\-]{1,128}/) != nil, let uri = file.uri, !uri.isEmpty
            else {
                throw .filesAPIUnclear
            }
            switch file.state {
            // A server that says nothing is done.
            case "ACTIVE", nil, "STATE_UNSPECIFIED": return file
            case "FAILED":
                throw GeminiError(.badInput, reach: .notSent, charged: .no, "Google could not read an input image")
            default: break
            }
            guard look < Self.looks else { break }
            try await access.pause(.seconds(wait), until: until)
            wait = min(5, wait * 2)
            let answer = try await access.answer(
                .GET, "\(access.baseURL.text)/\(file.name)", access.headers, nil, until: until)
            guard let newer = try? JSONDecoder().decode(RemoteFile.self, from: Data(answer.body)) else {
                throw .filesAPIUnclear
            }
            file = newer
        }
        throw GeminiError(
            .upstreamTimeout, reach: .notSent, charged: .no, isRetryable: true,
            "Google did not get an input image ready in time")
    }
}

/// What Google says about a file.
struct RemoteFile: Decodable {
    var name: String
    var uri: String?
    /// `PROCESSING`, `ACTIVE`, `FAILED`.
    var state: String?
    var expirationTime: String?

    struct Reply: Decodable { var file: RemoteFile }
}

extension GeminiError {
    /// The Files API answered in a way that its documentation does not have; asking again may help.
    static let filesAPIUnclear = GeminiError(
        .upstreamInvalid, reach: .notSent, charged: .no, isRetryable: true,
        "the upload of an input image was not answered as the Files API does")
}
