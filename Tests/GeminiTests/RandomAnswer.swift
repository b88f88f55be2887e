// Answers of random content, written in random ways: order of keys, spelling, whitespace, escapes, padding.

import Foundation

/// JSON whose objects keep an order and whose base64 is marked, so that each can be written in many ways.
indirect enum Writable {
    case object([(String, Writable)])
    case array([Writable])
    case string(String)
    case base64([UInt8])
    case number(Int)
    case bool(Bool)
    case null

    func written(_ random: inout Seeded) -> String {
        let space = ["", "", " ", "\n  ", "\r\n\t"].randomElement(using: &random) ?? ""
        switch self {
        case .object(let members):
            let isSnake = Bool.random(using: &random)
            let written = members.shuffled(using: &random).map { name, value in
                let name = isSnake ? snake(name) : name
                return "\(quoted(name, &random))\(space):\(space)\(value.written(&random))"
            }
            return "{\(space)\(written.joined(separator: ",\(space)"))\(space)}"
        case .array(let elements):
            return "[\(space)\(elements.map { $0.written(&random) }.joined(separator: ",\(space)"))\(space)]"
        case .string(let text): return quoted(text, &random)
        case .base64(let bytes):
            var text = Data(bytes).base64EncodedString()
            if Bool.random(using: &random) { while text.last == "=" { text.removeLast() } }
            return quoted(text, &random)
        case .number(let number): return "\(number)"
        case .bool(let bool): return "\(bool)"
        case .null: return "null"
        }
    }

    private func snake(_ name: String) -> String {
        name.map { $0.isUppercase ? "_\($0.lowercased())" : String($0) }.joined()
    }

    private func quoted(_ text: String, _ random: inout Seeded) -> String {
        let escapes = [0, 0, 10, 1_000].randomElement(using: &random) ?? 0
        var result = "\""
        for scalar in text.unicodeScalars {
            let mayEscape = Int.random(in: 0..<1_000, using: &random) < escapes
            switch scalar {
            case "\"", "\\": result += "\\\(scalar)"
            case "\n": result += "\\n"
            case "/" where mayEscape: result += "\\/"
            case _ where mayEscape && scalar.value < 0x1_0000:
                let code = String(scalar.value, radix: 16, uppercase: Bool.random(using: &random))
                result += "\\u" + String(repeating: "0", count: 4 - code.count) + code
            default: result.unicodeScalars.append(scalar)
            }
        }
        return result + "\""
    }
}

struct RandomAnswer {
    private(set) var value = Writable.null
    private(set) var images: [[UInt8]] = []

    init(_ random: inout Seeded) {
        var parts: [Writable] = []
        for _ in 0..<Int.random(in: 0...6, using: &random) {
            if Bool.random(using: &random) {
                let bytes = (0..<Int.random(in: 0...3_000, using: &random)).map { _ in
                    UInt8.random(in: 0...255, using: &random)
                }
                images.append(bytes)
                var members: [(String, Writable)] = [
                    ("inlineData", .object([("mimeType", .string("image/png")), ("data", .base64(bytes))]))
                ]
                if Bool.random(using: &random) {
                    members.append(("thoughtSignature", .base64(Array("sig/nature".utf8))))
                }
                if Bool.random(using: &random) { members.append(("thought", .bool(Bool.random(using: &random)))) }
                parts.append(.object(members))
            } else {
                let text = ["", "a \"quoted\" \\ text\nwith ünïcode 🎨", "{\"data\":\"QUJD\"}", "inlineData"]
                parts.append(.object([("text", .string(text.randomElement(using: &random) ?? ""))]))
            }
        }
        var content: [(String, Writable)] = [("role", .string("model"))]
        if !parts.isEmpty { content.append(("parts", .array(parts))) }
        value = .object([
            (
                "candidates",
                .array([
                    .object([
                        ("content", .object(content)), ("finishReason", .string("STOP")), ("index", .number(0)),
                        ("safetyRatings", .array([.object([("data", .string("x")), ("blocked", .bool(false))])])),
                    ])
                ])
            ),
            ("usageMetadata", .object([("promptTokenCount", .number(12)), ("totalTokenCount", .number(1_330))])),
            ("turnToken", .string("inline/Data")), ("unknown", .array([.null, .array([]), .object([])])),
            ("modelVersion", .string("gemini-3.1-flash-image")),
        ])
    }
}
