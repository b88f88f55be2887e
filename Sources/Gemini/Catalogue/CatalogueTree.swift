// The catalogue's file before it is a catalogue: a tree that two files can be merged in, and that is looked at member by
// member so that a mistake is told with its place.

import FoundationEssentials

/// A JSON value.
enum CatalogueTree: Equatable {
    case null
    case flag(Bool)
    case whole(Int)
    case number(Double)
    case text(String)
    case list([CatalogueTree])
    case object([String: CatalogueTree])

    /// The value's kind, for a sentence.
    var word: String {
        switch self {
        case .null: "null"
        case .flag: "true or false"
        case .whole, .number: "a number"
        case .text: "a text"
        case .list: "a list"
        case .object: "an object"
        }
    }
}

extension CatalogueTree: Codable {
    init(from decoder: any Decoder) throws {
        if let object = try? decoder.container(keyedBy: Name.self) {
            self = .object(
                Dictionary(
                    try object.allKeys.map { ($0.stringValue, try object.decode(CatalogueTree.self, forKey: $0)) }
                ) { first, _ in first })
            return
        }
        if var items = try? decoder.unkeyedContainer() {
            var list: [CatalogueTree] = []
            while !items.isAtEnd { list.append(try items.decode(CatalogueTree.self)) }
            self = .list(list)
            return
        }
        let value = try decoder.singleValueContainer()
        if value.decodeNil() {
            self = .null
        } else if let flag = try? value.decode(Bool.self) {
            self = .flag(flag)
        } else if let whole = try? value.decode(Int.self) {
            self = .whole(whole)
        } else if let number = try? value.decode(Double.self) {
            self = .number(number)
        } else {
            self = .text(try value.decode(String.self))
        }
    }

    func encode(to encoder: any Encoder) throws {
        var value = encoder.singleValueContainer()
        switch self {
        case .null: try value.encodeNil()
        case .flag(let flag): try value.encode(flag)
        case .whole(let whole): try value.encode(whole)
        case .number(let number): try value.encode(number)
        case .text(let text): try value.encode(text)
        case .list(let list): try value.encode(list)
        case .object(let object): try value.encode(object)
        }
    }

    private struct Name: CodingKey {
        let stringValue: String
        var intValue: Int? { nil }

        init(stringValue: String) { self.stringValue = stringValue }
        init?(intValue: Int) { nil }
    }
}

extension CatalogueTree {
    /// This value with another laid over it.
    ///
    /// Objects are merged member by member. In a list of things that have an `id` or a `name`, the one of the same name
    /// is merged and a new one is added at the end; every other value replaces.
    func merging(_ other: CatalogueTree) -> CatalogueTree {
        switch (self, other) {
        case (.object(let mine), .object(let others)):
            return .object(mine.merging(others) { $0.merging($1) })
        case (.list(let mine), .list(let others)) where (mine + others).allSatisfy({ $0.identity != nil }):
            var merged = mine
            for item in others {
                if let index = merged.firstIndex(where: { $0.identity == item.identity }) {
                    merged[index] = merged[index].merging(item)
                } else {
                    merged.append(item)
                }
            }
            return .list(merged)
        default:
            return other
        }
    }

    /// What a thing in a list is called.
    var identity: String? {
        guard case .object(let members) = self, case .text(let name)? = members["id"] ?? members["name"] else {
            return nil
        }
        return name
    }
}
