// How much a request may carry itself.

package struct InlineLimits: Sendable, Equatable {
    /// Bytes of the whole body.
    package var requestBytes: Int
    /// Bytes of one input image, before base64; nil when only the whole counts.
    package var inputBytes: Int?

    package init(requestBytes: Int, inputBytes: Int? = nil) {
        self.requestBytes = requestBytes
        self.inputBytes = inputBytes
    }

    /// The Developer API since 2026-01-08 (https://ai.google.dev/gemini-api/docs/changelog, read 2026-11-22).
    package static let native = InlineLimits(requestBytes: 100_000_000)

    /// Vertex counts 7 MB for each image, and 500 MB with what lies in Cloud Storage.
    package static let vertex = InlineLimits(requestBytes: 500_000_000, inputBytes: 7_000_000)

    /// What an image of so many bytes takes in a body.
    package static func base64Bytes(_ byteCount: Int) -> Int { (byteCount + 2) / 3 * 4 }

    /// Refuses what the limits do not allow; for a route that has no way around them.
    func check(_ request: GenerationRequest, _ body: RequestBody) throws(GeminiError) {
        if let inputBytes {
            for (index, input) in request.inputs.enumerated() where input.source.byteCount > inputBytes {
                var error = GeminiError(
                    .tooLarge, reach: .notSent, charged: .no,
                    "input \(index) has \(input.source.byteCount) bytes, this route takes \(inputBytes)",
                    hint: "a smaller or stronger compressed image will do")
                error.fields = ["inputs.\(index)"]
                throw error
            }
        }
        guard body.contentLength <= requestBytes else {
            throw GeminiError(
                .tooLarge, reach: .notSent, charged: .no,
                "the request would have \(body.contentLength) bytes, this route takes \(requestBytes)",
                hint: request.history.isEmpty
                    ? "fewer or smaller input images will do"
                    : "start afresh from the conversation's last image as an input")
        }
    }
}
