// Which part of the API a request is for.

import NIOHTTP1

/// What a method and a path ask for; one case for each route of the API.
enum Route: Sendable, Equatable {
    case generateContent(model: String)
    case listModels
    case model(String)
    case startUpload
    case continueUpload(String)
    case listFiles
    case file(String)
    case deleteFile(String)
    case compatibleImages
    case compatibleModels
    case compatibleModel(String)
    /// Vertex; project and location are nil in express mode.
    case vertex(project: String?, location: String?, model: String)
    case token
    case metadata
    case control
    case unknown

    private static let versions = ["v1", "v1beta", "v1alpha"]
    private static let method = ":generateContent"

    init(method: HTTPMethod, target: Target) {
        let path = target.path
        if path.hasPrefix(Control.prefix) {
            self = .control
        } else if path.hasPrefix(MetadataServer.prefix) {
            self = .metadata
        } else if path == TokenIssuer.path {
            self = method == .POST ? .token : .unknown
        } else {
            let segments = path.split(separator: "/").map(String.init)
            self = Self.vertex(method, segments) ?? Self.developer(method, segments, target) ?? .unknown
        }
    }

    private static func developer(_ method: HTTPMethod, _ segments: [String], _ target: Target) -> Route? {
        if segments.first == "upload" {
            guard method == .POST || method == .PUT, segments.count == 3, versions.contains(segments[1]),
                segments[2] == "files"
            else { return nil }
            return target.query.first { $0.name == "upload_id" }.map { .continueUpload($0.value) } ?? .startUpload
        }
        guard segments.count >= 2, versions.contains(segments[0]) else { return nil }
        switch (method, segments[1], segments.count) {
        case (.GET, "models", 2): return .listModels
        case (.GET, "models", 3): return .model(segments[2])
        case (.POST, "models", 3) where segments[2].hasSuffix(Self.method):
            return .generateContent(model: String(segments[2].dropLast(Self.method.count)))
        case (.GET, "files", 2): return .listFiles
        case (.GET, "files", 3): return .file(segments[2])
        case (.DELETE, "files", 3): return .deleteFile(segments[2])
        case (.GET, "openai", 3) where segments[2] == "models": return .compatibleModels
        case (.GET, "openai", _) where segments.count > 3 && segments[2] == "models":
            return .compatibleModel(segments.last ?? "")
        case (.POST, "openai", 4) where segments[2...] == ["images", "generations"]: return .compatibleImages
        default: return nil
        }
    }

    private static func vertex(_ verb: HTTPMethod, _ segments: [String]) -> Route? {
        guard verb == .POST, let version = segments.first, ["v1", "v1beta1"].contains(version),
            let last = segments.last, last.hasSuffix(method)
        else { return nil }
        let model = String(last.dropLast(method.count))
        let publisher = ["publishers", "google", "models"]
        switch segments.count {
        case 5 where Array(segments[1...3]) == publisher: return .vertex(project: nil, location: nil, model: model)
        case 9 where segments[1] == "projects" && segments[3] == "locations" && Array(segments[5...7]) == publisher:
            return .vertex(project: segments[2], location: segments[4], model: model)
        default: return nil
        }
    }

    var modelID: String? {
        switch self {
        case .generateContent(let model), .model(let model), .compatibleModel(let model),
            .vertex(_, _, let model):
            model
        default: nil
        }
    }

    /// Whether the body is something else than JSON.
    var takesBytes: Bool {
        switch self {
        case .continueUpload, .token: true
        default: false
        }
    }
}

/// A path with its parameters apart, percent-encoding undone in the values.
struct Target: Sendable {
    let path: String
    let query: [(name: String, value: String)]

    init(_ uri: String) {
        let halves = uri.split(separator: "?", maxSplits: 1, omittingEmptySubsequences: false)
        path = String(halves[0])
        query = halves.count < 2 ? [] : Self.parameters(halves[1])
    }

    /// The pairs of a query or of a form.
    static func parameters(_ text: Substring) -> [(name: String, value: String)] {
        text.split(separator: "&").map { pair in
            let sides = pair.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            return (decoded(sides[0]), sides.count > 1 ? decoded(sides[1]) : "")
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
                bytes.append(byte == UInt8(ascii: "+") ? UInt8(ascii: " ") : byte)
            }
        }
        return String(decoding: bytes, as: UTF8.self)
    }
}
