// Takes keys out of what upstream says. Google echoes them: "Consumer 'api_key:…' has been suspended", DebugInfo.

struct Redaction: Sendable {
    /// The key in use, which is taken out whatever it looks like.
    var key: ApiKey?

    /// Longest message that is passed on, in characters.
    static let longestMessage = 500

    /// The text without keys, without control characters, and not longer than a message.
    func apply(to text: String) -> String {
        let text = withoutSecrets(text)
        let printable = text.unicodeScalars.map { $0.value < 0x20 || $0.value == 0x7F ? " " : $0 }
        return String(String(String.UnicodeScalarView(printable)).prefix(Self.longestMessage))
            .trimmingPrefix { $0 == " " }.description
    }

    /// The text without keys, at its full length.
    func withoutSecrets(_ text: String) -> String {
        var text = key?.removed(from: text) ?? text
        text.replace(/AIza[0-9A-Za-z_\-]{10,}/, with: "[key]")
        text.replace(/AQ\.[0-9A-Za-z_.\-]{6,}/, with: "[key]")
        text.replace(/ya29\.[0-9A-Za-z_.\-]+/, with: "[token]")
        // A signed assertion: parts in base64url, of which the first two are JSON objects. The expression takes the
        // whole run and cannot fail in the middle of it, so that no text makes it look at a letter many times.
        text.replace(/eyJ[0-9A-Za-z_.\-]*/) { $0.output.contains(".eyJ") ? "[token]" : $0.output }
        text.replace(/(key=)[^&\s"',;]+/.ignoresCase()) { "\($0.output.1)[key]" }
        text.replace(/(bearer\s+)[^\s"',]+/.ignoresCase()) { "\($0.output.1)[key]" }
        // `api_key:…` as Google prints a consumer, and as a header or a member of JSON.
        text.replace(/(api[_\-]?key["']?\s*:\s*["']?)[^\s"',}]+/.ignoresCase()) { "\($0.output.1)[key]" }
        return text
    }
}
