// Log statements as journal rows: the message for people, the metadata as fields to search by.

package import Logging

/// Writes each log statement as one row with its own fields.
///
/// A statement with the metadata key `job.id` is found by `journalctl DARKROOM_JOB_ID=…`; one with `MESSAGE_ID` is
/// explained by the catalog (`journalctl -x`).
package struct JournalLogHandler: LogHandler {
    package var metadata: Logger.Metadata = [:]
    package var metadataProvider: Logger.MetadataProvider?
    package var logLevel: Logger.Level
    private let label: String
    private let writer: JournalWriter

    /// Makes the handler of one logger.
    package init(label: String, writer: JournalWriter, logLevel: Logger.Level = .info) {
        self.label = label
        self.writer = writer
        self.logLevel = logLevel
    }

    package subscript(metadataKey key: String) -> Logger.MetadataValue? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    package func log(event: LogEvent) {
        var entry = JournalEntry(message: event.message.description, priority: event.level.priority)
        entry.add(.codeFile, event.file)
        entry.add(.codeLine, "\(event.line)")
        entry.add(.codeFunction, event.function)
        entry.add(JournalFieldName(metadataKey: "logger"), label)
        for (key, value) in event.fields(beside: metadata, metadataProvider) {
            let isMessageID = key == JournalFieldName.messageID.text
            entry.add(isMessageID ? .messageID : JournalFieldName(metadataKey: key), value)
        }
        writer.write(entry)
    }
}

extension Logger.Level {
    /// The priority of syslog(3), which `journalctl -p` filters by.
    var priority: Int {
        switch self {
        case .trace, .debug: 7
        case .info: 6
        case .notice: 5
        case .warning: 4
        case .error: 3
        // journald syncs rows of this priority and graver ones to disk at once.
        case .critical: 2
        }
    }
}

extension LogEvent {
    /// Everything that the statement says beside its message, sorted by key.
    ///
    /// The statement's own metadata wins over the provider's, and that over the handler's.
    func fields(beside metadata: Logger.Metadata, _ provider: Logger.MetadataProvider?) -> [(String, String)] {
        var all = metadata
        if let provider { all.merge(provider.get()) { _, newer in newer } }
        if let own = self.metadata { all.merge(own) { _, newer in newer } }
        if let error { all["error"] = "\(error)" }
        return all.map { ($0.key, $0.value.description) }.sorted { $0.0 < $1.0 }
    }
}
