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
        guard imageBytes + bytes.count <= AnswerLimits.imageBytes else { throw AnswerScannerError.imagesTooLarge }
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
    /// - Parameter key: Taken out of every text, with whatever else looks like a key; `content` alone is verbatim,
    ///   since it only ever goes back to Google, and is left away when the key stands in it.
    /// - Returns: The answer; its final image has a known type.
    /// - Throws: Why there is no image to give, or what is wrong with the body.
    func finish(redacting key: ApiKey?) throws(GeminiError) -> Answer<Sink> {
        guard scanner.isComplete, let envelope = try? AnswerEnvelope(rest: scanner.rest) else {
            throw .invalidAnswer("the answer is not the JSON that was announced")
        }
        let candidates = envelope.candidates ?? []
        let usage = envelope.usageMetadata?.value.flatMap(Usage.init)
        let redaction = Redaction(key: key)
        let placed = try images(of: candidates, redaction)
        let readable = placed.filter(\.isReadable)
        let chosen = readable.first { !$0.image.isThought }?.candidate
        guard let chosen,
            let finalIndex = readable.lastIndex(where: { $0.candidate == chosen && !$0.image.isThought })
        else {
            if let error = envelope.error {
                throw ErrorClassifier(httpStatus: 200, retryAfter: nil, key: key).classify(error)
            }
            guard placed.allSatisfy(\.image.isThought) else {
                throw .invalidAnswer("what came as an image is none", usage: usage, imageCount: placed.count)
            }
            throw .withoutImage(
                envelope, text: Self.text(of: candidates.flatMap(\.parts)), usage: usage,
                draftCount: placed.count, redaction: redaction)
        }
        let candidate = candidates[chosen]
        let unreadableCount = placed.count - readable.count
        let content = scanner.contents[chosen].map { Array(scanner.rest[$0]) }
        let isEchoed = content.map { Self.holds(key, $0) } ?? false
        return Answer(
            images: readable.map(\.image), finalIndex: finalIndex,
            text: redaction.withoutSecrets(Self.text(of: candidate.parts)),
            finishReason: (candidate.finishReason?.text).map { redaction.apply(to: $0) },
            finishMessage: (candidate.finishMessage?.text).map { redaction.apply(to: $0) }, usage: usage,
            modelVersion: (envelope.modelVersion?.text).map { redaction.apply(to: Self.plainModel($0)) },
            responseID: (envelope.responseId?.text).map { redaction.apply(to: $0) },
            content: unreadableCount == 0 && !isEchoed ? content : nil,
            findings: candidate.groundingMetadata?.value.flatMap { SearchFindings($0, redaction) },
            remarks: [
                .unreadable(unreadableCount), isEchoed ? .echo : nil,
                .deprecation(envelope.modelStatus?.value, redaction),
            ].compactMap(\.self))
    }

    /// The name without `models/` or `publishers/google/models/` in front.
    private static func plainModel(_ name: String) -> String {
        name.split(separator: "/").last.map(String.init) ?? name
    }

    /// That the key stands in a content, whether or not its letters are written as `\u` escapes.
    private static func holds(_ key: ApiKey?, _ content: [UInt8]) -> Bool {
        guard let key else { return false }
        let text = String(decoding: content, as: UTF8.self)
        if key.isIn(text) { return true }
        return content.contains(UInt8(ascii: "\\")) && key.isIn(AnswerScanner.unescaped(content))
    }

    private struct PlacedImage {
        var image: Answer<Sink>.Image
        /// Index of the candidate that it belongs to.
        var candidate: Int

        var isReadable: Bool { if case .known = image.header { true } else { false } }
    }

    /// The images in the order of their parts, which is that of their numbers; each that arrived must be one part's.
    private func images(
        of candidates: [AnswerEnvelope.Candidate], _ redaction: Redaction
    ) throws(GeminiError) -> [PlacedImage] {
        let parts = candidates.enumerated().flatMap { index, candidate in
            candidate.parts.map { (candidate: index, part: $0) }
        }
        let claimed = parts.compactMap { place in
            (place.part.inlineData?.value?.data?.value).map {
                (number: $0, candidate: place.candidate, part: place.part)
            }
        }
        guard claimed.map(\.number) == Array(arrived.indices) else {
            throw .invalidAnswer("the answer names an image twice")
        }
        return claimed.map { number, candidate, part in
            PlacedImage(
                image: Answer<Sink>.Image(
                    sink: arrived[number].sink,
                    claimedMimeType: (part.inlineData?.value?.mimeType?.text).map { redaction.apply(to: $0) },
                    isThought: part.isThought, byteCount: arrived[number].byteCount,
                    header: arrived[number].header),
                candidate: candidate)
        }
    }

    private static func text(of parts: [AnswerEnvelope.Part]) -> String {
        parts.filter { !$0.isThought }.compactMap(\.text?.text).joined().cut(toBytes: AnswerLimits.textBytes)
    }
}

extension AnswerEnvelope.Candidate {
    var parts: [AnswerEnvelope.Part] { content?.value?.parts ?? [] }
}

extension String {
    /// The beginning that fits into so many bytes.
    func cut(toBytes count: Int) -> String {
        guard utf8.count > count else { return self }
        var end = utf8.index(startIndex, offsetBy: count)
        // Not in the middle of a character.
        while end > startIndex, end.samePosition(in: unicodeScalars) == nil { end = utf8.index(before: end) }
        return String(self[..<end])
    }
}

extension AnswerRemark {
    fileprivate static let echo = AnswerRemark(
        code: "key_echoed",
        message: "the answer repeats the daemon's own key, so this turn is not kept and cannot be continued")

    fileprivate static func unreadable(_ count: Int) -> AnswerRemark? {
        guard count > 0 else { return nil }
        let what = count == 1 ? "1 part that came as an image is none" : "\(count) parts that came as images are none"
        return AnswerRemark(
            code: "unreadable_image", message: "\(what) and could not be kept; this turn cannot be continued")
    }

    /// For a model that is on its way out (`modelStage` of https://ai.google.dev/api/generate-content, read 2026-11-22).
    fileprivate static func deprecation(
        _ status: AnswerEnvelope.ModelStatus?, _ redaction: Redaction
    ) -> AnswerRemark? {
        guard let status, let stage = status.modelStage, ["LEGACY", "DEPRECATED", "RETIRED"].contains(stage) else {
            return nil
        }
        let end = status.retirementTime.map { " and ends at \(redaction.apply(to: $0))" } ?? ""
        let said = status.message.map { ": \(redaction.apply(to: $0))" } ?? ""
        return AnswerRemark(code: "model_deprecated", message: "this model is \(stage.lowercased())\(end)\(said)")
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
        case .imagesTooLarge: "the images in the answer have more than \(AnswerLimits.imageBytes) bytes"
        case .tooManyImages: "the answer has more than \(AnswerScanner.imageCount) images"
        }
    }
}
