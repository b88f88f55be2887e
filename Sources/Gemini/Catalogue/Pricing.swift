// What a request can cost, will probably cost and has cost; whole micro-dollars, rounded up once at the end. Counts and
// prices are bounded where they come in (`Usage.mostTokens`, `CatalogueShape`); a product that is too large all the same
// is the largest number, since upstream must not be able to stop the daemon with one.

extension Model {
    /// Tokens of a request's frame around the prompt.
    static let frameTokens = 16
    /// Searches that a hold reckons with for one call; answers with more than a handful have not been seen.
    package static let groundingQueryCap = 10

    /// The worst that the request can cost: one token for each byte of the prompt, the whole cap of text.
    ///
    /// - Parameters:
    ///   - imageSize: A size of this model, nil for its default.
    ///   - promptBytes: UTF-8 bytes of the prompt.
    ///   - inputImageCount: Images that go in.
    ///   - count: How many such calls.
    /// - Returns: Micro-dollars; nil when the model has no such size.
    package func holdMicros(imageSize: String?, promptBytes: Int, inputImageCount: Int = 0, count: Int = 1) -> Int? {
        guard let size = size(named: imageSize) else { return nil }
        let inputTokens = mostInputTokens(promptBytes: promptBytes, inputImageCount: inputImageCount)
        return micros(input: inputTokens, text: textTokenCap, image: size.imageTokens).times(count)
    }

    /// The most tokens that a request can have: one for each byte of its text, and not more than the model takes.
    package func mostInputTokens(promptBytes: Int, inputImageCount: Int) -> Int {
        min(promptBytes + Self.frameTokens + inputImageCount * inputImageTokens, maxInputTokens ?? .max)
    }

    /// What the request will probably cost: a token for four bytes, no text, no thoughts.
    ///
    /// - Returns: Micro-dollars; nil when the model has no such size.
    package func expectedMicros(imageSize: String?, promptBytes: Int, inputImageCount: Int = 0, count: Int = 1) -> Int?
    {
        guard let size = size(named: imageSize) else { return nil }
        let inputTokens = min((promptBytes + 3) / 4 + inputImageCount * inputImageTokens, maxInputTokens ?? .max)
        return micros(input: inputTokens, text: 0, image: size.imageTokens).times(count)
    }

    /// What Google's count comes to: of the output, the details name the image part.
    ///
    /// Where the details name no image tokens although images came, the catalogue's count stands in.
    ///
    /// - Parameters:
    ///   - usage: Of one answer.
    ///   - imageSize: What was asked for.
    ///   - imageCount: How many images came, drafts included.
    ///   - tier: The one that was asked for; that which served it counts, where it is told.
    /// - Returns: Micro-dollars.
    package func costMicros(_ usage: Usage, imageSize: String?, imageCount: Int, tier: ServiceTier? = nil) -> Int {
        let assumed = (size(named: imageSize)?.imageTokens ?? 0).times(imageCount)
        let image = usage.imageTokens > 0 ? usage.imageTokens : assumed
        let cost = micros(input: usage.promptTokens, text: max(0, usage.outputTokens - image), image: image)
        return Self.part(percent(of: usage.serviceTier ?? tier), of: cost)
    }

    /// What the searches of a request cost, which Google bills one by one.
    ///
    /// - Parameter queries: How many searches there were; `groundingQueryCap` for a hold.
    /// - Returns: Micro-dollars; nil when the price is not known.
    package func groundingMicros(queries: Int) -> Int? { groundingQueryMicros.map { $0.times(queries) } }

    /// So many percent of a price, rounded up.
    package static func part(_ percent: Int, of micros: Int) -> Int { micros.times(percent).plus(99) / 100 }

    private func micros(input: Int, text: Int, image: Int) -> Int {
        let parts = [input.times(price.input), text.times(price.text), image.times(price.image), 999_999]
        return parts.reduce(0) { $0.plus($1) } / 1_000_000
    }
}

extension Int {
    /// The product, or the largest number; neither factor is negative.
    fileprivate func times(_ other: Int) -> Int {
        let (product, isTooLarge) = multipliedReportingOverflow(by: other)
        return isTooLarge ? .max : product
    }

    /// The sum, or the largest number; neither part is negative.
    fileprivate func plus(_ other: Int) -> Int {
        let (sum, isTooLarge) = addingReportingOverflow(other)
        return isTooLarge ? .max : sum
    }
}
