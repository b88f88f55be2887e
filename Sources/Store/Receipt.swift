// What an answer brought, written beside its file before that gets its name. A run that ends between the whole image and
// the row of its call leaves the next one enough to end the call as what it was.
//
// Nobody waits for a receipt's flush: after a power cut it may be missing or torn, and then the call is of unknown
// outcome, as every call without a receipt is.

import Crypto
import Glibc
import Wire

/// The end that a call is about to have, and the file that its image is in for now.
struct Receipt: Codable {
    let job: JobID
    let call: Int
    let artifact: ImageEntry
    /// The file's name below `temporary/`.
    let file: String
    let text: String?
    let finishReason: String?
    let modelAnswered: String?
    let warnings: [Warning]
    let usage: Usage?
    let costMicros: Int64
    let basis: Cost.Basis
    let timing: Timing
    let error: WireError?
    let turn: [UInt8]?
    let grounding: GroundingResult?

    /// An answer's text and turn are small; what is larger is none of ours.
    private static let greatestBytes = 16 * 1024 * 1024
    static let suffix = ".receipt"

    /// - Returns: Nil when the end has no image.
    init?(_ end: FinishedCall, file: String) {
        guard let final = end.artifacts.first(where: { $0.kind == .final }) else { return nil }
        (job, call, artifact, self.file) = (end.job, end.call, final.entry, file)
        (text, finishReason, modelAnswered) = (end.text, end.finishReason, end.modelAnswered)
        (warnings, usage, costMicros, basis) = (end.warnings, end.usage, end.costMicros, end.basis)
        (timing, error, turn, grounding) = (end.timing, end.error, end.turn, end.grounding)
    }

    static func name(job: JobID, call: Int) -> String { "\(job).\(call)\(suffix)" }

    /// Its text, behind a line that is the sha256 of it.
    var bytes: [UInt8] {
        let text = Array(WireJSON.encode(self))
        return Array((Self.sum(text) + "\n").utf8) + text
    }

    /// - Returns: Nil when it is torn.
    init?(bytes: [UInt8]) {
        guard bytes.count > 65, bytes[64] == UInt8(ascii: "\n") else { return nil }
        let text = Array(bytes[65...])
        guard Self.sum(text) == String(decoding: bytes[..<64], as: UTF8.self),
            let read = try? WireJSON.decode(Receipt.self, from: text)
        else { return nil }
        self = read
    }

    private static func sum(_ bytes: [UInt8]) -> String {
        SHA256.hash(data: bytes).hexadecimal
    }

    func end(at time: Timestamp) -> FinishedCall {
        FinishedCall(
            job: job, call: call, at: time, artifacts: [KeptArtifact(kind: .final, entry: artifact)], text: text,
            finishReason: finishReason, modelAnswered: modelAnswered, warnings: warnings, usage: usage,
            costMicros: costMicros, basis: basis, timing: timing, error: error, turn: turn, grounding: grounding)
    }

    /// Those that the run before left and that can be read, by the name of their file.
    static func left(in directory: StateDirectory) throws(StoreError) -> [String: Receipt] {
        var left: [String: Receipt] = [:]
        for name in try FileSystem.names(in: directory.temporary) where name.hasSuffix(suffix) {
            let path = "\(directory.temporary)/\(name)"
            guard let file = try? OpenFile(path: path, flags: O_RDONLY, operation: "open a receipt"),
                let bytes = try? file.read(upTo: greatestBytes, at: 0), let receipt = Receipt(bytes: bytes),
                Self.name(job: receipt.job, call: receipt.call) == name
            else { continue }
            left[name] = receipt
        }
        return left
    }
}

extension ArtifactStore {
    /// Leaves a receipt; one that cannot be written only makes the outcome unknown should this run end now.
    func leave(_ receipt: Receipt) {
        let path = "\(directory.temporary)/\(Receipt.name(job: receipt.job, call: receipt.call))"
        let flags = O_WRONLY | O_CREAT | O_TRUNC
        guard let file = try? OpenFile(path: path, flags: flags, operation: "make a receipt") else { return }
        try? file.write(receipt.bytes)
    }

    /// Takes a receipt away, for its call has its row.
    func removeReceipt(job: JobID, call: Int) {
        FileSystem.removeIfThere("\(directory.temporary)/\(Receipt.name(job: job, call: call))")
    }

    /// Whether the file of a receipt is there whole, under its name or still without; durable when this is true.
    func hasWhole(_ receipt: Receipt) throws(StoreError) -> Bool {
        let sha256 = receipt.artifact.sha256
        if try isWhole(path(of: sha256), receipt.artifact) {
            try flushName(of: sha256)
            return true
        }
        let path = "\(directory.temporary)/\(receipt.file)"
        guard !receipt.file.contains("/"), try isWhole(path, receipt.artifact) else { return false }
        try place(path, as: sha256)
        try flushName(of: sha256)
        return true
    }

    /// Reads the file to its end and flushes it.
    private func isWhole(_ path: String, _ entry: ImageEntry) throws(StoreError) -> Bool {
        guard FileSystem.modified(path) != nil else { return false }
        let file = try OpenFile(path: path, flags: O_RDWR, operation: "open an image")
        var hasher = SHA256()
        var offset: Int64 = 0
        while true {
            let bytes = try file.read(upTo: 65_536, at: offset)
            guard !bytes.isEmpty else { break }
            hasher.update(data: bytes)
            offset += Int64(bytes.count)
        }
        guard offset == Int64(entry.bytes), hasher.finalize().hexadecimal == entry.sha256 else { return false }
        try fsync.file(file)
        return true
    }
}
