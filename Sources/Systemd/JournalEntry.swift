// One row of the journal, in the form that sd_journal_sendv(3) takes.

/// The name of a journal field, which cannot be one that journald drops in silence.
///
/// Kept are `A–Z`, `0–9` and `_`, at most 64, the first a letter; a name that starts with `_` is journald's own.
package struct JournalFieldName: Sendable, Hashable {
    /// The name as it stands in the journal.
    package let text: String

    /// Takes a name as it is, or not at all.
    package init?(_ text: String) {
        guard let first = text.utf8.first, Self.isLetter(first), text.utf8.count <= 64,
            text.utf8.allSatisfy({ Self.isLetter($0) || Self.isDigit($0) || $0 == UInt8(ascii: "_") })
        else { return nil }
        self.text = text
    }

    /// Makes the field of a log statement's metadata key: `job.id` becomes `DARKROOM_JOB_ID`.
    package init(metadataKey key: String) {
        var bytes = Array("DARKROOM_".utf8)
        for byte in key.utf8.prefix(64 - bytes.count) {
            let upper = byte >= UInt8(ascii: "a") && byte <= UInt8(ascii: "z") ? byte - 32 : byte
            bytes.append(Self.isLetter(upper) || Self.isDigit(upper) ? upper : UInt8(ascii: "_"))
        }
        text = String(decoding: bytes, as: UTF8.self)
    }

    private init(known text: String) { self.text = text }

    package static let message = JournalFieldName(known: "MESSAGE")
    package static let messageID = JournalFieldName(known: "MESSAGE_ID")
    package static let syslogFacility = JournalFieldName(known: "SYSLOG_FACILITY")
    package static let priority = JournalFieldName(known: "PRIORITY")
    package static let syslogIdentifier = JournalFieldName(known: "SYSLOG_IDENTIFIER")
    package static let codeFile = JournalFieldName(known: "CODE_FILE")
    package static let codeLine = JournalFieldName(known: "CODE_LINE")
    package static let codeFunction = JournalFieldName(known: "CODE_FUNC")

    private static func isLetter(_ byte: UInt8) -> Bool { byte >= UInt8(ascii: "A") && byte <= UInt8(ascii: "Z") }
    private static func isDigit(_ byte: UInt8) -> Bool { byte >= UInt8(ascii: "0") && byte <= UInt8(ascii: "9") }
}

/// The fields of one row, each `NAME=value`, one behind the other.
package struct JournalEntry: Sendable, Equatable {
    private(set) var bytes: [UInt8] = []
    /// Where each field ends in `bytes`.
    private(set) var ends: [Int] = []

    /// Longest value.
    ///
    /// A longer one is cut and ends in `…`, which keeps a row within the few kilobytes that a datagram carries.
    static let valueBytes = 2048

    /// Starts a row, which is said to come from `darkroomd`.
    ///
    /// - Parameters:
    ///   - message: A sentence for a person.
    ///   - priority: As in syslog(3), 0 to 7.
    package init(message: String, priority: Int) {
        add(.message, message)
        add(.priority, "\(priority)")
        add(.syslogIdentifier, "darkroomd")
    }

    /// Adds a field; a name may be there several times, and journald keeps them all.
    ///
    /// - Parameters:
    ///   - name: Of the field.
    ///   - value: Any text. A line break in it stays inside the field, since libsystemd sends lengths.
    package mutating func add(_ name: JournalFieldName, _ value: String) {
        bytes += name.text.utf8
        bytes.append(UInt8(ascii: "="))
        if value.utf8.count <= Self.valueBytes {
            bytes += value.utf8
        } else {
            // Cut between scalars, so that the value stays UTF-8.
            var end = value.utf8.index(value.startIndex, offsetBy: Self.valueBytes)
            while UTF8.isContinuation(value.utf8[end]) { end = value.utf8.index(before: end) }
            bytes += value.utf8[..<end]
            bytes += "…".utf8
        }
        ends.append(bytes.count)
    }

    /// The fields as text, in order.
    package var fields: [String] {
        zip([0] + ends, ends).map { String(decoding: bytes[$0..<$1], as: UTF8.self) }
    }
}
