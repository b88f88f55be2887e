// What a request can cost, will probably cost and has cost; whole micro-dollars, rounded up once at the end.

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
        return micros(input: inputTokens, text: textTokenCap, image: size.imageTokens) * count
    }

    /// The most tokens that a request can have: one for each byte of its text.
    package func mostInputTokens(promptBytes: Int, inputImageCount: Int) -> Int {
        promptBytes + Self.frameTokens + inputImageCount * inputImageTokens
    }

    /// What the request will probably cost: a token for four bytes, no text, no thoughts.
    ///
    /// - Returns: Micro-dollars; nil when the model has no such size.
    package func expectedMicros(imageSize: String?, promptBytes: Int, inputImageCount: Int = 0, count: Int = 1) -> Int?
    {
        guard let size = size(named: imageSize) else { return nil }
        let inputTokens = (promptBytes + 3) / 4 + inputImageCount * inputImageTokens
        return micros(input: inputTokens, text: 0, image: size.imageTokens) * count
    }

    /// What Google's count comes to: output is the total less the prompt, of which the details name the image part.
    ///
    /// Where the details name no image tokens although images came, the catalogue's count stands in.
    ///
    /// - Parameters:
    ///   - usage: Of one answer.
    ///   - imageSize: What was asked for.
    ///   - imageCount: How many images came, drafts included.
    /// - Returns: Micro-dollars.
    package func costMicros(_ usage: Usage, imageSize: String?, imageCount: Int) -> Int {
        let output = max(0, usage.totalTokens - usage.promptTokens)
        let assumed = imageCount * (size(named: imageSize)?.imageTokens ?? 0)
        let image = usage.imageTokens > 0 ? usage.imageTokens : assumed
        return micros(input: usage.promptTokens, text: max(0, output - image), image: image)
    }

    /// What the searches of a request cost, which Google bills one by one.
    ///
    /// - Parameter queries: How many searches there were; `groundingQueryCap` for a hold.
    /// - Returns: Micro-dollars; nil when the price is not known.
    package func groundingMicros(queries: Int) -> Int? { groundingQueryMicros.map { $0 * queries } }

    private func micros(input: Int, text: Int, image: Int) -> Int {
        (input * price.input + text * price.text + image * price.image + 999_999) / 1_000_000
    }
}
