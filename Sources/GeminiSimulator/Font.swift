// Letters of 5 by 7 cells for printable ASCII: the face of the character displays of the HD44780 family.

/// The bitmap font that prompts are drawn in.
enum Font {
    /// Five bytes a glyph, one a column from the left, the lowest bit at the top; from U+0020 to U+007E.
    private static let columns = """
        0000000000 00005F0000 0007000700 147F147F14 242A7F2A12 2313086462 3649562050 0005030000 001C224100 0041221C00
        14083E0814 08083E0808 0050300000 0808080808 0060600000 2010080402 3E5149453E 00427F4000 4261514946 2141454B31
        1814127F10 2745454539 3C4A494930 0171090503 3649494936 064949291E 0036360000 0056360000 0814224100 1414141414
        0041221408 0201510906 324979413E 7E1111117E 7F49494936 3E41414122 7F4141221C 7F49494941 7F09090901 3E4149497A
        7F0808087F 00417F4100 2040413F01 7F08142241 7F40404040 7F020C027F 7F0408107F 3E4141413E 7F09090906 3E4151215E
        7F09192946 4649494931 01017F0101 3F4040403F 1F2040201F 3F4038403F 6314081463 0708700807 6151494543 007F414100
        0204081020 0041417F00 0402010204 4040404040 0001020400 2054545478 7F48444438 3844444420 384444487F 3854545418
        087E090102 0C5252523E 7F08040478 00447D4000 2040443D00 7F10284400 00417F4000 7C04180478 7C08040478 3844444438
        7C14141408 081414187C 7C08040408 4854545420 043F444020 3C4040207C 1C2040201C 3C4030403C 4428102844 0C5050503C
        4464544C44 0008364100 00007F0000 0041360800 1008081008
        """.split { $0 == " " || $0 == "\n" }.map { cells(String($0)) }

    /// The cells of a character, bit `column * 7 + row`; an empty frame for what the font lacks.
    static func cells(of character: Character) -> UInt64 {
        guard let ascii = plain(character).asciiValue, ascii >= 0x20, ascii < 0x7F else { return cells("7F4141417F") }
        return columns[Int(ascii) - 0x20]
    }

    /// A Latin letter without its diacritics, by the names Unicode gives: LATIN SMALL LETTER U WITH DIAERESIS.
    private static func plain(_ character: Character) -> Character {
        let words = character.unicodeScalars.first?.properties.name?.split(separator: " ") ?? []
        guard words.count > 4, words[0] == "LATIN", words[2] == "LETTER", words[4] == "WITH", words[3].count == 1 else {
            return character
        }
        return Character(words[1] == "SMALL" ? words[3].lowercased() : String(words[3]))
    }

    private static func cells(_ hexadecimal: String) -> UInt64 {
        let bytes = UInt64(hexadecimal, radix: 16) ?? 0
        return (0..<5).reduce(0) { cells, column in
            cells | (bytes >> UInt64((4 - column) * 8) & 0x7F) << UInt64(column * 7)
        }
    }

    /// Breaks text into lines of at most `width` characters, at spaces where it can.
    static func lines(of text: String, width: Int) -> [String] {
        var lines: [String] = []
        var line = ""
        for word in text.split(whereSeparator: \.isWhitespace) {
            var rest = word
            if !line.isEmpty, line.count + 1 + rest.count > width {
                lines.append(line)
                line = ""
            }
            while rest.count > width {
                lines.append(String(rest.prefix(width)))
                rest = rest.dropFirst(width)
            }
            line += line.isEmpty ? String(rest) : " " + rest
        }
        return line.isEmpty ? lines : lines + [line]
    }
}
