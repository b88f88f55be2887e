// The answers of the Files API: the resumable protocol, and the files.

import NIOHTTP1

extension API {
    func startUpload(_ call: Call, project: String) throws(Refusal) -> Reply {
        guard call.headers.first(name: "x-goog-upload-protocol") == "resumable",
            call.headers.first(name: "x-goog-upload-command") == "start"
        else { throw .invalidArgument("Only the resumable protocol is played: X-Goog-Upload-Command: start") }
        let file = call.body?["file"] ?? [:]
        guard case .object(let members) = file else { throw .invalidArgument("Invalid value at 'file'") }
        for member in members where !["name", "displayName", "mimeType", "sizeBytes"].contains(member.name) {
            if ["display_name", "mime_type", "size_bytes"].contains(member.name) { continue }
            throw .invalidArgument(
                "Invalid JSON payload received. Unknown name \"\(member.name)\" at 'file': Cannot find field.")
        }
        let length = call.headers.first(name: "x-goog-upload-header-content-length").flatMap(Int.init)
        let type = call.headers.first(name: "x-goog-upload-header-content-type") ?? "application/octet-stream"
        let upload = try files.begin(project: project, mimeType: type, announcedBytes: length, file: file)
        let url =
            "\(call.origin)/upload/v1beta/files?upload_id=\(upload)&upload_protocol=resumable"
        var reply = Reply(text: "", status: 200, contentType: "text/plain; charset=utf-8")
        reply.headers += [
            ("X-Goog-Upload-URL", url), ("X-Goog-Upload-Control-URL", url), ("X-Goog-Upload-Status", "active"),
            ("X-Goog-Upload-Chunk-Granularity", String(FileStore.granularityBytes)),
        ]
        return reply
    }

    /// A piece of an upload; the upload's number is the permission.
    func continueUpload(_ call: Call, upload: String) throws(Refusal) -> Reply {
        let commands = Set(
            (call.headers.first(name: "x-goog-upload-command") ?? "").split(separator: ",")
                .map { $0.filter { $0 != " " } })
        guard let known = files.progress(of: upload) else {
            throw Refusal(status: 404, code: "NOT_FOUND", message: "Upload not found.")
        }
        if commands == ["query"] {
            var reply = Reply(text: "", status: 200, contentType: "text/plain; charset=utf-8")
            reply.headers += [
                ("X-Goog-Upload-Status", "active"), ("X-Goog-Upload-Size-Received", String(known.byteCount)),
            ]
            return reply
        }
        if commands == ["cancel"] {
            files.cancel(upload)
            var reply = Reply(text: "", status: 200, contentType: "text/plain; charset=utf-8")
            reply.headers.append(("X-Goog-Upload-Status", "cancelled"))
            return reply
        }
        guard !commands.isEmpty, commands.isSubset(of: ["upload", "finalize"]) else {
            throw .invalidArgument("Invalid X-Goog-Upload-Command.")
        }
        let file = try files.append(
            call.received, at: call.headers.first(name: "x-goog-upload-offset").flatMap(Int.init), to: upload,
            isLast: commands.contains("finalize"))
        var reply =
            file.map { Reply(json: ["file": $0.json(origin: call.origin)]) }
            ?? Reply(text: "", status: 200, contentType: "text/plain; charset=utf-8")
        reply.headers.append(("X-Goog-Upload-Status", file == nil ? "active" : "final"))
        return reply
    }

    func listFiles(_ call: Call, project: String) throws(Refusal) -> Reply {
        let page = try Page(call.target, defaultSize: 10, largestSize: 100)
        let (files, next) = page.cut(files.files(project: project))
        return Reply(json: page.json("files", files.map { $0.json(origin: call.origin) }, next: next))
    }
}
