// The literal words that an option takes. `Wire`'s types are public, and ArgumentParser is nobody's business outside of
// this command, so they are read by a function and not by a conformance.

import ArgumentParser

enum Token {
    /// One of the words of an enumeration.
    static func read<Word: RawRepresentable & CaseIterable>(_ text: String) throws -> Word
    where Word.RawValue == String {
        guard let word = Word(rawValue: text) else {
            throw ValidationError("legal are \(Word.allCases.map(\.rawValue).joined(separator: ", "))")
        }
        return word
    }
}
