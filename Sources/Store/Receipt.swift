// What an answer brought, written beside its file before that gets its name. A run that ends between the whole image and
// the row of its call leaves the next one enough to end the call as what it was.
//
// Nobody waits for a receipt's flush: after a power cut it may be missing or torn, and then the call is of unknown
// outcome, as every call without a receipt is.

import Crypto
import Dispatch
import FoundationEssentials
import Glibc
import Synchronization
import Wire

/// The end that a call is about to have, and the files that its images are in for now.
struct Receipt: Codable {
    /// An image of the answer.
    struct Image: Codable {
        /// The file's name below `temporary/`.
        var file: String
        let kind: KeptArtifact.Kind
        let mimeType: String
        let width: Int
        let height: Int
        let bytes: Int
        /// Absent until the file is about to be named by it.
        var sha256: String?
    }

    let job: JobID
    let call: Int
    /// In the order of the answer.
    var images: [Image]
    let text: String?
    let finishReason: String?
    let modelAnswered: String?
    let warnings: [Warning]
    let usage: Usage?
    let costMicros: Int64
    let basis: Cost.Basis
    let timing: Timing
    let error: WireError?
    let turn: Data?
    let grounding: GroundingResult?
    /// When it was written, by both clocks: without a hash, bytes are believed of a run of the same boot alone, whose
    /// page cache is still there.
    let moment: BootMoment

    /// Over what an answer's text and turn may come to.
    private static let greatestBytes = 64 * 1024 * 1024
    static let suffix = ".receipt"

    init(_ end: FinishedCall, images: [Image]) {
        (job, call, self.images) = (end.job, end.call, images)
        (text, finishReason, modelAnswered) = (end.text, end.finishReason, end.modelAnswered)
        (warnings, usage, costMicros, basis) = (end.warnings, end.usage, end.costMicros, end.basis)
        (timing, error, turn, grounding) = (end.timing, end.error, end.turn.map { Data($0) }, end.grounding)
        moment = BootMoment()
    }

    static func name(job: JobID, call: Int) -> String { "\(job).\(call)\(suffix)" }

    /// Its text, behind a line that is the sha256 of it.
    var bytes: [UInt8] {
        let text = Array(WireJSON.encode(self))
        return Array((Self.sum(text) + "\n").utf8) + text
    }

    /// - Returns: Nil when it is torn, or of a version that had another form.
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

    /// The end with the images that were found; a turn that names one that was not could not be replayed.
    func end(with artifacts: [KeptArtifact], at time: Timestamp) -> FinishedCall {
        FinishedCall(
            job: job, call: call, at: time, artifacts: artifacts, text: text,
            finishReason: finishReason, modelAnswered: modelAnswered, warnings: warnings, usage: usage,
            costMicros: costMicros, basis: basis, timing: timing, error: error,
            turn: artifacts.count == images.count ? turn.map { Array($0) } : nil, grounding: grounding)
    }

    /// Those that the run before left and that can be read, by the name of their file.
    static func left(in directory: StateDirectory) throws(StoreError) -> [String: Receipt] {
        var left: [String: Receipt] = [:]
        for name in try FileSystem.names(in: directory.temporary) where name.hasSuffix(suffix) {
            let path = "\(directory.temporary)/\(name)"
            guard let file = try? OpenFile(path: path, flags: O_RDONLY, operation: "open a receipt"),
                let bytes = try? file.read(upTo: min(greatestBytes, file.size), at: 0),
                let receipt = Receipt(bytes: bytes), Self.name(job: receipt.job, call: receipt.call) == name
            else { continue }
            left[name] = receipt
        }
        return left
    }
}

extension KeptArtifact.Kind: Codable {}

/// An instant by the wall clock and by the machine's own.
struct BootMoment: Codable {
    /// Milliseconds since 1970, and since the machine's start.
    let wall: Int64
    let up: Int64

    /// Now.
    init() { (wall, up) = (Self.read(CLOCK_REALTIME), Self.read(CLOCK_BOOTTIME)) }

    private static func read(_ clock: clockid_t) -> Int64 {
        var time = timespec()
        _ = unsafe clock_gettime(clock, &time)
        return Int64(time.tv_sec) * 1000 + Int64(time.tv_nsec) / 1_000_000
    }

    /// Whether the machine has not been started since, nor its clock set; a start lies at least as far behind the one
    /// before as the machine had been up.
    func isOfThisBoot(now: BootMoment = BootMoment()) -> Bool {
        now.up >= up && abs((now.wall - now.up) - (wall - up)) < 2000
    }
}

/// An image of an answer that is about to be kept.
package struct ArrivedImage: Sendable {
    package var file: TemporaryArtifact
    package var kind: KeptArtifact.Kind
    package var mimeType: String
    package var width: Int
    package var height: Int

    package init(file: TemporaryArtifact, kind: KeptArtifact.Kind, mimeType: String, width: Int, height: Int) {
        self.file = file
        self.kind = kind
        self.mimeType = mimeType
        self.width = width
        self.height = height
    }
}

/// The receipt of a call whose images are being kept.
package final class LeftReceipt: Sendable {
    private let receipt: Mutex<Receipt>
    private let files: [TemporaryArtifact]
    private let artifacts: ArtifactStore

    fileprivate init(_ receipt: Receipt, files: [TemporaryArtifact], artifacts: ArtifactStore) {
        self.receipt = Mutex(receipt)
        self.files = files
        self.artifacts = artifacts
        write(receipt)
    }

    /// Notes what a file holds, and what it is called now.
    func note(_ sha256: String, of file: TemporaryArtifact) {
        guard let index = files.firstIndex(where: { $0 === file }) else { return }
        let name = file.name ?? ""
        let changed = receipt.withLock { receipt -> Receipt? in
            let image = receipt.images[index]
            guard image.sha256 != sha256 || image.file != name else { return nil }
            (receipt.images[index].sha256, receipt.images[index].file) = (sha256, name)
            return receipt
        }
        if let changed { write(changed) }
    }

    /// Lets the files stay for the next run, which the receipt tells what they are.
    package func leaveBehind() { for file in files { file.leaveBehind() } }

    /// One that cannot be written only makes the outcome unknown should this run end now.
    private func write(_ receipt: Receipt) {
        FaultPoint.reach(.receiptBefore)
        let path = "\(artifacts.directory.temporary)/\(Receipt.name(job: receipt.job, call: receipt.call))"
        let flags = O_WRONLY | O_CREAT | O_TRUNC
        if let file = try? OpenFile(path: path + ".new", flags: flags, operation: "make a receipt"),
            (try? file.write(receipt.bytes)) != nil
        {
            // By its name in one step: a torn one would be none, and the one before may be all there is.
            _ = try? FileSystem.rename(path + ".new", to: path)
        }
        FaultPoint.reach(.receiptAfter)
    }
}

extension ArtifactStore {
    /// Leaves a receipt for the next run, should this one end before the call's row.
    ///
    /// - Parameters:
    ///   - end: The end that the call is to have; its artifacts are not looked at.
    ///   - images: Those of the answer, in its order, as they are to be kept.
    /// - Returns: To be told the names of the files.
    package func leaveReceipt(
        _ end: FinishedCall,
        _ images: [ArrivedImage]
    ) async -> LeftReceipt {
        await withCheckedContinuation { continuation in
            flushing.async { [self] in
                let known = images.map { image in
                    Receipt.Image(
                        file: image.file.name ?? "", kind: image.kind, mimeType: image.mimeType, width: image.width,
                        height: image.height, bytes: image.file.byteCount)
                }
                continuation.resume(
                    returning: LeftReceipt(Receipt(end, images: known), files: images.map(\.file), artifacts: self))
            }
        }
    }

    /// Takes a receipt away, for its call has its row.
    func removeReceipt(job: JobID, call: Int) {
        FaultPoint.reach(.receiptRemoval)
        FileSystem.removeIfThere("\(directory.temporary)/\(Receipt.name(job: job, call: call))")
    }

    /// The images of a receipt whose files are there whole, durable when this returns.
    func whole(_ receipt: Receipt) throws(StoreError) -> [KeptArtifact] {
        var found: [KeptArtifact] = []
        for image in receipt.images {
            guard let sha256 = try recover(image, isOfThisBoot: receipt.moment.isOfThisBoot()) else { continue }
            let entry = ImageEntry(
                sha256: sha256, mimeType: image.mimeType, width: image.width, height: image.height, bytes: image.bytes)
            found.append(KeptArtifact(kind: image.kind, entry: entry))
        }
        return found
    }

    /// Gives an image its name, if it has not got it already; its sha256, or nil when it is not whole.
    private func recover(_ image: Receipt.Image, isOfThisBoot: Bool) throws(StoreError) -> String? {
        if let sha256 = image.sha256, try flushed(path(of: sha256), image) == sha256 {
            try flushName(of: sha256)
            return sha256
        }
        let path = "\(directory.temporary)/\(image.file)"
        guard !image.file.isEmpty, !image.file.contains("/"), image.sha256 != nil || isOfThisBoot,
            let found = try flushed(path, image), image.sha256 ?? found == found
        else { return nil }
        FaultPoint.reach(.recoveryBeforeRename)
        try reserve.helping { () throws(StoreError) in try place(path, as: found) }
        try flushName(of: found)
        return found
    }

    /// Reads a file to its end and flushes it; its sha256, or nil when it is not there or has another length.
    private func flushed(_ path: String, _ image: Receipt.Image) throws(StoreError) -> String? {
        guard FileSystem.modified(path) != nil else { return nil }
        let file = try OpenFile(path: path, flags: O_RDWR, operation: "open an image")
        var hasher = SHA256()
        var offset: Int64 = 0
        while true {
            let bytes = try file.read(upTo: 65_536, at: offset)
            guard !bytes.isEmpty else { break }
            hasher.update(data: bytes)
            offset += Int64(bytes.count)
        }
        guard offset == Int64(image.bytes) else { return nil }
        try fsync.file(file)
        return hasher.finalize().hexadecimal
    }
}

extension SHA256.Digest {
    /// 64 lower-case hexadecimal digits.
    var hexadecimal: String { map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined() }
}
