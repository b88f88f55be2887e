// What every way to Google has in common.

import AsyncHTTPClient
import FoundationEssentials
import NIOCore
import NIOHTTP1

/// A way to one project's models; `shutdown()` must be called before the last copy goes.
///
/// A route does what it is told once; whether to ask again is the caller's decision, and every error says whether that
/// is safe.
package protocol Route: Sendable {
    var kind: RouteKind { get }

    /// Asks once for an image; its bytes go into the sinks as they arrive.
    ///
    /// - Parameters:
    ///   - request: What is asked.
    ///   - deadline: Wall time for the whole exchange, connecting included.
    ///   - makeSink: Called once for each image that begins, drafts included, with its number, on the network's thread.
    ///   - progress: Called on the network's thread; must not block.
    /// - Returns: The answer with its sinks; sinks of an exchange that failed are released.
    /// - Throws: What stood in the way; `reach` and `charged` say what it may have cost. When the task is cancelled the
    ///   exchange is aborted.
    func generate<Sink: ImageSink>(
        _ request: GenerationRequest, deadline: Duration, makeSink: @escaping @Sendable (Int) throws -> Sink,
        progress: @escaping @Sendable (ExchangeEvent) -> Void
    ) async throws(GeminiError) -> Answer<Sink>

    /// Lists what upstream says it offers to this key, all pages of it; costs nothing.
    func listModels(deadline: Duration) async throws(GeminiError) -> [ListedModel]

    /// Opens a connection, so that the first image need not wait for TLS, and hears whether the key is good.
    func warm(deadline: Duration) async -> KeyCheck

    /// Closes the connections; exchanges still running fail.
    func shutdown() async
}

extension Route {
    package func warm() async -> KeyCheck { await warm(deadline: .seconds(10)) }
    package func listModels() async throws(GeminiError) -> [ListedModel] {
        try await listModels(deadline: .seconds(30))
    }
}

/// What a look at the model list says about the key.
package enum KeyCheck: Sendable {
    case accepted
    case failed(GeminiError)
}

/// A row of a models listing.
package struct ListedModel: Sendable, Equatable {
    /// Without `models/` or `publishers/google/models/` in front.
    package var id: String
    package var displayName: String?
    /// `generateContent`, `predict` and the like; empty where the route does not say.
    package var methods: [String]

    package init(id: String, displayName: String? = nil, methods: [String] = []) {
        self.id = id
        self.displayName = displayName
        self.methods = methods
    }
}

extension GenerationRequest {
    /// Refuses an id that would change the address it is spliced into.
    func checkModel() throws(GeminiError) {
        guard hasPlainModel else {
            throw GeminiError(.modelUnavailable, reach: .notSent, charged: .no, "this is not the name of a model")
        }
    }
}

/// The headers that all requests have.
enum CommonHeaders {
    static let userAgent = "darkroomd"

    /// For a JSON request that has `deadline` to be answered; upstream gives up a little before this side does, and says
    /// so, instead of working for nobody.
    static func generation(deadline: Duration) -> HTTPHeaders {
        let seconds = deadline.components.seconds
        return [
            "user-agent": userAgent, "accept": "application/json", "content-type": "application/json",
            "x-server-timeout": "\(max(1, seconds - max(1, min(5, seconds / 10))))",
        ]
    }

    static func plain() -> HTTPHeaders { ["user-agent": userAgent, "accept": "application/json"] }
}
