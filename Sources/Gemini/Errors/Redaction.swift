// Takes keys out of what upstream says. Google echoes them: "Consumer 'api_key:…' has been suspended", DebugInfo.

struct Redaction: Sendable {
    /// The key in use, which is taken out whatever it looks like.
    var key: ApiKey?

    /// Longest message that is passed on, in characters.
    static let longestMessage = 500

    /// The text without keys, without control characters, and not longer than a message.
    func apply(to text: String) -> String {
        var text = key?.removed(from: text) ?? text
        text.replace(/AIza[0-9A-Za-z_\-]{10,}/, with: "[key]")
        text.replace(/AQ\.[0-9A-Za-z_.\-]{6,}/, with: "[key]")
        text.replace(/([?&]key=)[^&\s"',]+/) { "\($0.output.1)[key]" }
        text.replace(/([Bb]earer\s+)[^\s"',]+/) { "\($0.output.1)[key]" }
        text.replace(/(api_key:)[^\s"',]+/) { "\($0.output.1)[key]" }
        text.replace(/ya29\.[0-9A-Za-z_.\-]+/, with: "[token]")
        let printable = text.unicodeScalars.map { $0.value < 0x20 || $0.value == 0x7F ? " " : $0 }
        return String(String(String.UnicodeScalarView(printable)).prefix(Self.longestMessage))
            .trimmingPrefix { $0 == " " }.description
    }
}
