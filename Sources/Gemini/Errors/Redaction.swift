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
        guard Self.mayHoldSecret(text) else { return text }
        // A ring bearer walks: what follows is a secret only if no word looks like it.
        text.replace(/(bearer\s+)([^\s"',]+)/.ignoresCase()) { match in
            let (whole, word, secret) = match.output
            return secret.utf8.count >= 20 || secret.contains { $0.isNumber } ? "\(word)[key]" : whole
        }
        text.replace(/AIza[0-9A-Za-z_\-]{10,}/, with: "[key]")
        // Not what ends in these letters, as the address of a FAQ does.
        text.replace(/(^|[^A-Za-z])AQ\.[0-9A-Za-z_.\-]{6,}/) { "\($0.output.1)[key]" }
        text.replace(/ya29\.[0-9A-Za-z_.\-]+/, with: "[token]")
        // A signed assertion: parts in base64url, of which the first two are JSON objects. The expression takes the
        // whole run and cannot fail in the middle of it, so that no text makes it look at a letter many times.
        text.replace(/eyJ[0-9A-Za-z_.\-]*/) { $0.output.contains(".eyJ") ? "[token]" : $0.output }
        text.replace(/(key=)[^&\s"',;]+/.ignoresCase()) { "\($0.output.1)[key]" }
        // `api_key:…` as Google prints a consumer, and as a header or a member of JSON.
        // The quotes may be those of JSON inside of a string.
        text.replace(/(api[_\-]?key\\*["']?\s*:\s*\\*["']?)[^\s"',}\\]+/.ignoresCase()) { "\($0.output.1)[key]" }
        return text
    }

    /// The first three letters of what each of the expressions looks for.
    private static let marks = Set(["aiz", "aq.", "ya2", "eyj", "key", "bea"].map { window(of: $0.utf8) })

    /// That the expressions have something to look for: answers as a rule have nothing, and they are slow.
    private static func mayHoldSecret(_ text: String) -> Bool {
        var window: UInt32 = 0
        for byte in text.utf8 {
            window = Self.window(window, byte)
            if marks.contains(window) { return true }
        }
        return false
    }

    private static func window(of letters: String.UTF8View) -> UInt32 { letters.reduce(0) { window($0, $1) } }

    /// The last three bytes; the one bit that tells capitals from small letters is set in all of them.
    private static func window(_ window: UInt32, _ byte: UInt8) -> UInt32 {
        (window << 8 | UInt32(byte | 0x20)) & 0xFF_FFFF
    }
}
