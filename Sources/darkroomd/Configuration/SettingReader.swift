// Reads one table of settings by name; the twin of Wire's ParamReader for what an admin writes.

import Wire

/// Reads a table; every error has the file and the line of the setting at fault.
struct SettingReader {
    let name: String
    let origin: Setting.Origin
    private let members: [String: Setting]
    private var known: [String] = []

    /// - Throws: When the setting is no table.
    init(_ setting: Setting, name: String) throws(ConfigurationError) {
        guard case .table(let members) = setting.value else {
            throw ConfigurationError(origin: setting.origin, reason: "\(name) is \(setting.kindName), not a table")
        }
        self.members = members
        self.name = name
        origin = setting.origin
    }

    mutating func setting(_ key: String) -> Setting? {
        known.append(key)
        return members[key]
    }

    mutating func string(_ key: String) throws(ConfigurationError) -> String? {
        guard let setting = setting(key) else { return nil }
        guard case .string(let text) = setting.value else { throw wrongType(key, setting, "a string") }
        guard !text.isEmpty else { throw invalid(key, setting, "is empty") }
        return text
    }

    mutating func token<Token: RawRepresentable & CaseIterable>(
        _ key: String, _ type: Token.Type
    ) throws(ConfigurationError) -> Token? where Token.RawValue == String {
        guard let setting = setting(key) else { return nil }
        guard case .string(let text) = setting.value else { throw wrongType(key, setting, "a string") }
        guard let token = Token(rawValue: text) else {
            let legal = Token.allCases.map { "\"\($0.rawValue)\"" }.joined(separator: ", ")
            let nearest = NearestName.to(text, among: Token.allCases.map(\.rawValue))
            let advice = nearest.map { "did you mean \"\($0)\"?" } ?? "legal are \(legal)"
            throw invalid(key, setting, "is \"\(text.prefix(64))\"; \(advice)")
        }
        return token
    }

    mutating func bool(_ key: String) throws(ConfigurationError) -> Bool? {
        guard let setting = setting(key) else { return nil }
        guard case .bool(let flag) = setting.value else { throw wrongType(key, setting, "a boolean") }
        return flag
    }

    mutating func integer(_ key: String, in range: ClosedRange<Int>) throws(ConfigurationError) -> Int? {
        guard let setting = setting(key) else { return nil }
        guard case .integer(let number) = setting.value else { throw wrongType(key, setting, "an integer") }
        guard range.contains(number) else {
            throw invalid(key, setting, "is \(number); \(range.lowerBound) to \(range.upperBound) are allowed")
        }
        return number
    }

    /// A number; `50` and `50.0` alike.
    mutating func number(_ key: String, in range: ClosedRange<Double>) throws(ConfigurationError) -> Double? {
        guard let setting = setting(key) else { return nil }
        let number: Double
        switch setting.value {
        case .integer(let whole): number = Double(whole)
        case .double(let double): number = double
        case .table, .array, .string, .bool, .time: throw wrongType(key, setting, "a number")
        }
        guard range.contains(number) else {
            throw invalid(key, setting, "is \(number); \(range.lowerBound) to \(range.upperBound) are allowed")
        }
        return number
    }

    mutating func strings(_ key: String) throws(ConfigurationError) -> [(text: String, setting: Setting)]? {
        guard let setting = setting(key) else { return nil }
        guard case .array(let elements) = setting.value else { throw wrongType(key, setting, "an array of strings") }
        var texts: [(text: String, setting: Setting)] = []
        for element in elements {
            guard case .string(let text) = element.value else { throw wrongType(key, element, "an array of strings") }
            texts.append((text, element))
        }
        return texts
    }

    mutating func table(_ key: String) throws(ConfigurationError) -> SettingReader? {
        guard let setting = setting(key) else { return nil }
        return try SettingReader(setting, name: path(key))
    }

    /// The tables of an array of tables, each with its own name in errors.
    mutating func tables(_ key: String) throws(ConfigurationError) -> [SettingReader] {
        guard let setting = setting(key) else { return [] }
        guard case .array(let elements) = setting.value else {
            throw invalid(key, setting, "is written [[\(path(key))]], one for each")
        }
        var readers: [SettingReader] = []
        for element in elements { readers.append(try SettingReader(element, name: path(key))) }
        return readers
    }

    /// The members of a table whose keys are names of the admin's own.
    mutating func namedTables(_ key: String) throws(ConfigurationError) -> [(name: String, reader: SettingReader)] {
        guard let setting = setting(key) else { return [] }
        let outer = try SettingReader(setting, name: path(key))
        var readers: [(name: String, reader: SettingReader)] = []
        for (name, member) in outer.members.sorted(by: { $0.key < $1.key }) {
            readers.append((name, try SettingReader(member, name: "\(outer.name).\(name)")))
        }
        return readers
    }

    func require<Value>(_ value: Value?, _ key: String) throws(ConfigurationError) -> Value {
        guard let value else { throw ConfigurationError(origin: origin, reason: "\(path(key)) is missing") }
        return value
    }

    /// Refuses every key that was not asked for.
    func finish() throws(ConfigurationError) {
        let strangers = members.filter { !known.contains($0.key) }
            .sorted { ($0.value.origin.line ?? 0, $0.key) < ($1.value.origin.line ?? 0, $1.key) }
        guard let stranger = strangers.first else { return }
        let nearest = NearestName.to(stranger.key, among: known)
        let advice = nearest.map { "; did you mean \($0)?" } ?? "; the keys here are \(known.joined(separator: ", "))"
        throw ConfigurationError(
            origin: stranger.value.origin, reason: "there is no key \(path(stranger.key))\(advice)")
    }

    /// Where a key stands, or its table when it is absent.
    func origin(of key: String) -> Setting.Origin { members[key]?.origin ?? origin }

    func invalid(_ key: String, _ setting: Setting, _ what: String) -> ConfigurationError {
        ConfigurationError(origin: setting.origin, reason: "\(path(key)) \(what)")
    }

    func invalid(_ key: String, _ what: String) -> ConfigurationError {
        ConfigurationError(origin: origin(of: key), reason: "\(path(key)) \(what)")
    }

    private func wrongType(_ key: String, _ setting: Setting, _ expected: String) -> ConfigurationError {
        invalid(key, setting, "is \(setting.kindName), not \(expected)")
    }

    private func path(_ key: String) -> String { name.isEmpty ? key : "\(name).\(key)" }
}
