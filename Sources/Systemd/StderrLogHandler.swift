// Log statements as lines for whoever started the daemon by hand.

import Glibc
package import Logging

/// Writes each log statement as one line on standard error: `darkroomd: warning: the message job.id=7 …`.
package struct StderrLogHandler: LogHandler {
    package var metadata: Logger.Metadata = [:]
    package var metadataProvider: Logger.MetadataProvider?
    package var logLevel: Logger.Level
    private let descriptor: Int32

    /// Makes the handler of one logger; another descriptor in tests only.
    package init(logLevel: Logger.Level = .info, descriptor: Int32 = STDERR_FILENO) {
        self.logLevel = logLevel
        self.descriptor = descriptor
    }

    package subscript(metadataKey key: String) -> Logger.MetadataValue? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    package func log(event: LogEvent) {
        var line = "darkroomd: \(event.level): \(Self.onOneLine(event.message.description))"
        let isForTheJournal = { (key: String) in key == JournalFieldName.messageID.text }
        for (key, value) in event.fields(beside: metadata, metadataProvider) where !isForTheJournal(key) {
            line += " \(Self.onOneLine(key))=\(Self.quotedIfNeeded(value))"
        }
        line += "\n"
        write(Array(line.utf8))
    }

    private static func isControl(_ scalar: Unicode.Scalar) -> Bool {
        scalar.properties.generalCategory == .control
    }

    private static func onOneLine(_ text: String) -> String {
        guard text.unicodeScalars.contains(where: isControl) else { return text }
        var line = ""
        for scalar in text.unicodeScalars {
            line.unicodeScalars.append(isControl(scalar) ? " " : scalar)
        }
        return line
    }

    private static func quotedIfNeeded(_ value: String) -> String {
        let isPlain = !value.isEmpty && value.unicodeScalars.allSatisfy { $0 > " " && $0 != "\"" && !isControl($0) }
        // debugDescription leaves the control characters above ASCII as they are.
        return isPlain ? value : onOneLine(value.debugDescription)
    }

    private func write(_ bytes: [UInt8]) {
        var start = 0
        while start < bytes.count {
            let count = unsafe bytes.withUnsafeBytes { buffer in
                let rest = unsafe UnsafeRawBufferPointer(rebasing: buffer[start...])
                return unsafe Glibc.write(descriptor, rest.baseAddress, rest.count)
            }
            if count < 0 && errno == EINTR { continue }
            // There is nobody left to tell.
            guard count > 0 else { return }
            start += count
        }
    }
}
