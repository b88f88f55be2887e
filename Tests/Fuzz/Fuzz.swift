// The fuzz targets for what reads bytes from the network: the scanner with all that stands on it, the price of what an
// answer counts included, and the error classifier. `Packaging/fuzz` compiles this file together with their sources for libFuzzer; it is in no target.
//
// The first byte of an input chooses the target, the second the cuts or the status; the rest is the body.

import FoundationEssentials
import ImageHeader
import Synchronization

@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzOne(_ bytes: UnsafePointer<UInt8>, _ count: Int) -> CInt {
    let input = unsafe Array(UnsafeBufferPointer(start: bytes, count: count))
    guard input.count >= 2 else { return 0 }
    let body = Array(input[2...])
    if input[0] % 2 == 0 {
        // Wherever the network cuts, the same must come out.
        let whole = Outcome(of: body, pieceBytes: max(1, body.count))
        let cut = Outcome(of: body, pieceBytes: Int(input[1]) + 1)
        precondition(whole == cut, "cuts of \(Int(input[1]) + 1) bytes change the outcome")
    } else {
        let statuses = [400, 401, 402, 403, 404, 408, 413, 429, 499, 500, 502, 503, 504, 200, 302, 418]
        let routes = RouteKind.allCases
        let status = statuses[Int(input[1]) % statuses.count]
        let route = routes[Int(input[0] / 2) % routes.count]
        let error = ErrorClassifier(httpStatus: status, route: route, key: ApiKey(secret)).classify(body: body)
        let said = [error.upstream?.message, error.upstream?.status, error.upstream?.reason, error.hint]
        let texts = said + error.fields
        precondition(!texts.contains { $0?.contains(secret) == true }, "the key came through")
        precondition(error.reach == .answered, "an answer that arrived is one")
    }
    return 0
}

private let secret = "the-key-in-use"

private final class Bytes: ImageSink {
    private let kept = Mutex<[UInt8]>([])
    var bytes: [UInt8] { kept.withLock { $0 } }
    func write(_ more: UnsafeRawBufferPointer) throws { kept.withLock { unsafe $0 += more } }
}

private struct Outcome: Equatable {
    var kind: String?
    var images: [[UInt8]] = []
    var content: [UInt8]?
    var text: String?
    var costMicros: Int?

    /// A model at the dearest prices that a catalogue may have.
    private static let dearest = Model(
        id: "m", title: "m", aliases: [], routes: ["native"], sendsImageSize: true, defaultSize: "1K",
        defaultRatio: "1:1",
        sizes: [Model.ImageSize(name: "1K", imageTokens: Usage.mostTokens, usuallySeconds: [1, 2], pixels: [:])],
        price: Model.Price(input: 1_000_000_000, text: 1_000_000_000, image: 1_000_000_000), textTokenCap: 0,
        maxInputs: 1, inputImageTokens: 0, thinking: [], grounding: [])

    private mutating func price(_ usage: Usage?, imageCount: Int) {
        costMicros = usage.map { Self.dearest.costMicros($0, imageSize: nil, imageCount: imageCount) }
        precondition(costMicros ?? 0 >= 0, "nothing costs less than nothing")
    }

    init(of body: [UInt8], pieceBytes: Int) {
        let assembler = AnswerAssembler<Bytes> { _ in Bytes() }
        do throws(GeminiError) {
            var start = 0
            while start < body.count {
                let end = min(start + pieceBytes, body.count)
                try assembler.take(Array(body[start..<end]).span)
                start = end
            }
            let answer = try assembler.finish(redacting: ApiKey(secret))
            images = answer.images.map(\.sink.bytes)
            (content, text) = (answer.content, answer.text)
            price(answer.usage, imageCount: answer.images.count)
            precondition(!(answer.content.map { String(decoding: $0, as: UTF8.self).contains(secret) } ?? false))
            precondition(answer.images.indices.contains(answer.finalIndex), "the final image is one of them")
        } catch {
            kind = error.kind.rawValue
            price(error.usage, imageCount: error.imageCount)
        }
    }
}
