// `image.price`: what `image.generate` with the same parameters would cost. Spends nothing.

/// Prices a request.
public enum PriceImage: Method {
    public static let name = "image.price"
    public static let access = Access.policy
    public typealias Params = GenerateImage.Params

    public struct Result: Sendable, Hashable, Codable {
        /// What it will probably cost, in US dollars, all of its images together.
        public var expectedUSD: Double
        /// The most that it can cost, which is held before anything is sent.
        public var holdUSD: Double
        public var model: String
        public var route: String
        public var project: String
        /// When it would be sent, as far as the queue and the limits tell; absent where somebody has to act first.
        public var startsInSeconds: Double?

        public init(
            expectedUSD: Double, holdUSD: Double, model: String, route: String, project: String,
            startsInSeconds: Double?
        ) {
            self.expectedUSD = expectedUSD
            self.holdUSD = holdUSD
            self.model = model
            self.route = route
            self.project = project
            self.startsInSeconds = startsInSeconds
        }
    }
}
