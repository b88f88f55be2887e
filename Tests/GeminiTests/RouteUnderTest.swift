// The route that the tests drive, the answers it is given, and what a caller decides by.

import Gemini
import Synchronization
import Testing

struct Unexpected: Error {}

final class FullDisk: ImageSink {
    func write(_ bytes: UnsafeRawBufferPointer) throws { throw Unexpected() }
}

final class Events: Sendable {
    private let events = Mutex<[ExchangeEvent]>([])
    var list: [ExchangeEvent] { events.withLock { $0 } }
    func add(_ event: ExchangeEvent) { events.withLock { $0.append(event) } }
}

/// What a caller decides by.
struct Outcome: Equatable {
    var kind: GeminiError.Kind
    var reach: GeminiError.Reach
    var charged: GeminiError.Charged

    init(_ kind: GeminiError.Kind, _ reach: GeminiError.Reach, _ charged: GeminiError.Charged) {
        (self.kind, self.reach, self.charged) = (kind, reach, charged)
    }

    init(_ error: GeminiError) { self.init(error.kind, error.reach, error.charged) }
}

func key() throws -> ApiKey { try #require(ApiKey("the-key")) }

func route(to upstream: ScriptedUpstream, trusting: Bool = true) throws -> NativeRoute {
    var settings = NativeRoute.Settings(baseURL: try BaseURL(upstream.base), key: try key())
    settings.transport.extraCertificatesFile = trusting ? upstream.certificatePath : nil
    // This machine may be busy.
    settings.transport.connectTimeout = .seconds(60)
    let native = try NativeRoute(settings)
    upstream.own(native)
    return native
}

func generate(_ route: any Route) async throws -> Answer<MemorySink> {
    try await route.generate(
        GenerationRequest(model: "m", prompt: "p"), deadline: .seconds(60), makeSink: { _ in MemorySink() },
        progress: { _ in })
}

func generate(_ upstream: ScriptedUpstream) async throws -> Answer<MemorySink> {
    try await generate(try route(to: upstream))
}

func failed(
    _ route: any Route, model: String = "m", deadline: Duration = .seconds(60),
    progress: @escaping @Sendable (ExchangeEvent) -> Void = { _ in }
) async throws -> GeminiError {
    do {
        _ = try await route.generate(
            GenerationRequest(model: model, prompt: "p"), deadline: deadline, makeSink: { _ in MemorySink() },
            progress: progress)
    } catch {
        return error
    }
    throw Unexpected()
}

func failure(_ upstream: ScriptedUpstream) async throws -> Outcome {
    Outcome(try await failed(try route(to: upstream)))
}

func part(_ bytes: [UInt8], thought: Bool = false) -> String {
    #"{"inlineData":{"mimeType":"image/png","data":"\#(base64(bytes))"},"thought":\#(thought)}"#
}

func answerBody(with bytes: [UInt8]) -> String {
    #"{"candidates":[{"content":{"parts":[\#(part(bytes))]},"finishReason":"STOP"}],"usageMetadata":{"promptTokenCount":12,"candidatesTokenCount":1318,"totalTokenCount":1330,"candidatesTokensDetails":[{"modality":"IMAGE","tokenCount":1120}]},"modelVersion":"gemini-3.1-flash-image","responseId":"r1"}"#
}
