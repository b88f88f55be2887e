// Where log statements go.

import Glibc
package import Logging

/// The journal when systemd connected standard error to it, else standard error.
package enum LogDestination: Sendable {
    case journal(JournalWriter)
    case standardError

    /// Compares `JOURNAL_STREAM` with what standard error really is, as systemd.exec(5) says to.
    ///
    /// The variable alone proves nothing: a shell started from a service inherits it, and its standard error is a terminal.
    ///
    /// - Parameters:
    ///   - environment: With `JOURNAL_STREAM`, device and inode in decimal with a colon between.
    ///   - descriptor: Standard error; another in tests only.
    package init(_ environment: SystemdEnvironment, standardError descriptor: Int32 = STDERR_FILENO) {
        var status = stat()
        let isJournal =
            unsafe fstat(descriptor, &status) == 0
            && environment.variables["JOURNAL_STREAM"] == "\(status.st_dev):\(status.st_ino)"
        self = isJournal ? .journal(JournalWriter()) : .standardError
    }

    /// Whether statements go to the journal.
    package var isJournal: Bool { if case .journal = self { true } else { false } }

    /// Makes the handler of one logger, for `LoggingSystem.bootstrap`.
    package func makeHandler(label: String, logLevel: Logger.Level = .info) -> any LogHandler {
        switch self {
        case .journal(let writer): JournalLogHandler(label: label, writer: writer, logLevel: logLevel)
        case .standardError: StderrLogHandler(logLevel: logLevel)
        }
    }

    /// Sees to it that the last rows get out, at the end of the process.
    ///
    /// - Returns: How many rows the journal did not get.
    package func finish(within patience: Duration = .seconds(1)) -> Int {
        switch self {
        case .journal(let writer): writer.finish(within: patience)
        case .standardError: 0
        }
    }
}
