// What is wrong with a configuration: always with the file, and with the line wherever there is one.

import Wire

/// A configuration that cannot be used; prints as `FILE:LINE: reason`.
struct ConfigurationError: Error, Sendable, Hashable, CustomStringConvertible {
    var origin: Origin
    var reason: String

    /// Where a setting stands.
    struct Origin: Sendable, Hashable {
        var file: String
        /// From 1; absent when the file as a whole is meant.
        var line: Int?
    }

    var description: String {
        let line = origin.line.map { ":\($0)" } ?? ""
        return "\(origin.file)\(line): \(reason)"
    }

    /// The same as `server.reload` answers it.
    var wireError: WireError {
        var error = WireError(.invalidConfiguration, reason, hint: "darkroomd --check-config tells when it is right")
        error.file = origin.file
        error.line = origin.line
        error.reason = reason
        return error
    }
}
