// The shapes in which errors come: google.rpc.Status under `error`, the same in an array of one, real JSON as a string
// inside `message` (proxies and SDKs do that), a string code, OAuth's flat form, and things that are no JSON at all.

import FoundationEssentials

/// A `google.rpc.Status` with what is used of its details; nothing in it is required.
struct ErrorStatus: Decodable {
    var code: Int?
    var message: String?
    var status: String?
    var details: [Detail] = []

    struct Detail: Decodable {
        var reason: String?
        var metadata: [String: String]?
        var retryDelay: String?
        var violations: [Violation]?
        var fieldViolations: [FieldViolation]?
    }

    struct Violation: Decodable {
        var quotaId: String?
        var quotaValue: String?
    }

    struct FieldViolation: Decodable {
        var field: String?
    }

    private enum Key: String, CodingKey {
        case code, message, status, details, error, errorDescription
    }

    private struct Wrapper: Decodable {
        var error: ErrorStatus
    }

    init(from decoder: any Decoder) throws {
        guard let object = try? decoder.container(keyedBy: Key.self) else {
            message = try? decoder.singleValueContainer().decode(String.self)
            return
        }
        code = try? object.decode(Int.self, forKey: .code)
        status = (try? object.decode(String.self, forKey: .status)) ?? (try? object.decode(String.self, forKey: .code))
        message =
            (try? object.decode(String.self, forKey: .message))
            ?? (try? object.decode(String.self, forKey: .errorDescription))
        var list = try? object.nestedUnkeyedContainer(forKey: .details)
        while let remaining = list, !remaining.isAtEnd {
            guard let detail = try? list?.decode(Detail.self) else {
                if (try? list?.decode(Ignored.self)) == nil { break }
                continue
            }
            details.append(detail)
        }
    }

    private struct Ignored: Decodable { init(from decoder: any Decoder) throws {} }

    /// Reads a body; nil when it holds no error in any of the known shapes.
    init?(body: [UInt8]) {
        self.init(body: body, unwrappingsLeft: 2)
    }

    private init?(body: [UInt8], unwrappingsLeft: Int) {
        let decoder = JSONDecoder()
        decoder.keyDecodingStrategy = .convertFromSnakeCase
        let data = Data(body)
        guard
            let found = (try? decoder.decode(Wrapper.self, from: data))?.error
                ?? (try? decoder.decode([Wrapper].self, from: data))?.first?.error
        else { return nil }
        self = found
        if let text = found.message, text.first == "{" || text.first == "[", unwrappingsLeft > 0,
            let inner = ErrorStatus(body: Array(text.utf8), unwrappingsLeft: unwrappingsLeft - 1)
        {
            self = inner
        }
    }

    /// The first `ErrorInfo.reason`.
    var reason: String? { details.lazy.compactMap(\.reason).first }

    var retryDelay: Duration? { details.lazy.compactMap(\.retryDelay).compactMap(Duration.init(protobuf:)).first }

    var violations: [Violation] { details.flatMap { $0.violations ?? [] } }
}

extension Duration {
    /// A protobuf duration, `"26s"` or `"34.074824224s"`; `"900ms"` has been seen too.
    init?(protobuf text: String) {
        let scale: Double
        let digits: Substring
        if text.hasSuffix("ms") {
            (scale, digits) = (0.001, text.dropLast(2))
        } else if text.hasSuffix("s") {
            (scale, digits) = (1, text.dropLast(1))
        } else {
            return nil
        }
        guard let number = Double(digits), number.isFinite, number >= 0, number < 1e9 else { return nil }
        // Up, so that nobody comes too early, but not by what binary fractions add.
        self = .milliseconds(Int((number * scale * 1000 - 0.001).rounded(.up)))
    }
}
