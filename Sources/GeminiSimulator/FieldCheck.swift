// The check of a request's fields and the types of their values, with the sentences of the API's JSON transcoder.

/// Walks a request, renames its fields to their JSON names and collects what does not fit.
struct FieldCheck {
    private let dialect: Dialect
    private struct Violation {
        /// Path in proto names, empty at the root.
        let field: String
        let description: String
    }

    private var violations: [Violation] = []

    /// The request under its JSON names: proto3's JSON accepts both `imageConfig` and `image_config`.
    static func canonical(_ request: JSON, dialect: Dialect) throws(Refusal) -> JSON {
        var check = FieldCheck(dialect: dialect)
        let canonical = check.walk(request, as: .request, at: "")
        guard check.violations.isEmpty else { throw check.refusal }
        return canonical
    }

    private init(dialect: Dialect) { self.dialect = dialect }

    private var refusal: Refusal {
        let entries = violations.map { violation -> JSON in
            violation.field.isEmpty
                ? ["description": .string(violation.description)]
                : ["field": .string(violation.field), "description": .string(violation.description)]
        }
        var refusal = Refusal.invalidArgument(violations.map(\.description).joined(separator: "\n"))
        refusal.details = [
            ["@type": "type.googleapis.com/google.rpc.BadRequest", "fieldViolations": .array(entries)]
        ]
        return refusal
    }

    private mutating func walk(_ value: JSON, as message: Message, at path: String) -> JSON {
        guard case .object(let members) = value else {
            reject(value, "(\(message))", at: path)
            return value
        }
        let fields = message.fields(in: dialect)
        var canonical: [JSON.Member] = []
        for member in members {
            let name = Self.lowerCamelCase(member.name)
            guard let field = fields[name] else {
                let place = path.isEmpty ? "" : " at '\(path)'"
                violations.append(
                    Violation(
                        field: path,
                        description: "Invalid JSON payload received. Unknown name \"\(member.name)\"\(place): "
                            + "Cannot find field."))
                continue
            }
            // proto3's JSON reads null as the field's absence.
            if member.value == .null { continue }
            let inner = path.isEmpty ? Self.snakeCase(name) : "\(path).\(Self.snakeCase(name))"
            canonical.append(.init(name: name, value: walk(member.value, as: field, at: inner)))
        }
        return .object(canonical)
    }

    private mutating func walk(_ value: JSON, as field: Field, at path: String) -> JSON {
        switch field {
        case .any: return value
        case .string:
            if value.text == nil { reject(value, "(TYPE_STRING)", at: path) }
        case .bytes:
            if value.text == nil { reject(value, "(TYPE_BYTES)", at: path) }
        case .bool:
            guard case .bool = value else {
                reject(value, "(TYPE_BOOL)", at: path)
                return value
            }
        case .int32:
            guard let integer = value.integerValue ?? value.text.flatMap(Int.init), Int32(exactly: integer) != nil
            else {
                reject(value, "(TYPE_INT32)", at: path)
                return value
            }
            return .integer(integer)
        case .float:
            switch value {
            case .integer, .double: return value
            default: reject(value, "(TYPE_FLOAT)", at: path)
            }
        case .oneOf(let type, let values): return enumeration(value, type, values, at: path)
        case .message(let message): return walk(value, as: message, at: path)
        case .list(let item):
            // A single object is accepted where a list of them is asked for.
            let elements = if case .array(let elements) = value { elements } else { [value] }
            return .array(
                elements.enumerated().map { index, element in walk(element, as: item, at: "\(path)[\(index)]") })
        }
        return value
    }

    private mutating func walk(_ value: JSON, as item: Field.Item, at path: String) -> JSON {
        switch item {
        case .any: value
        case .string: walk(value, as: Field.string, at: path)
        case .oneOf(let type, let values): enumeration(value, type, values, at: path)
        case .message(let message): walk(value, as: message, at: path)
        }
    }

    /// Enum values are read without regard to case, as the API has been seen to do with "Image".
    private mutating func enumeration(_ value: JSON, _ type: String, _ values: [String], at path: String) -> JSON {
        if let text = value.text, let known = values.first(where: { $0.lowercased() == text.lowercased() }) {
            return .string(known)
        }
        reject(value, "(\(type))", at: path)
        return value
    }

    private mutating func reject(_ value: JSON, _ type: String, at path: String) {
        let shown = value.text(.compact)
        violations.append(
            Violation(field: path, description: "Invalid value at '\(path)' \(type), \(shown.prefix(200))"))
    }

    private static func lowerCamelCase(_ name: String) -> String {
        guard name.contains("_") else { return name }
        let words = name.split(separator: "_", omittingEmptySubsequences: true)
        guard let first = words.first else { return name }
        return first.lowercased() + words.dropFirst().map { $0.prefix(1).uppercased() + $0.dropFirst() }.joined()
    }

    private static func snakeCase(_ name: String) -> String {
        name.reduce(into: "") { result, letter in
            if letter.isUppercase { result += "_" }
            result += letter.lowercased()
        }
    }
}
