// Reads the `params` of a request by name, and says exactly what is wrong with them. Every name that a method asks for
// is known from then on; `finish()` refuses the rest, naming the nearest.

/// Reads one object of parameters; errors are `invalid_params` with the path of the parameter.
public struct ParamReader {
    private let object: [String: JSONValue]
    private let prefix: String
    private var known: [String] = []

    /// - Parameters:
    ///   - object: The members to read.
    ///   - prefix: The dotted path of this object within the params, empty for the params themselves.
    public init(_ object: [String: JSONValue], prefix: String = "") {
        self.object = object
        self.prefix = prefix
    }

    /// The value under a name; JSON null counts as absent.
    public mutating func value(_ name: String) -> JSONValue? {
        known.append(name)
        guard let value = object[name], value != .null else { return nil }
        return value
    }

    /// A string within bounds, in UTF-8 bytes.
    public mutating func string(_ name: String, bytes: ClosedRange<Int>) throws(WireError) -> String? {
        guard let value = value(name) else { return nil }
        guard case .string(let text) = value else { throw wrongType(name, value, "a string") }
        let count = text.utf8.count
        guard bytes.contains(count) else {
            throw invalid(name, "has \(count) bytes; \(Self.words(bytes)) are allowed")
        }
        return text
    }

    /// One of the literal tokens of an enumeration.
    public mutating func token<Token: RawRepresentable & CaseIterable>(
        _ name: String, _ type: Token.Type
    ) throws(WireError) -> Token? where Token.RawValue == String {
        guard let value = value(name) else { return nil }
        guard case .string(let text) = value else { throw wrongType(name, value, "a string") }
        guard let token = Token(rawValue: text) else {
            let legal = Token.allCases.map { "\"\($0.rawValue)\"" }.joined(separator: ", ")
            throw invalid(name, "is \"\(text.prefix(64))\"; legal are \(legal)")
        }
        return token
    }

    /// An integer within bounds; `3.0` is taken as 3.
    public mutating func integer(_ name: String, in range: ClosedRange<Int64>) throws(WireError) -> Int64? {
        guard let value = value(name) else { return nil }
        let number: Int64
        switch value {
        case .integer(let exact): number = exact
        case .number(let double) where Int64(exactly: double) != nil: number = Int64(double)
        case .null, .bool, .number, .string, .array, .object: throw wrongType(name, value, "an integer")
        }
        guard range.contains(number) else {
            throw invalid(name, "is \(number); \(range.lowerBound) to \(range.upperBound) are allowed")
        }
        return number
    }

    /// A number within bounds.
    public mutating func number(_ name: String, in range: ClosedRange<Double>) throws(WireError) -> Double? {
        guard let value = value(name) else { return nil }
        let number: Double
        switch value {
        case .integer(let exact): number = Double(exact)
        case .number(let double): number = double
        case .null, .bool, .string, .array, .object: throw wrongType(name, value, "a number")
        }
        guard range.contains(number) else {
            throw invalid(name, "is \(number); \(range.lowerBound) to \(range.upperBound) are allowed")
        }
        return number
    }

    public mutating func bool(_ name: String) throws(WireError) -> Bool? {
        guard let value = value(name) else { return nil }
        guard case .bool(let flag) = value else { throw wrongType(name, value, "true or false") }
        return flag
    }

    public mutating func array(_ name: String, atMost limit: Int) throws(WireError) -> [JSONValue]? {
        guard let value = value(name) else { return nil }
        guard case .array(let elements) = value else { throw wrongType(name, value, "an array") }
        guard elements.count <= limit else {
            throw invalid(name, "has \(elements.count) elements; at most \(limit) are allowed")
        }
        return elements
    }

    public mutating func object(_ name: String) throws(WireError) -> [String: JSONValue]? {
        guard let value = value(name) else { return nil }
        guard case .object(let members) = value else { throw wrongType(name, value, "an object") }
        return members
    }

    /// Refuses to go on without a parameter; one that was written almost so is named instead.
    public func require<Value>(_ value: Value?, _ name: String) throws(WireError) -> Value {
        guard let value else {
            // Its own name is no slip: it is there as null, which is absent.
            let strangers = object.keys.filter { $0 != name && !known.contains($0) }.sorted()
            if let slip = strangers.first(where: { NearestName.to($0, among: [name]) != nil }) {
                throw stranger(slip, hint: "did you mean \(name)?")
            }
            throw WireError(.invalidParams, "the parameter \(path(name)) is required", path: path(name))
        }
        return value
    }

    /// Refuses every name that was not asked for.
    public func finish() throws(WireError) {
        let strangers = object.keys.filter { !known.contains($0) }.sorted()
        guard let stranger = strangers.first else { return }
        let nearest = NearestName.to(stranger, among: known)
        let all = known.isEmpty ? "there are none here" : "the parameters are \(known.joined(separator: ", "))"
        throw self.stranger(stranger, hint: nearest.map { "did you mean \($0)?" } ?? all)
    }

    private func stranger(_ name: String, hint: String) -> WireError {
        let name = path(String(name.prefix(64)))
        return WireError(.invalidParams, "there is no parameter \(name)", hint: hint, path: name)
    }

    /// An error about one parameter: `the parameter count is 11; 1 to 10 are allowed`.
    public func invalid(_ name: String, _ what: String) -> WireError {
        WireError(.invalidParams, "the parameter \(path(name)) \(what)", path: path(name))
    }

    private static func words(_ bounds: ClosedRange<Int>) -> String {
        if bounds.upperBound == .max { return "at least \(bounds.lowerBound)" }
        return bounds.count == 1 ? "\(bounds.lowerBound)" : "\(bounds.lowerBound) to \(bounds.upperBound)"
    }

    private func wrongType(_ name: String, _ value: JSONValue, _ expected: String) -> WireError {
        invalid(name, "is \(value.kindName), not \(expected)")
    }

    private func path(_ name: String) -> String { prefix.isEmpty ? name : "\(prefix).\(name)" }
}

/// Finds what somebody probably meant.
public enum NearestName {
    /// The candidate with the fewest edits, if that is few enough to be a slip of the hand.
    public static func to(_ name: String, among candidates: some Sequence<String>) -> String? {
        let limit = max(2, name.count / 3)
        let ranked = candidates.map { ($0, distance(name.lowercased(), $0.lowercased())) }
        guard let best = ranked.min(by: { $0.1 < $1.1 }), best.1 <= limit else { return nil }
        return best.0
    }

    /// Levenshtein's distance; names longer than 64 characters are cut, since they are nobody's slip.
    private static func distance(_ left: String, _ right: String) -> Int {
        let left = Array(left.prefix(64))
        let right = Array(right.prefix(64))
        var row = Array(0...right.count)
        for (i, a) in left.enumerated() {
            var diagonal = row[0]
            row[0] = i + 1
            for (j, b) in right.enumerated() {
                let substituted = diagonal + (a == b ? 0 : 1)
                diagonal = row[j + 1]
                row[j + 1] = min(substituted, row[j] + 1, row[j + 1] + 1)
            }
        }
        return row[right.count]
    }
}
