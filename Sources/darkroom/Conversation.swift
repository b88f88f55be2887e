// The words of the command. The law of this file:
//   - The answer goes to standard output and nothing else does.
//   - Everything else goes to standard error as "darkroom: …", no capital, no full stop.
//   - An error is one line; then, when there is something to do, "darkroom: hint: …".
//   - What others wrote (a label, Google's text) cannot move the terminal's cursor.

import Glibc

enum Conversation {
    /// A line of the answer.
    static func answer(_ line: String) { write(line + "\n", to: STDOUT_FILENO) }

    /// A line of the answer that is JSON already.
    static func answer(json: [UInt8]) { write(json + [UInt8(ascii: "\n")], to: STDOUT_FILENO) }

    static func say(_ words: String) { write("darkroom: \(plain(words))\n", to: STDERR_FILENO) }

    static func warn(_ words: String) { say("warning: \(words)") }

    static func fail(_ message: String, hint: String?) {
        say("error: \(message)")
        if let hint { say("hint: \(hint)") }
    }

    /// One line without control characters (C0, DEL, C1), which a terminal would obey.
    static func plain(_ words: String) -> String {
        var line = String.UnicodeScalarView()
        for scalar in words.unicodeScalars {
            let isControl = scalar.value < 0x20 || (0x7F...0x9F).contains(scalar.value)
            line.append(isControl ? " " : scalar)
        }
        return String(line)
    }

    /// Writes all of it; whoever does not listen any more is not told.
    static func write(_ text: String, to descriptor: Int32) { write([UInt8](text.utf8), to: descriptor) }

    private static func write(_ bytes: [UInt8], to descriptor: Int32) {
        var rest = bytes[...]
        while !rest.isEmpty {
            let count = unsafe rest.withUnsafeBytes { unsafe Glibc.write(descriptor, $0.baseAddress, $0.count) }
            if count > 0 {
                rest = rest.dropFirst(count)
            } else if errno != EINTR {
                return
            }
        }
    }
}
