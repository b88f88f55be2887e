// A TOML document as settings that know where they stand. TOMLKit parses; it tells line and column of a syntax error but
// not of a value, and its decoder names neither line nor type of what it refuses (0.6.0, tried), so its tree is walked
// here and each setting gets the line on which its key is written.

import TOMLKit

/// One value of a configuration and where it stands.
struct Setting: Sendable {
    typealias Origin = ConfigurationError.Origin

    indirect enum Value: Sendable {
        case table([String: Setting])
        case array([Setting])
        case string(String)
        case integer(Int)
        case double(Double)
        case bool(Bool)
        /// A date or a time, which no key here takes.
        case time
    }

    var value: Value
    var origin: Origin

    /// What this is called in an error.
    var kindName: String {
        switch value {
        case .table: "a table"
        case .array: "an array"
        case .string: "a string"
        case .integer: "an integer"
        case .double: "a number"
        case .bool: "a boolean"
        case .time: "a date or time"
        }
    }

    /// Parses a document.
    ///
    /// - Throws: A `ConfigurationError` with the line of the syntax error.
    static func parse(_ text: String, file: String) throws(ConfigurationError) -> Setting {
        let table: TOMLTable
        do {
            table = try TOMLTable(string: text)
        } catch let error as TOMLParseError {
            throw ConfigurationError(
                origin: Origin(file: file, line: error.source.begin.line), reason: error.description)
        } catch {
            throw ConfigurationError(origin: Origin(file: file), reason: "this is not TOML")
        }
        let lines = KeyLines(of: text)
        return convert(table, path: [], file: file, lines: lines, inherited: 1)
    }

    private static func convert(
        _ node: any TOMLValueConvertible, path: [String], file: String, lines: KeyLines, inherited: Int
    ) -> Setting {
        let line = lines.line(of: path) ?? inherited
        let origin = Origin(file: file, line: line)
        if let table = node.table {
            var members: [String: Setting] = [:]
            for key in table.keys {
                guard let child = table[key] else { continue }
                members[key] = convert(child, path: path + [key], file: file, lines: lines, inherited: line)
            }
            return Setting(value: .table(members), origin: origin)
        }
        if let array = node.array {
            let elements = array.enumerated().map { index, child in
                convert(child, path: path + ["\(index)"], file: file, lines: lines, inherited: line)
            }
            return Setting(value: .array(elements), origin: origin)
        }
        // The order matters: TOMLKit gives an integer as a double too.
        if let flag = node.bool { return Setting(value: .bool(flag), origin: origin) }
        if let number = node.int { return Setting(value: .integer(number), origin: origin) }
        if let number = node.double { return Setting(value: .double(number), origin: origin) }
        if let text = node.string { return Setting(value: .string(text), origin: origin) }
        return Setting(value: .time, origin: origin)
    }
}

/// On which line each key of a TOML document is written.
///
/// A reader of keys and headers only; strings and arrays over several lines are skipped over. A key that it does not
/// find (an inline table's) takes the line of what encloses it.
struct KeyLines {
    private var lines: [[String]: Int] = [:]

    init(of text: String) {
        var header: [String] = []
        var counts: [[String]: Int] = [:]
        var openQuote: String?
        var openBrackets = 0
        for (index, line) in text.split(omittingEmptySubsequences: false, whereSeparator: \.isNewline).enumerated() {
            let number = index + 1
            let trimmed = line.drop { $0 == " " || $0 == "\t" }
            if let quote = openQuote {
                if trimmed.contains(quote) { openQuote = nil }
                continue
            }
            if openBrackets > 0 {
                openBrackets += Self.bracketBalance(trimmed)
                continue
            }
            if trimmed.hasPrefix("[[") {
                let path = Self.resolve(Self.keys(in: trimmed.dropFirst(2), until: "]"), counts)
                counts[path, default: -1] += 1
                header = path + ["\(counts[path, default: 0])"]
                lines[header] = number
                if lines[path] == nil { lines[path] = number }
            } else if trimmed.hasPrefix("[") {
                header = Self.resolve(Self.keys(in: trimmed.dropFirst(), until: "]"), counts)
                lines[header] = number
            } else if !trimmed.isEmpty, !trimmed.hasPrefix("#") {
                let path = header + Self.keys(in: trimmed, until: "=")
                if lines[path] == nil { lines[path] = number }
                guard let equals = trimmed.firstIndex(of: "=") else { continue }
                let value = trimmed[trimmed.index(after: equals)...].drop { $0 == " " || $0 == "\t" }
                for quote in ["\"\"\"", "'''"] where value.hasPrefix(quote) && !value.dropFirst(3).contains(quote) {
                    openQuote = quote
                }
                if value.hasPrefix("[") { openBrackets = Self.bracketBalance(value) }
            }
        }
    }

    func line(of path: [String]) -> Int? { lines[path] }

    /// The path of a header below an array of tables goes through that array's newest element.
    private static func resolve(_ keys: [String], _ counts: [[String]: Int]) -> [String] {
        var path: [String] = []
        for (index, key) in keys.enumerated() {
            path.append(key)
            if index < keys.count - 1, let last = counts[path] { path.append("\(last)") }
        }
        return path
    }

    /// Splits a dotted key, quoted parts included.
    private static func keys(in text: Substring, until end: Character) -> [String] {
        var keys: [String] = []
        var current = ""
        var quote: Character?
        for character in text {
            if let open = quote {
                if character == open { quote = nil } else { current.append(character) }
            } else if character == "\"" || character == "'" {
                quote = character
            } else if character == end {
                break
            } else if character == "." {
                keys.append(current)
                current = ""
            } else if character != " ", character != "\t" {
                current.append(character)
            }
        }
        keys.append(current)
        return keys
    }

    private static func bracketBalance(_ text: Substring) -> Int {
        var balance = 0
        var quote: Character?
        for character in text {
            if let open = quote {
                if character == open { quote = nil }
            } else if character == "\"" || character == "'" {
                quote = character
            } else if character == "#" {
                break
            } else if character == "[" {
                balance += 1
            } else if character == "]" {
                balance -= 1
            }
        }
        return balance
    }
}
