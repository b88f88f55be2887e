// Any JSON value, and the checks that a line passes before a decoder sees it.

import FoundationEssentials

/// Any JSON value.
public enum JSONValue: Sendable, Hashable {
    case null
    case bool(Bool)
    /// A number without fraction that fits 64 bits.
    case integer(Int64)
    case number(Double)
    case string(String)
    case array([JSONValue])
    case object([String: JSONValue])

    /// What this is called in an error: `a string`, `an integer`.
    public var kindName: String {
        switch self {
        case .null: "null"
        case .bool: "a boolean"
        case .integer: "an integer"
        case .number: "a number"
        case .string: "a string"
        case .array: "an array"
        case .object: "an object"
        }
    }
}

extension JSONValue: Codable {
    // The order is by how often a parameter has that type: each wrong guess costs a thrown error.
    public init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        if let value = try? container.decode(String.self) {
            self = .string(value)
        } else if let value = try? container.decode(Int64.self) {
            self = .integer(value)
        } else if let value = try? container.decode(Bool.self) {
            self = .bool(value)
        } else if container.decodeNil() {
            self = .null
        } else if let value = try? container.decode(Double.self) {
            self = .number(value)
        } else if let value = try? container.decode([String: JSONValue].self) {
            self = .object(value)
        } else {
            self = .array(try container.decode([JSONValue].self))
        }
    }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        switch self {
        case .null: try container.encodeNil()
        case .bool(let value): try container.encode(value)
        case .integer(let value): try container.encode(value)
        case .number(let value): try container.encode(value)
        case .string(let value): try container.encode(value)
        case .array(let value): try container.encode(value)
        case .object(let value): try container.encode(value)
        }
    }
}

/// Says whether a line may be given to a JSON decoder: UTF-8, no raw control byte, nesting within the bound.
///
/// The decoder alone would take UTF-16 and UTF-32 by guessing, and recurse deeper than the protocol allows.
enum LineCheck {
    /// Deepest nesting of arrays and objects that a request may have (protocol section 1).
    static let depth = 64

    /// Most values in one request: no legal one has a hundred, and each costs the decoder microseconds.
    static let values = 20_000

    enum Verdict { case acceptable, tooManyValues, notJSON }

    static func verdict(_ line: [UInt8]) -> Verdict {
        // A byte order mark, which RFC 8259 section 8.1 forbids to send and the decoder would skip.
        guard line.first != 0xEF else { return .notJSON }
        var depth = 0
        var values = 0
        var inString = false
        var isEscaped = false
        for byte in line {
            if byte < 0x20 {
                guard !inString, byte == 0x09 || byte == 0x0D || byte == 0x0A else { return .notJSON }
                continue
            }
            if inString {
                if isEscaped {
                    isEscaped = false
                } else if byte == UInt8(ascii: "\\") {
                    isEscaped = true
                } else if byte == UInt8(ascii: "\"") {
                    inString = false
                }
                continue
            }
            switch byte {
            case UInt8(ascii: "\""): inString = true
            case UInt8(ascii: "{"), UInt8(ascii: "["):
                depth += 1
                if depth > Self.depth { return .notJSON }
            case UInt8(ascii: "}"), UInt8(ascii: "]"): depth -= 1
            case UInt8(ascii: ","): values += 1
            default: break
            }
        }
        guard String(validating: line, as: UTF8.self) != nil else { return .notJSON }
        return values > Self.values ? .tooManyValues : .acceptable
    }
}
