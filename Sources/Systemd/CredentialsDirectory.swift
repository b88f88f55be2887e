// Secrets from files that systemd, or in the foreground the one who starts the daemon, put into a directory for us.
// The law of this file: no content of a credential is ever in an error, and the buffer is wiped before it is let go.

import Glibc

/// Why a credential is not used; never with any part of its content.
package enum CredentialError: Error, Equatable {
    /// None of these files is there.
    case missing(names: [String])
    /// The name cannot be that of a credential: it has to be a plain file name without a colon.
    case badName
    /// The file is there and cannot be read, or is not a regular file.
    case unreadable(name: String, errno: Int32)
    /// No bytes, or a newline only. A `LoadCredential=` socket that refuses arrives as this.
    case empty(name: String)
    /// More bytes than such a credential has.
    case tooLong(name: String, maximumBytes: Int)
    /// A byte that is not printable ASCII: a space, a second line, a quote that an editor made typographic.
    case malformed(name: String)
}

extension CredentialError: CustomStringConvertible {
    package var description: String {
        switch self {
        case .missing(let names): "credential \(names.joined(separator: " or ")) is missing"
        case .badName: "a credential's name must be a plain file name without a colon"
        case .unreadable(let name, let errno): "credential \(name) cannot be read: \(describe(errno: errno))"
        case .empty(let name): "credential \(name) is empty"
        case .tooLong(let name, let maximumBytes): "credential \(name) is longer than \(maximumBytes) bytes"
        case .malformed(let name): "credential \(name) holds a space, a line break or a character that is not ASCII"
        }
    }
}

/// A directory with one file for each credential.
package struct CredentialsDirectory: Sendable {
    private let path: String

    /// Longest API key that is believed to be one; Google's have 39 to 53 characters.
    package static let keyBytes = 512

    /// Most bytes of a document: a service account's file has 2.4 kB.
    package static let documentBytes = 16_384

    /// Names the directory; it is first looked at when a credential is read.
    package init(path: String) {
        self.path = path
    }

    /// Reads the first of several credentials that is there, as a key: printable ASCII without spaces.
    ///
    /// Only an absent file makes room for the next name: a credential that is there and wrong is an error to be told,
    /// not a reason to use another.
    ///
    /// - Parameters:
    ///   - names: File names, most trusted first.
    ///   - maximumBytes: Of the key without the one newline at the end that an editor or `echo` leaves, which is cut off.
    ///   - make: Makes the caller's secret type from the bytes, which are gone afterwards.
    /// - Returns: The name that was found and what `make` made.
    /// - Throws: `.missing` when none is there; anything else is about the first that is.
    package func readKey<Secret>(
        firstOf names: [String], maximumBytes: Int = keyBytes, _ make: (Span<UInt8>) -> Secret
    ) throws(CredentialError) -> (name: String, secret: Secret) {
        try find(firstOf: names, maximumBytes: maximumBytes, isKey: true, make)
    }

    /// Reads the first of several credentials that is there, whatever bytes it has; else as `readKey`.
    package func readDocument<Secret>(
        firstOf names: [String], maximumBytes: Int = documentBytes, _ make: (Span<UInt8>) -> Secret
    ) throws(CredentialError) -> (name: String, secret: Secret) {
        try find(firstOf: names, maximumBytes: maximumBytes, isKey: false, make)
    }

    private func find<Secret>(
        firstOf names: [String], maximumBytes: Int, isKey: Bool, _ make: (Span<UInt8>) -> Secret
    ) throws(CredentialError) -> (name: String, secret: Secret) {
        for name in names {
            guard let descriptor = try open(name) else { continue }
            defer { close(descriptor) }
            let secret = try take(from: descriptor, name: name, maximumBytes: maximumBytes, isKey: isKey, make)
            return (name, secret)
        }
        throw .missing(names: names)
    }

    private func open(_ name: String) throws(CredentialError) -> Int32? {
        let isFileName = !name.isEmpty && name != "." && name != ".." && name.utf8.count <= 255
        guard isFileName, name.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F }), !name.contains("/"), !name.contains(":")
        else { throw .badName }
        // O_NONBLOCK, or a FIFO of that name would stop the start until somebody writes.
        let descriptor = unsafe Glibc.open("\(path)/\(name)", O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY)
        if descriptor >= 0 { return descriptor }
        guard errno == ENOENT else { throw .unreadable(name: name, errno: errno) }
        return nil
    }

    private func take<Secret>(
        from descriptor: Int32, name: String, maximumBytes: Int, isKey: Bool, _ make: (Span<UInt8>) -> Secret
    ) throws(CredentialError) -> Secret {
        var status = stat()
        guard unsafe fstat(descriptor, &status) == 0 else { throw .unreadable(name: name, errno: errno) }
        guard status.st_mode & S_IFMT == S_IFREG else { throw .unreadable(name: name, errno: EINVAL) }
        // Room for the newline, and for one byte more that tells a file that is too long.
        var bytes = [UInt8](repeating: 0, count: maximumBytes + 2)
        defer { wipe(&bytes) }
        var count = 0
        while count < bytes.count {
            let got = unsafe bytes.withUnsafeMutableBytes { buffer in
                let rest = unsafe UnsafeMutableRawBufferPointer(rebasing: buffer[count...])
                return unsafe read(descriptor, rest.baseAddress, rest.count)
            }
            if got < 0 && errno == EINTR { continue }
            guard got >= 0 else { throw .unreadable(name: name, errno: errno) }
            if got == 0 { break }
            count += got
        }
        if count > 0, bytes[count - 1] == UInt8(ascii: "\n") { count -= 1 }
        guard count > 0 else { throw .empty(name: name) }
        guard count <= maximumBytes else { throw .tooLong(name: name, maximumBytes: maximumBytes) }
        for index in 0..<count where isKey {
            guard bytes[index] > 0x20, bytes[index] < 0x7F else { throw .malformed(name: name) }
        }
        return make(bytes.span.extracting(0..<count))
    }

    private func wipe(_ bytes: inout [UInt8]) {
        unsafe bytes.withUnsafeMutableBytes { buffer in
            guard let base = buffer.baseAddress else { return }
            unsafe explicit_bzero(base, buffer.count)
        }
    }
}
