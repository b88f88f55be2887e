// Input images: where they come from, what is refused, and the row that each leaves with its job.

/// One input image of a job, its file kept beside the artifacts.
package struct KeptInput: Sendable, Hashable {
    /// 64 lower-case hexadecimal digits.
    package var sha256: String
    /// Read from the bytes.
    package var mimeType: String
    package var width: Int
    package var height: Int
    package var bytes: Int

    package init(sha256: String, mimeType: String, width: Int, height: Int, bytes: Int) {
        self.sha256 = sha256
        self.mimeType = mimeType
        self.width = width
        self.height = height
        self.bytes = bytes
    }
}

/// Owns a descriptor that was opened elsewhere and stays open as long as this object is kept.
package protocol InputFile: AnyObject, Sendable {
    /// Read with pread(2) alone, from offset 0; its own offset is neither used nor moved.
    var descriptor: Int32 { get }
}

extension OpenFile: InputFile {}

/// Where an input image comes from.
package enum InputSource: Sendable {
    case file(any InputFile)
    case bytes([UInt8])
    /// The sha256 of an artifact of the same uid.
    case artifact(String)
}

/// What bounds the inputs of one job, in bytes.
package struct InputLimits: Sendable, Equatable {
    /// Of one input; 100 MB is what the Files API takes (`upstream.md` 1.8).
    package var inputBytes: Int
    /// Of all inputs of one job together.
    package var totalBytes: Int

    package init(inputBytes: Int = 100_000_000, totalBytes: Int = 1_400_000_000) {
        self.inputBytes = inputBytes
        self.totalBytes = totalBytes
    }
}

/// Why inputs were not taken; the number is the input's place in the request, from 0.
package enum InputError: Error, Sendable, Equatable {
    /// It is no image that upstream takes, or not a whole one; the text says what it is instead.
    case bad(Int, String)
    case tooLarge(Int, limitBytes: Int)
    /// All inputs together are over the bound.
    case tooLargeTogether(limitBytes: Int)
    case tooMany(Int)
    /// The uid has no such artifact.
    case noArtifact(Int)
    case store(StoreError)
}

/// Inputs that are files and not yet rows: admitted with a job, or given back with `Store.discard`.
package struct TakenInputs: Sendable {
    package let inputs: [KeptInput]

    package static let none = TakenInputs(inputs: [])
}
