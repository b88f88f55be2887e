// Plain columns, for people; scripts take --json.

/// Rows under a heading, aligned with spaces.
struct Table {
    private var rows: [[String]]

    init(_ heading: String...) { rows = [heading] }

    mutating func add(_ cells: String...) { rows.append(cells.map(Conversation.plain)) }

    /// The lines, without trailing spaces.
    var lines: [String] {
        let widths = rows.reduce(into: [Int]()) { widths, row in
            for (index, cell) in row.enumerated() {
                if index == widths.count { widths.append(0) }
                widths[index] = max(widths[index], cell.count)
            }
        }
        return rows.map { row in
            var line = ""
            for (index, cell) in row.enumerated() {
                line += index == row.count - 1 ? cell : cell.rightPadded(to: widths[index] + 2)
            }
            while line.last == " " { line.removeLast() }
            return line
        }
    }

    func print() {
        for line in lines { Conversation.answer(line) }
    }
}

extension String {
    func rightPadded(to width: Int) -> String { self + String(repeating: " ", count: max(0, width - count)) }
    func leftPadded(to width: Int) -> String { String(repeating: " ", count: max(0, width - count)) + self }
}

/// Names and values below each other; what has no value is left out.
struct Facts {
    private var rows: [(name: String, value: String)] = []

    mutating func add(_ name: String, _ value: String?) {
        if let value { rows.append((name, Conversation.plain(value))) }
    }

    func print() {
        let width = rows.map(\.name.count).max() ?? 0
        for row in rows { Conversation.answer(row.name.rightPadded(to: width + 2) + row.value) }
    }
}
