// What one call can cost and will probably cost (protocol section 3, "Money").

import Engine
import Gemini
import Wire

/// The price of one call, in micro-dollars.
struct CallPrice: Sendable {
    var hold: Int64
    var expected: Int64
    /// The most that can go in.
    var inputTokens: Int64
    /// What the figures leave out.
    var warnings: [Warning]
}

extension GeminiGenerator {
    /// Prices a call by the catalogue.
    ///
    /// - Throws: `unpriced` when the price is not known, or not known whole and the configuration wants it so.
    func price(
        _ params: GenerateImage.Params, _ material: Material, _ replay: Replay, _ model: Model
    ) throws(WireError) -> CallPrice {
        let textBytes = params.prompt.utf8.count + (params.systemInstruction?.utf8.count ?? 0) + replay.textBytes
        let images = replay.imageCount(material.inputs)
        guard
            let hold = model.holdMicros(imageSize: params.imageSize, promptBytes: textBytes, inputImageCount: images),
            let expected = model.expectedMicros(
                imageSize: params.imageSize, promptBytes: textBytes, inputImageCount: images)
        else { throw .unpriced }
        let percent = model.percent(of: project.serviceTier)
        var price = CallPrice(
            hold: Int64(Model.part(percent, of: hold)), expected: Int64(Model.part(percent, of: expected)),
            inputTokens: Int64(model.mostInputTokens(promptBytes: textBytes, inputImageCount: images)), warnings: [])
        guard params.grounding?.isEmpty == false else { return price }
        guard let searches = model.groundingMicros(queries: Model.groundingQueryCap),
            let one = model.groundingMicros(queries: 1)
        else {
            guard !refusesUnpriced else {
                throw WireError(
                    .unpriced, "what Google asks for the searches of \(model.id) is not in the catalogue",
                    hint: "an admin can put the price into a catalogue file; or leave grounding away", path: "grounding"
                )
            }
            price.warnings.append(
                Warning(.priceIncomplete, "Google bills searches apart, and their price is not in the catalogue"))
            return price
        }
        price.hold += Int64(searches)
        price.expected += Int64(one)
        return price
    }
}

extension WireError {
    static let unpriced = WireError(.unpriced, "the price of this request is not known")
}

extension Warning.Code {
    /// The cost leaves out what the catalogue has no price for.
    static let priceIncomplete = Warning.Code(rawValue: "price_incomplete")
}
