// An answer written as other writers of JSON would: members in another order, names in snake case.

extension Answer {
    static func reversed(_ value: JSON) -> JSON {
        switch value {
        case .array(let elements): .array(elements.map(reversed))
        case .object(let members):
            .object(members.reversed().map { .init(name: $0.name, value: reversed($0.value)) })
        default: value
        }
    }

    static func snakeCase(_ value: JSON) -> JSON {
        switch value {
        case .array(let elements): return .array(elements.map(snakeCase))
        case .object(let members):
            return .object(
                members.map { member in
                    let name = member.name.reduce(into: "") { result, letter in
                        result += letter.isUppercase ? "_" + letter.lowercased() : String(letter)
                    }
                    return .init(name: name, value: snakeCase(member.value))
                })
        default: return value
        }
    }
}
