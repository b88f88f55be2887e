// What the catalogue's file may hold: every member, what it has to be, and whether it has to be there.

/// Why a catalogue cannot be used; `description` is a sentence that names the place.
package struct CatalogueError: Error, Equatable, CustomStringConvertible {
    /// The id of the model, retired or gone one; nil for the file itself.
    package var entry: String?
    /// The way to the member below the entry, `sizes.4K.pixels.16:9`; nil for the whole of it.
    package var member: String?
    package var reason: String

    package var description: String {
        let place = [entry, member].compactMap { $0 }.joined(separator: ": ")
        return place.isEmpty ? "the catalogue \(reason)" : "\(place) \(reason)"
    }
}

/// What a value has to be.
indirect enum CatalogueShape: Sendable {
    case text
    case oneOf([String])
    case whole(ClosedRange<Int>)
    case flag
    /// Width and height.
    case pixels
    case list(CatalogueShape)
    /// Quick and slow, in this order.
    case range
    /// Any names, all with values of one shape.
    case map(CatalogueShape)
    case object([String: Member])

    struct Member: Sendable {
        var shape: CatalogueShape
        var isRequired: Bool
    }

    private static func required(_ shape: CatalogueShape) -> Member { Member(shape: shape, isRequired: true) }
    private static func optional(_ shape: CatalogueShape) -> Member { Member(shape: shape, isRequired: false) }

    private static let tokens = whole(0...Usage.mostTokens)
    // A thousand dollars for a million tokens, or for a search: so no sum that is made of it is too large for a number.
    private static let micros = whole(0...1_000_000_000)
    private static let route = oneOf(RouteKind.allCases.map(\.rawValue))
    private static let imageType = oneOf(["image/png", "image/jpeg", "image/webp"])

    static let file = object([
        "asOf": required(text),
        "models": required(list(model)),
        "retired": required(
            list(object(["id": required(text), "successor": required(text), "since": optional(text)]))),
        "gone": required(list(object(["id": required(text), "since": optional(text), "reason": required(text)]))),
    ])

    private static let model = object([
        "id": required(text), "title": required(text), "aliases": required(list(text)),
        "routes": required(list(route)), "locations": optional(list(text)), "since": optional(text),
        "shutdown": optional(text), "sendsImageSize": required(flag), "defaultSize": required(text),
        "defaultRatio": required(text), "sizes": required(list(size)),
        "microUSDPerMillionTokens": required(
            object(["input": required(micros), "text": required(micros), "image": required(micros)])),
        "microUSDPerGroundingQuery": optional(micros), "batchPercent": optional(whole(0...100)),
        "textTokenCap": required(tokens), "maxInputTokens": optional(tokens), "maxOutputTokens": optional(tokens),
        "maxInputs": required(whole(0...1_000)), "bestInputs": optional(whole(0...1_000)),
        "inputImageTokens": required(tokens), "thinking": required(list(oneOf(["minimal", "low", "medium", "high"]))),
        "defaultThinking": optional(text), "signatures": optional(oneOf(["none", "kept", "enforced"])),
        "grounding": required(list(oneOf(["web", "image"]))), "mimeType": optional(imageType),
        "outputTypes": optional(map(list(imageType))),
    ])

    private static let size = object([
        "name": required(oneOf(["512", "1K", "2K", "4K"])), "imageTokens": required(tokens),
        "usuallySeconds": required(range), "pixels": required(map(pixels)),
    ])

    /// Looks at a value and everything in it.
    ///
    /// - Parameters:
    ///   - value: What the file has.
    ///   - entry: The entry that it stands in.
    ///   - path: The names on the way to it.
    /// - Throws: The first thing that is wrong, in the order of the names.
    func check(_ value: CatalogueTree, entry: String? = nil, path: [String] = []) throws(CatalogueError) {
        let fault = CatalogueError(
            entry: entry, member: path.isEmpty ? nil : path.joined(separator: "."), reason: "is \(value.word), not ")
        switch (self, value) {
        case (.text, .text), (.flag, .flag): return
        case (.oneOf(let words), .text(let word)):
            guard !words.contains(word) else { return }
            throw fault.saying("is \"\(word.prefix(64))\"; legal are \(words.joined(separator: ", "))")
        case (.whole(let bounds), .whole(let number)):
            guard !bounds.contains(number) else { return }
            throw fault.saying("is \(number); \(bounds.lowerBound) to \(bounds.upperBound) are allowed")
        case (.pixels, .list(let sides)):
            guard sides.count != 2 || !sides.allSatisfy({ (1...65_535).contains($0.number) }) else { return }
            throw fault.saying("is not a width and a height")
        case (.range, .list(let ends)):
            guard ends.count != 2 || ends[0].number < 0 || ends[1].number < ends[0].number else { return }
            throw fault.saying("is not a smaller and a larger number of seconds")
        case (.list(let shape), .list(let items)):
            for (index, item) in items.enumerated() {
                // The lists of the file itself hold its entries; those further down hold parts of one.
                if path.count == 1, entry == nil {
                    try shape.check(item, entry: item.identity ?? "\(path[0]).\(index)")
                } else {
                    try shape.check(item, entry: entry, path: path + [item.identity ?? "\(index)"])
                }
            }
        case (.map(let shape), .object(let members)):
            for (name, member) in members.sorted(by: { $0.key < $1.key }) {
                try shape.check(member, entry: entry, path: path + [name])
            }
        case (.object(let shapes), .object(let members)):
            try Self.check(members, shapes, entry: entry, path: path)
        default:
            throw fault.saying(fault.reason + word)
        }
    }

    private static func check(
        _ members: [String: CatalogueTree], _ shapes: [String: Member], entry: String?, path: [String]
    ) throws(CatalogueError) {
        func place(_ name: String) -> String { (path + [name]).joined(separator: ".") }
        for name in members.keys.sorted() where shapes[name] == nil {
            throw CatalogueError(entry: entry, member: place(name), reason: "is not known")
        }
        for (name, member) in shapes.sorted(by: { $0.key < $1.key }) {
            switch members[name] {
            case .null?, nil:
                if member.isRequired { throw CatalogueError(entry: entry, member: place(name), reason: "is missing") }
            case let value?:
                try member.shape.check(value, entry: entry, path: path + [name])
            }
        }
    }

    /// The shape's kind, for a sentence.
    private var word: String {
        switch self {
        case .text, .oneOf: "a text"
        case .whole: "a whole number"
        case .flag: "true or false"
        case .pixels: "a width and a height"
        case .range: "two numbers of seconds"
        case .list: "a list"
        case .map, .object: "an object"
        }
    }
}

extension CatalogueError {
    fileprivate func saying(_ reason: String) -> CatalogueError {
        var error = self
        error.reason = reason
        return error
    }
}

extension CatalogueTree {
    /// The whole number that this is, or -1.
    fileprivate var number: Int { if case .whole(let number) = self { number } else { -1 } }
}
