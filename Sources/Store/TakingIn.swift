// Copying inputs into the store: a buffer at a time, looked at on the way, flushed and named like an artifact. A client
// may change or cut its file while it is read, so what counts is the copy.

import Crypto
import Dispatch
import Glibc
import ImageHeader
package import Wire

extension Store {
    /// Most inputs of one request, whatever the route (`upstream.md` 1.8).
    private static let inputCount = 14

    /// Copies inputs into the store; until they are admitted with a job, or given back, no sweep removes them.
    ///
    /// - Parameters:
    ///   - sources: In the order of the request.
    ///   - owner: Whose artifacts may be named.
    ///   - limits: What one and all may have.
    /// - Returns: As they are kept, in the order of the request.
    /// - Throws: With nothing kept.
    package func takeIn(
        _ sources: [InputSource], for owner: UInt32, limits: InputLimits
    ) async throws(InputError) -> TakenInputs {
        guard !sources.isEmpty else { return .none }
        guard sources.count <= Self.inputCount else { throw .tooMany(Self.inputCount) }
        do throws(StoreError) {
            guard try reserve.hasRoom() else { throw .full }
        } catch {
            throw .store(error)
        }
        var inputs: [KeptInput] = []
        do throws(InputError) {
            var rest = limits.totalBytes
            for (index, source) in sources.enumerated() {
                let input =
                    if case .artifact(let sha256) = source {
                        try await take(sha256, of: owner, index)
                    } else {
                        try await copy(source, index, atMost: limits.inputBytes)
                    }
                inputs.append(input)
                rest -= input.bytes
                guard input.bytes <= limits.inputBytes else {
                    throw InputError.tooLarge(index, limitBytes: limits.inputBytes)
                }
                guard rest >= 0 else { throw InputError.tooLargeTogether(limitBytes: limits.totalBytes) }
            }
            return TakenInputs(inputs: inputs)
        } catch {
            await discard(TakenInputs(inputs: inputs))
            throw error
        }
    }

    /// The sha256 of each source, as its copy would have it; nothing is kept.
    ///
    /// - Throws: When one cannot be read or has more than `limits` says.
    package func digests(of sources: [InputSource], limits: InputLimits) async throws(InputError) -> [String] {
        guard !sources.isEmpty else { return [] }
        let outcome: Result<[String], InputError> = await withCheckedContinuation { continuation in
            artifacts.flushing.async {
                var digests: [String] = []
                do throws(InputError) {
                    for (index, source) in sources.enumerated() {
                        digests.append(try InputReader(index: index, limit: limits.inputBytes).digest(of: source))
                    }
                    continuation.resume(returning: .success(digests))
                } catch {
                    continuation.resume(returning: .failure(error))
                }
            }
        }
        return try outcome.get()
    }

    /// Gives back inputs that were not admitted: a file that no row names is removed.
    package func discard(_ taken: TakenInputs) async {
        let digests = taken.inputs.map(\.sha256)
        guard !digests.isEmpty else { return }
        artifacts.giveBack(digests)
        artifacts.beginSweep()
        defer { artifacts.endSweep() }
        // What cannot be looked up now is met again by the sweep at the next start.
        for name in (try? await unnamed(digests)) ?? [] { artifacts.remove(name) }
    }

    /// The inputs of a job that is kept, to be admitted with another one.
    package func takeInputs(of id: JobID) async throws(StoreError) -> TakenInputs {
        let inputs = try await inputs(of: id)
        for input in inputs { artifacts.spare(input.sha256) }
        return TakenInputs(inputs: inputs)
    }

    private func take(_ sha256: String, of owner: UInt32, _ index: Int) async throws(InputError) -> KeptInput {
        artifacts.spare(sha256)
        do throws(StoreError) {
            if let entry = try await artifact(sha256, of: owner) {
                return KeptInput(
                    sha256: sha256, mimeType: entry.mimeType, width: entry.width, height: entry.height,
                    bytes: entry.bytes)
            }
        } catch {
            artifacts.giveBack([sha256])
            throw .store(error)
        }
        artifacts.giveBack([sha256])
        throw .noArtifact(index)
    }

    private func copy(
        _ source: InputSource, _ index: Int, atMost limit: Int
    ) async throws(InputError) -> KeptInput {
        let outcome: Result<KeptInput, InputError> = await withCheckedContinuation { continuation in
            // Copying and flushing block, so they happen where artifacts are flushed.
            artifacts.flushing.async { [artifacts] in
                do throws(InputError) {
                    let copying = InputCopy(index: index, limit: limit, artifacts: artifacts)
                    continuation.resume(returning: .success(try copying.copy(source)))
                } catch {
                    continuation.resume(returning: .failure(error))
                }
            }
        }
        return try outcome.get()
    }
}

/// One input on its way into the store.
private struct InputCopy {
    let index: Int
    let limit: Int
    let artifacts: ArtifactStore

    func copy(_ source: InputSource) throws(InputError) -> KeptInput {
        do {
            let file = try artifacts.makeTemporary()
            var reader = ImageHeaderReader()
            try InputReader(index: index, limit: limit).read(source) { bytes in
                if reader.header == .needsMore { reader.take(bytes) }
                try unsafe bytes.withUnsafeBytes { try unsafe file.write($0) }
            }
            guard case .known(let type, let pixels) = reader.finish() else {
                throw InputError.bad(index, "it is no PNG, JPEG, WebP, HEIC or HEIF image")
            }
            guard try WholeImage(type, byteCount: file.byteCount, read: file.read).isWhole() else {
                throw InputError.bad(index, "it is a \(type.fileExtension.uppercased()) image that ends too early")
            }
            guard let pixels else {
                throw InputError.bad(index, "it is a \(type.fileExtension.uppercased()) image without a size")
            }
            let kept = try file.keepNow()
            return KeptInput(
                sha256: kept.sha256, mimeType: type.mimeType, width: pixels.width, height: pixels.height,
                bytes: kept.bytes)
        } catch let error as InputError {
            throw error
        } catch {
            throw .store(StoreError(error))
        }
    }
}

/// Reads an input where it is, a buffer at a time.
private struct InputReader {
    private static let pieceBytes = 65_536

    let index: Int
    let limit: Int

    func digest(of source: InputSource) throws(InputError) -> String {
        if case .artifact(let sha256) = source { return sha256 }
        var hasher = SHA256()
        do {
            try read(source) { hasher.update(data: $0) }
        } catch let error as InputError {
            throw error
        } catch {
            throw .store(StoreError(error))
        }
        return hasher.finalize().hexadecimal
    }

    /// Hands on all bytes of a source that has bytes of its own.
    func read(_ source: InputSource, _ take: (ArraySlice<UInt8>) throws -> Void) throws {
        switch source {
        case .file(let input): try read(input, take)
        case .bytes(let bytes):
            guard bytes.count <= limit else { throw InputError.tooLarge(index, limitBytes: limit) }
            try take(bytes[...])
        case .artifact: preconditionFailure("an artifact has no bytes of its own here")
        }
    }

    private func read(_ input: any InputFile, _ take: (ArraySlice<UInt8>) throws -> Void) throws {
        let size = try size(of: input.descriptor)
        guard size <= limit else { throw InputError.tooLarge(index, limitBytes: limit) }
        var buffer = [UInt8](repeating: 0, count: min(size, Self.pieceBytes))
        var offset = 0
        while offset < size {
            let wanted = min(buffer.count, size - offset)
            let got = unsafe buffer.withUnsafeMutableBytes {
                unsafe pread(input.descriptor, $0.baseAddress, wanted, offset)
            }
            if got < 0, errno == EINTR { continue }
            guard got >= 0 else { throw InputError.bad(index, "it cannot be read") }
            guard got > 0 else { throw InputError.bad(index, "it became shorter while it was read") }
            try take(buffer[..<got])
            offset += got
        }
    }

    /// The size of what can be read by offset: a regular file or a memfd, opened for reading.
    private func size(of descriptor: Int32) throws(InputError) -> Int {
        var status = stat()
        guard unsafe fstat(descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFREG else {
            throw .bad(index, "its descriptor is no regular file")
        }
        let flags = fcntl(descriptor, F_GETFL)
        guard flags >= 0, flags & O_ACCMODE != O_WRONLY, flags & Self.pathOnly == 0 else {
            throw .bad(index, "its descriptor is not open for reading")
        }
        return Int(status.st_size)
    }

    /// `O_PATH` of open(2), which the Glibc module does not export.
    private static let pathOnly: Int32 = 0o10000000
}
