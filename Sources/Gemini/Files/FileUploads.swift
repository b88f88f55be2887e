// The uploaded files of one project: a request that would be too large to carry its images gets some of them sent ahead.

extension GeminiError {
    /// This error, which speaks of a file that was uploaded just now: it says nothing of the model or the key, as the
    /// same status does elsewhere.
    var ofAFile: GeminiError {
        var error = self
        error.kind = .upstreamInvalid
        error.isRetryable = true
        error.message = "Google does not find an input image that was uploaded just now"
        error.hint = "try again; a smaller input needs no upload"
        return error
    }
}

/// Uploads each image once, however many requests want it at the same time.
actor FileUploads {
    private let access: FilesAccess
    private let memory: UploadMemory
    private let limits: InlineLimits
    /// Who waits for an upload under way, by sha256.
    private var waiting: [String: [CheckedContinuation<Void, Never>]] = [:]

    init(access: FilesAccess, memory: UploadMemory, limits: InlineLimits) {
        self.access = access
        self.memory = memory
        self.limits = limits
    }

    /// A body that is not over the limits, and the files that it names.
    struct Prepared: Sendable {
        var body: RequestBody
        var files: [UploadedFile]

        /// The files that an error speaks of: deleted at Google, or of another project.
        func gone(_ error: GeminiError) -> [UploadedFile] {
            guard error.charged == .no, let message = error.upstream?.message,
                [400, 403, 404].contains(error.upstream?.httpStatus)
            else { return [] }
            // The message names the file's id without "files/".
            return files.filter { message.contains($0.name.dropFirst("files/".count)) }
        }
    }

    /// Writes the request, with as many images sent ahead as it takes: those that lie there already, then the largest.
    ///
    /// - Throws: With reach `.notSent`; `.tooLarge` when the model's own images are what is too much, since only inputs
    ///   can be sent ahead: an earlier turn goes back as it came.
    func prepare(
        _ request: GenerationRequest, until: ContinuousClock.Instant
    ) async throws(GeminiError) -> Prepared {
        let inline = try request.body(for: .native)
        var excess = inline.contentLength - limits.requestBytes
        var candidates: [String: Candidate] = [:]
        for input in request.history.flatMap(\.inputs) + request.inputs {
            candidates[input.sha256, default: Candidate(input: input)].textBytes +=
                BodyPiece.base64(input.source).byteCount
        }
        let isOver = candidates.values.filter { $0.input.source.byteCount > limits.inputBytes ?? .max }
        guard excess > 0 || !isOver.isEmpty else { return Prepared(body: inline, files: []) }

        await memory.load()
        var uploaded: [String: UploadedFile] = [:]
        for candidate in order(candidates.values) {
            guard excess > 0 || candidate.input.source.byteCount > limits.inputBytes ?? .max else { continue }
            uploaded[candidate.input.sha256] = try await file(for: candidate.input, until: until)
            excess -= candidate.textBytes - Candidate.referenceBytes
        }
        let body = try request.body(for: .native, uploaded: uploaded)
        try InlineLimits(requestBytes: limits.requestBytes).check(request, body)
        return Prepared(body: body, files: Array(uploaded.values))
    }

    func forget(_ files: [UploadedFile]) async { await memory.forget(files) }

    private struct Candidate {
        /// More than a `fileData` has.
        static let referenceBytes = 1_024

        var input: InputImage
        /// Base64 that the body would have of it, in all its places.
        var textBytes = 0
    }

    private func order(_ candidates: some Collection<Candidate>) -> [Candidate] {
        func rank(_ candidate: Candidate) -> (Int, Int, String) {
            let isThere = memory.file(sha256: candidate.input.sha256) != nil
            return (isThere ? 0 : 1, -candidate.textBytes, candidate.input.sha256)
        }
        return candidates.map { ($0, rank($0)) }.sorted { $0.1 < $1.1 }.map(\.0)
    }

    private func file(
        for input: InputImage, until: ContinuousClock.Instant
    ) async throws(GeminiError) -> UploadedFile {
        while true {
            if let file = memory.file(sha256: input.sha256) { return file }
            guard waiting[input.sha256] != nil else { return try await upload(input, until: until) }
            // It ends within its own deadline; if it fails, the first of those who waited tries.
            await withCheckedContinuation { waiting[input.sha256]?.append($0) }
        }
    }

    private func upload(
        _ input: InputImage, until: ContinuousClock.Instant
    ) async throws(GeminiError) -> UploadedFile {
        waiting[input.sha256] = []
        defer {
            let others = waiting.removeValue(forKey: input.sha256) ?? []
            others.forEach { $0.resume() }
        }
        let remote = try await FileUpload(image: input, access: access, until: until).run()
        let file = UploadedFile(
            name: remote.name, uri: remote.uri ?? "", expiresAt: memory.end(told: remote.expirationTime))
        await memory.remember(file, sha256: input.sha256)
        return file
    }
}
