// From the pieces of a 200 to an `Answer` or to the reason why there is none.

import FoundationEssentials
import ImageHeader

/// Takes the body of one answer and its images; used on one thread.
final class AnswerAssembler<Sink: ImageSink>: ScannedImages {
    private struct Arrived {
        var sink: Sink
        var reader = ImageHeaderReader()
        var header = ImageHeader.needsMore
        var byteCount = 0
    }

    private var scanner = AnswerScanner()
    private var arrived: [Arrived] = []
    private let makeSink: @Sendable (Int) throws -> Sink

    /// Decoded bytes of all images so far.
    private(set) var imageBytes = 0

    init(makeSink: @escaping @Sendable (Int) throws -> Sink) {
        self.makeSink = makeSink
    }

    func take(_ bytes: Span<UInt8>) throws(GeminiError) {
        do {
            try scanner.take(bytes, to: self)
        } catch let error as AnswerScannerError {
            throw .invalidAnswer(error.sentence)
        } catch {
            throw .sinkFailed(error)
        }
    }

    func imageBegins(_ number: Int) throws {
        arrived.append(Arrived(sink: try makeSink(number)))
    }

    func imageContinues(_ number: Int, _ bytes: Span<UInt8>) throws {
        arrived[number].byteCount += bytes.count
        imageBytes += bytes.count
        try unsafe bytes.withUnsafeBytes { bytes in
            try unsafe arrived[number].sink.write(bytes)
            if arrived[number].header == .needsMore {
                unsafe arrived[number].reader.take(bytes)
                arrived[number].header = arrived[number].reader.header
            }
        }
    }

    func imageEnds(_ number: Int) throws {
        arrived[number].header = arrived[number].reader.finish()
    }

    /// Whether the JSON has been closed.
    var isComplete: Bool { scanner.isComplete }

    /// Makes the answer out of a body that arrived whole.
    ///
    /// - Parameter key: Taken out of any text that becomes part of an error.
    /// - Returns: The answer; its final image has a known type.
    /// - Throws: Why there is no image to give, or what is wrong with the body.
    func finish(redacting key: ApiKey?) throws(GeminiError) -> Answer<Sink> {
        guard scanner.isComplete, let envelope = try? AnswerEnvelope(rest: scanner.rest) else {
            throw .invalidAnswer("the answer is not the JSON that was announced")
        }
        if let error = envelope.error {
            throw ErrorClassifier(httpStatus: 200, retryAfter: nil, key: key).classify(error)
        }
        let parts = (envelope.candidates ?? []).flatMap { $0.content?.parts ?? [] }
        let usage = envelope.usageMetadata.map(Usage.init)
        let text = Self.text(of: parts)
        let images = try images(of: parts)
        guard let finalIndex = images.lastIndex(where: { !$0.isThought }) else {
            throw .withoutImage(
                envelope, text: text, usage: usage, draftCount: images.count, redaction: Redaction(key: key))
        }
        guard case .known = images[finalIndex].header else {
            throw .invalidAnswer("what came as an image is none", usage: usage)
        }
        return Answer(
            images: images, finalIndex: finalIndex, text: text, finishReason: envelope.candidates?.first?.finishReason,
            finishMessage: envelope.candidates?.first?.finishMessage, usage: usage,
            modelVersion: envelope.modelVersion, responseID: envelope.responseId, envelope: scanner.rest)
    }

    /// The images in the order of their parts; each that arrived must be one part's, exactly once.
    private func images(of parts: [AnswerEnvelope.Part]) throws(GeminiError) -> [Answer<Sink>.Image] {
        let claimed = parts.compactMap { part in part.inlineData?.data.map { (number: $0, part: part) } }
        guard claimed.map(\.number).sorted() == Array(arrived.indices) else {
            throw .invalidAnswer("the answer names an image twice")
        }
        return claimed.map { number, part in
            Answer<Sink>.Image(
                sink: arrived[number].sink, claimedMimeType: part.inlineData?.mimeType,
                isThought: part.thought == true, byteCount: arrived[number].byteCount, header: arrived[number].header)
        }
    }

    private static func text(of parts: [AnswerEnvelope.Part]) -> String {
        let whole = parts.filter { $0.thought != true }.compactMap(\.text).joined()
        return whole.utf8.count <= AnswerLimits.textBytes
            ? whole : String(decoding: whole.utf8.prefix(AnswerLimits.textBytes), as: UTF8.self)
    }
}

extension AnswerScannerError {
    /// The error as a clause for a person.
    var sentence: String {
        switch self {
        case .notJSON: "the answer is not the JSON that was announced"
        case .notBase64: "an image in the answer is not base64"
        case .base64Incomplete: "an image in the answer ends in the middle of a byte"
        case .nestedTooDeep: "the answer is nested deeper than \(AnswerScanner.nestingDepth)"
        case .restTooLarge: "the answer has more than \(AnswerScanner.restBytes) bytes beside its images"
        case .imageTooLarge: "an image in the answer has more than \(ImageText.imageBytes) bytes"
        case .tooManyImages: "the answer has more than \(AnswerScanner.imageCount) images"
        }
    }
}
