// JSON on its way out: values whose members stand in the order of their names, with files in the place of strings.

import FoundationEssentials

indirect enum JSONTree: Sendable {
    case object([String: JSONTree])
    case array([JSONTree])
    case string(String)
    /// As it is to be written.
    case number(String)
    case bool(Bool)
    case null
    /// A string that is the base64 of the source.
    case image(any ImageSource)
    /// JSON that is there already.
    case verbatim([BodyPiece])

    static func number(_ value: some BinaryInteger) -> JSONTree { .number("\(value)") }

    /// The text of the value; neighbouring bytes are one piece.
    var pieces: [BodyPiece] {
        var writer = JSONTreeWriter()
        writer.write(self)
        return writer.finish()
    }
}

extension JSONTree: Decodable {
    private struct Name: CodingKey {
        var stringValue: String
        var intValue: Int? { nil }
        init(stringValue: String) { self.stringValue = stringValue }
        init?(intValue: Int) { nil }
    }

    init(from decoder: any Decoder) throws {
        if let object = try? decoder.container(keyedBy: Name.self) {
            var members: [String: JSONTree] = [:]
            for name in object.allKeys { members[name.stringValue] = try object.decode(JSONTree.self, forKey: name) }
            self = .object(members)
        } else if var list = try? decoder.unkeyedContainer() {
            var elements: [JSONTree] = []
            while !list.isAtEnd { elements.append(try list.decode(JSONTree.self)) }
            self = .array(elements)
        } else {
            self = try Self.scalar(try decoder.singleValueContainer())
        }
    }

    private static func scalar(_ value: any SingleValueDecodingContainer) throws -> JSONTree {
        if value.decodeNil() { return .null }
        if let bool = try? value.decode(Bool.self) { return .bool(bool) }
        if let number = try? value.decode(Int64.self) { return .number(number) }
        if let number = try? value.decode(UInt64.self) { return .number(number) }
        if let number = try? value.decode(Double.self) { return .number("\(number)") }
        return .string(try value.decode(String.self))
    }
}

private struct JSONTreeWriter {
    private var pieces: [BodyPiece] = []
    private var bytes: [UInt8] = []

    mutating func write(_ tree: JSONTree) {
        switch tree {
        case .object(let members):
            list(members.sorted { $0.key < $1.key }, "{", "}") { writer, member in
                writer.quote(member.key)
                writer.bytes.append(UInt8(ascii: ":"))
                writer.write(member.value)
            }
        case .array(let elements): list(elements, "[", "]") { $0.write($1) }
        case .string(let text): quote(text)
        case .number(let text): bytes += text.utf8
        case .bool(let bool): bytes += "\(bool)".utf8
        case .null: bytes += "null".utf8
        case .image(let source):
            bytes.append(UInt8(ascii: "\""))
            append(.base64(source))
            bytes.append(UInt8(ascii: "\""))
        case .verbatim(let pieces): pieces.forEach { append($0) }
        }
    }

    mutating func finish() -> [BodyPiece] {
        if !bytes.isEmpty { pieces.append(.bytes(bytes)) }
        bytes = []
        return pieces
    }

    private mutating func append(_ piece: BodyPiece) {
        if case .bytes(let more) = piece {
            bytes += more
        } else {
            pieces = finish() + [piece]
        }
    }

    private mutating func list<Element>(
        _ elements: [Element], _ opening: String, _ closing: String,
        _ write: (inout JSONTreeWriter, Element) -> Void
    ) {
        bytes += opening.utf8
        for (index, element) in elements.enumerated() {
            if index > 0 { bytes.append(UInt8(ascii: ",")) }
            write(&self, element)
        }
        bytes += closing.utf8
    }

    private mutating func quote(_ text: String) {
        bytes.append(UInt8(ascii: "\""))
        for byte in text.utf8 {
            switch byte {
            case UInt8(ascii: "\""), UInt8(ascii: "\\"): bytes += [UInt8(ascii: "\\"), byte]
            case UInt8(ascii: "\n"): bytes += #"\n"#.utf8
            case 0..<0x10: bytes += #"\u000\#(String(byte, radix: 16))"#.utf8
            case 0x10..<0x20: bytes += #"\u00\#(String(byte, radix: 16))"#.utf8
            default: bytes.append(byte)
            }
        }
        bytes.append(UInt8(ascii: "\""))
    }
}
