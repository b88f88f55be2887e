// The images that a request brings, and where their bytes are read from while it leaves.

/// Bytes that are read piece by piece, an open file as a rule; they do not change while a request uses them.
package protocol ImageSource: Sendable {
    var byteCount: Int { get }

    /// Reads up to the buffer's size from `offset` on, at most as much as there is; 0 only at the end.
    ///
    /// Called on the network's thread, which every exchange of the process shares: a `pread` of 48 KiB, nothing slower.
    func read(at offset: Int, into buffer: UnsafeMutableRawBufferPointer) throws -> Int
}

/// One image of a request: given by the caller, or made by the model in an earlier turn.
package struct InputImage: Sendable {
    /// `image/png`, `image/jpeg`, `image/webp`, `image/heic` or `image/heif`, read from the bytes.
    package var mimeType: String
    /// Of the bytes, in lower-case hexadecimal: under this name an upload is remembered.
    package var sha256: String
    package var source: any ImageSource

    package init(mimeType: String, sha256: String, source: any ImageSource) {
        self.mimeType = mimeType
        self.sha256 = sha256
        self.source = source
    }
}

/// One finished turn of a conversation: what was asked and what the model answered.
package struct Turn: Sendable {
    package var prompt: String
    package var inputs: [InputImage]
    /// The model's content as an `Answer` gave it: JSON in which a number stands where each image's base64 stood.
    package var content: [UInt8]
    /// The images of that answer; the numbers in `content` are indices into them.
    package var images: [InputImage]

    package init(prompt: String, inputs: [InputImage], content: [UInt8], images: [InputImage]) {
        self.prompt = prompt
        self.inputs = inputs
        self.content = content
        self.images = images
    }
}
