// The shapes in which errors come: google.rpc.Status under `error`, the same in an array of one, real JSON as a string
// inside `message` (proxies and SDKs do that), a string code, OAuth's flat form, the members without `error` around
// them, and JSON that was cut off.

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
        var links: [Link]?
    }

    struct Violation: Decodable {
        var quotaId: String?
        /// A number of 64 bits, which proto3's JSON writes as a text and others do not.
        var quotaValue: String?
    }

    struct Link: Decodable {
        var url: String?
    }

    struct FieldViolation: Decodable {
        var field: String?
    }

    private enum Key: String, CodingKey {
        case code, message, status, details, error, errorDescription
    }

    private struct Wrapper: Decodable {
        var error: ErrorStatus
        /// OAuth has it beside `error`, which is then a word.
        var errorDescription: String?

        var status: ErrorStatus {
            guard let errorDescription else { return error }
            var status = error
            status.status = error.status ?? error.message
            status.message = errorDescription
            return status
        }
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
            let found = (try? decoder.decode(Wrapper.self, from: data))?.status
                ?? (try? decoder.decode([Wrapper].self, from: data))?.first?.status ?? Self.bare(data, decoder)
        else { return nil }
        self = found
        // Some clients put words in front: "got status: 429 . {…}".
        if unwrappingsLeft > 0, let text = found.message, let start = text.firstIndex(where: { "{[".contains($0) }),
            let inner = ErrorStatus(body: Array(text[start...].utf8), unwrappingsLeft: unwrappingsLeft - 1)
        {
            self = inner
        }
    }

    /// A status without `error` around it.
    private static func bare(_ data: Data, _ decoder: JSONDecoder) -> ErrorStatus? {
        guard let status = try? decoder.decode(ErrorStatus.self, from: data), status.message != nil,
            status.code != nil || status.status != nil
        else { return nil }
        return status
    }

    /// Reads what is left of an error that was cut off: the members that came whole, wherever they stood.
    init?(salvagedFrom body: [UInt8]) {
        let text = String(decoding: body, as: UTF8.self)
        var start = text.drop { $0.isWhitespace }
        if start.first == "[" { start = start.dropFirst().drop { $0.isWhitespace } }
        guard start.first == "{", start.dropFirst().drop(while: { $0.isWhitespace }).hasPrefix("\"error\"") else {
            return nil
        }
        func first(_ name: String) -> String? {
            guard let start = text.ranges(of: "\"\(name)\"").first?.upperBound,
                let match = text[start...].prefixMatch(of: /\s*:\s*"((?:[^"\\]|\\.)*)"/)
            else { return nil }
            return (try? JSONDecoder().decode(String.self, from: Data("\"\(match.output.1)\"".utf8)))
        }
        code = text.firstMatch(of: /"code"\s*:\s*([0-9]{3})/).flatMap { Int($0.output.1) }
        message = first("message")
        status = first("status")
        var detail = Detail()
        detail.reason = first("reason")
        detail.retryDelay = first("retryDelay")
        let limits = text.matches(of: /"quotaId"\s*:\s*"([^"]*)"/).map { Violation(quotaId: String($0.output.1)) }
        // Of several it is not known whose value this is; a limit of zero is what it is for any of them.
        if let value = first("quotaValue"), limits.count == 1 || value == "0" {
            detail.violations = limits.map { Violation(quotaId: $0.quotaId, quotaValue: value) }
        } else {
            detail.violations = limits
        }
        details = [detail]
    }

    /// The first `ErrorInfo.reason`.
    var reason: String? { details.lazy.compactMap(\.reason).first }

    var retryDelay: Duration? { details.lazy.compactMap(\.retryDelay).compactMap(Duration.init(protobuf:)).first }

    var violations: [Violation] { details.flatMap { $0.violations ?? [] } }
}

extension ErrorStatus.Violation {
    private enum CodingKeys: String, CodingKey { case quotaId, quotaValue }

    init(from decoder: any Decoder) throws {
        let members = try decoder.container(keyedBy: CodingKeys.self)
        quotaId = try? members.decode(String.self, forKey: .quotaId)
        quotaValue =
            (try? members.decode(String.self, forKey: .quotaValue))
            ?? (try? members.decode(Int.self, forKey: .quotaValue)).map { "\($0)" }
    }
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
