// The names of the ways to Google.

/// The kinds of routes, in the words of the configuration and of the catalogue.
package enum RouteKind: String, Sendable, Hashable, CaseIterable {
    /// The Gemini Developer API.
    case native
    /// The layer of the Developer API that looks like OpenAI's.
    case openai
    /// Vertex AI.
    case vertex
}
