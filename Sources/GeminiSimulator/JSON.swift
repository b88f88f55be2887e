// JSON values that keep the order of their members, and the ways to write them down that a client must be able to read.

import FoundationEssentials
import NIOCore

/// A JSON value whose members keep their order.
enum JSON: Sendable, Equatable {
    case null
    case bool(Bool)
    case integer(Int)
    case double(Double)
    case string(String)
    case array([JSON])
    case object([Member])
    /// The inside of a string that needs no escaping, shared and never copied: the base64 of an image.
    case verbatim(ByteBuffer)

    struct Member: Sendable, Equatable {
        var name: String
        var value: JSON
    }

    subscript(name: String) -> JSON? {
        guard case .object(let members) = self else { return nil }
        return members.first { $0.name == name }?.value
    }

    var text: String? {
        guard case .string(let text) = self else { return nil }
        return text
    }

    var integerValue: Int? {
        guard case .integer(let value) = self else { return nil }
        return value
    }

    /// A number of either kind.
    var number: Double? {
        switch self {
        case .integer(let value): Double(value)
        case .double(let value): value
        default: nil
        }
    }

    var elements: [JSON] {
        guard case .array(let elements) = self else { return [] }
        return elements
    }

    var isTrue: Bool { self == .bool(true) }

    /// Reads UTF-8 text; the members of an object come back sorted by name.
    init(parsing text: Data) throws {
        self = try JSONDecoder().decode(JSON.self, from: text)
    }
}

extension JSON: ExpressibleByStringLiteral, ExpressibleByIntegerLiteral, ExpressibleByBooleanLiteral,
    ExpressibleByArrayLiteral, ExpressibleByDictionaryLiteral
{
    init(stringLiteral value: String) { self = .string(value) }
    init(integerLiteral value: Int) { self = .integer(value) }
    init(booleanLiteral value: Bool) { self = .bool(value) }
    init(arrayLiteral elements: JSON...) { self = .array(elements) }
    init(dictionaryLiteral elements: (String, JSON)...) {
        self = .object(elements.map { Member(name: $0.0, value: $0.1) })
    }
}

extension JSON: Decodable {
    init(from decoder: any Decoder) throws {
        if let container = try? decoder.container(keyedBy: Name.self) {
            self = .object(
                try container.allKeys.sorted { $0.stringValue < $1.stringValue }
                    .map { Member(name: $0.stringValue, value: try container.decode(JSON.self, forKey: $0)) })
            return
        }
        if var container = try? decoder.unkeyedContainer() {
            var elements: [JSON] = []
            while !container.isAtEnd { elements.append(try container.decode(JSON.self)) }
            self = .array(elements)
            return
        }
        let container = try decoder.singleValueContainer()
        if container.decodeNil() {
            self = .null
        } else if let value = try? container.decode(String.self) {
            self = .string(value)
        } else if let value = try? container.decode(Bool.self) {
            self = .bool(value)
        } else if let value = try? container.decode(Int.self) {
            self = .integer(value)
        } else {
            self = .double(try container.decode(Double.self))
        }
    }

    private struct Name: CodingKey {
        let stringValue: String
        var intValue: Int? { nil }
        init(stringValue: String) { self.stringValue = stringValue }
        init?(intValue: Int) { nil }
    }
}

/// How an answer is laid out; a client has to read all three.
enum JSONLayout: String, Codable, Sendable {
    /// Two spaces of indentation, as the API writes.
    case pretty
    case compact
    /// White space of every kind wherever the grammar allows it.
    case spaced
}

extension JSON {
    /// The text, in pieces: each `verbatim` is one of its own and shares its storage.
    func written(_ layout: JSONLayout) -> [ByteBuffer] {
        var writer = Writer(layout: layout)
        writer.write(self, depth: 0)
        if layout != .compact { writer.current.writeString("\n") }
        return writer.pieces + [writer.current]
    }

    func text(_ layout: JSONLayout) -> String { written(layout).map { String(buffer: $0) }.joined() }

    private struct Writer {
        let layout: JSONLayout
        var pieces: [ByteBuffer] = []
        var current = ByteBuffer()

        mutating func write(_ value: JSON, depth: Int) {
            switch value {
            case .null: current.writeString("null")
            case .bool(let value): current.writeString(value ? "true" : "false")
            case .integer(let value): current.writeString(String(value))
            case .double(let value): current.writeString("\(value)")
            case .string(let value): writeQuoted(value)
            case .verbatim(let buffer):
                current.writeString("\"")
                pieces.append(current)
                pieces.append(buffer)
                current = ByteBuffer(string: "\"")
            case .array(let elements):
                writeList("[", elements, "]", depth: depth) { writer, element in
                    writer.write(element, depth: depth + 1)
                }
            case .object(let members):
                writeList("{", members, "}", depth: depth) { writer, member in
                    writer.writeQuoted(member.name)
                    writer.current.writeString(
                        [.pretty: ": ", .compact: ":", .spaced: " \t:\r\n "][writer.layout] ?? ":")
                    writer.write(member.value, depth: depth + 1)
                }
            }
        }

        private mutating func writeList<Element>(
            _ opening: String, _ elements: [Element], _ closing: String, depth: Int,
            _ body: (inout Writer, Element) -> Void
        ) {
            current.writeString(opening)
            for (index, element) in elements.enumerated() {
                if index > 0 { current.writeString(",") }
                breakLine(depth: depth + 1)
                body(&self, element)
            }
            if !elements.isEmpty { breakLine(depth: depth) }
            current.writeString(closing)
        }

        private mutating func breakLine(depth: Int) {
            switch layout {
            case .compact: break
            case .pretty: current.writeString("\n" + String(repeating: "  ", count: depth))
            case .spaced: current.writeString(" \r\n\t\t  ")
            }
        }

        private mutating func writeQuoted(_ text: String) {
            current.writeString("\"")
            for scalar in text.unicodeScalars {
                switch scalar {
                case "\"": current.writeString("\\\"")
                case "\\": current.writeString("\\\\")
                case "\n": current.writeString("\\n")
                case _ where scalar.value < 0x20:
                    let digits = String(scalar.value, radix: 16)
                    current.writeString("\\u" + String(repeating: "0", count: 4 - digits.count) + digits)
                default: current.writeString(String(scalar))
                }
            }
            current.writeString("\"")
        }
    }
}
