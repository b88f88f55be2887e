// Which part of the API a request is for, and what answers it.

import NIOCore
import NIOHTTP1

/// What a method and a path ask for; one case for each route of the API.
enum Route: Sendable, Equatable {
    case generateContent(model: String)
    case listModels
    case model(String)
    case control
    case unknown

    init(method: HTTPMethod, path: String) {
        if path.hasPrefix(Control.prefix) {
            self = .control
            return
        }
        let segments = path.split(separator: "/").map(String.init)
        guard segments.count >= 2, ["v1", "v1beta", "v1alpha"].contains(segments[0]), segments[1] == "models" else {
            self = .unknown
            return
        }
        switch (method, segments.count) {
        case (.GET, 2): self = .listModels
        case (.GET, 3): self = .model(segments[2])
        case (.POST, 3) where segments[2].hasSuffix(":generateContent"):
            self = .generateContent(model: String(segments[2].dropLast(":generateContent".count)))
        default: self = .unknown
        }
    }

    var modelID: String? {
        switch self {
        case .generateContent(let model), .model(let model): model
        case .listModels, .control, .unknown: nil
        }
    }
}

/// A path with its parameters apart, percent-encoding undone in the values.
struct Target {
    let path: String
    let query: [(name: String, value: String)]

    init(_ uri: String) {
        let halves = uri.split(separator: "?", maxSplits: 1, omittingEmptySubsequences: false)
        path = String(halves[0])
        query =
            halves.count < 2
            ? []
            : halves[1].split(separator: "&").map { pair in
                let sides = pair.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
                return (String(sides[0]), sides.count > 1 ? Self.decoded(sides[1]) : "")
            }
    }

    private static func decoded(_ text: Substring) -> String {
        var bytes: [UInt8] = []
        var rest = Array(text.utf8)[...]
        while let byte = rest.popFirst() {
            if byte == UInt8(ascii: "%"), rest.count >= 2,
                let value = UInt8(String(decoding: rest.prefix(2), as: UTF8.self), radix: 16)
            {
                bytes.append(value)
                rest = rest.dropFirst(2)
            } else {
                bytes.append(byte)
            }
        }
        return String(decoding: bytes, as: UTF8.self)
    }
}

/// The answers of the API, for requests that have been read whole.
struct API: Sendable {
    let pictures: PictureCache

    /// The reply to one request as the API would give it, every refusal included.
    func reply(
        to route: Route, credential: Credential, body: JSON?, blobs: [Blob], variation: AnswerVariation
    ) async throws -> Reply {
        if route == .unknown { return Fixture.reply(named: "not-found") }
        if let refusal = credential.refusalOnNativeRoute { return refusal }
        switch route {
        case .listModels:
            return Reply(json: ["models": .array(Model.all.map(\.listing))])
        case .model(let id):
            guard let model = Model.named(id) else { return GenerateRequest.unknownModel(id).reply }
            return Reply(json: model.listing)
        case .generateContent(let id):
            let request: GenerateRequest
            do {
                guard let body else {
                    throw Refusal.invalidArgument("Invalid JSON payload received. Unexpected end of string.\n\n^")
                }
                request = try GenerateRequest(model: id, body: body, blobs: blobs)
            } catch let refusal as Refusal {
                return refusal.reply
            }
            return try await Answer(request: request, variation: variation, pictures: pictures).reply()
        case .control, .unknown:
            return Fixture.reply(named: "not-found")
        }
    }
}
