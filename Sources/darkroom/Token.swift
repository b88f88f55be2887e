// The literal words that an option takes. `Wire`'s types are public, and ArgumentParser is nobody's business outside of
// this command, so they are read by functions and not by a conformance.

import ArgumentParser
import FoundationEssentials
import Wire

enum Token {
    /// One of the words of an enumeration.
    static func read<Word: RawRepresentable & CaseIterable>(_ text: String) throws -> Word
    where Word.RawValue == String {
        try one(of: Word.allCases.map { ($0.rawValue, $0) }, text)
    }

    /// Several of them, with commas between.
    static func list<Word: RawRepresentable & CaseIterable>(_ text: String) throws -> [Word]
    where Word.RawValue == String {
        try text.split(separator: ",", omittingEmptySubsequences: false).map { try read(String($0)) }
    }

    /// `adult` for Google's `ALLOW_ADULT`, which is taken too.
    static func person(_ text: String) throws -> PersonGeneration {
        if let exact = PersonGeneration(rawValue: text) { return exact }
        return try one(of: [("all", .all), ("adult", .adult), ("none", .none)], text)
    }

    /// `png` for `image/png`, which is taken too.
    static func outputType(_ text: String) throws -> OutputType {
        if let exact = OutputType(rawValue: text) { return exact }
        if text == "jpg" { return .jpeg }
        return try one(of: [("png", .png), ("jpeg", .jpeg)], text)
    }

    /// A seed, as upstream takes it.
    static func seed(_ text: String) throws -> Int32 {
        guard let seed = Int32(text) else { throw ValidationError("legal are \(Int32.min) to \(Int32.max)") }
        return seed
    }

    /// A point in time: RFC 3339, a day in UTC, or how long ago, as `36h` or `7d`.
    ///
    /// - Parameters:
    ///   - text: What was typed.
    ///   - now: From where to count back.
    /// - Returns: The point in time.
    /// - Throws: `ValidationError` for anything else.
    static func time(_ text: String, now: Timestamp = Timestamp(Date())) throws -> Timestamp {
        let units: [Character: Int64] = ["m": 60, "h": 3600, "d": 86400, "w": 604_800]
        if let unit = text.last.flatMap({ units[$0] }), let count = Int64(text.dropLast()), (0...100_000) ~= count {
            return Timestamp(milliseconds: now.milliseconds - count * unit * 1000)
        }
        let isDay = text.utf8.count == 10
        guard let date = try? Date(isDay ? text + "T00:00:00Z" : text, strategy: Date.ISO8601FormatStyle()) else {
            throw ValidationError("legal are 2026-11-22, 2026-11-22T08:00:00Z, and how long ago as 36h or 7d")
        }
        return Timestamp(date)
    }

    private static func one<Value>(of words: [(String, Value)], _ text: String) throws -> Value {
        guard let found = words.first(where: { $0.0 == text }) else {
            throw ValidationError("legal are \(words.map(\.0).joined(separator: ", "))")
        }
        return found.1
    }
}
