// How soon Google works on a request, and at what price (https://ai.google.dev/gemini-api/docs/pricing and the headers
// of Vertex AI as Google's own clients send them, read 2026-11-22).

/// The tier that is asked for.
package enum ServiceTier: String, Sendable, CaseIterable {
    /// Cheaper; worked on when there is room, which can take a quarter of an hour.
    case flex
    case standard
    /// Dearer; served as standard where there is no room, and then at that price.
    case priority

    /// As an answer tells the tier that served it: `serviceTier`, or Vertex's `trafficType`; nil for anything else.
    init?(answered word: String) {
        switch word.uppercased() {
        case "FLEX", "ON_DEMAND_FLEX": self = .flex
        case "STANDARD", "ON_DEMAND": self = .standard
        case "PRIORITY", "ON_DEMAND_PRIORITY": self = .priority
        default: return nil
        }
    }
}

extension Model {
    /// What a tier costs of the price, in percent: for priority the most that was announced.
    package func percent(of tier: ServiceTier?) -> Int {
        switch tier {
        case nil, .standard?: 100
        case .flex?: batchPercent ?? 100
        case .priority?: 200
        }
    }
}
