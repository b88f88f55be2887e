// The secret type. It has one way out, the header it exists for, and prints as a placeholder everywhere else.
//
// The copy that lives as long as the daemon is wiped when it goes. What cannot be wiped are the strings that a request is
// made of: Swift frees them as they are, here and in the HTTP client.

import Crypto
import Glibc
import Synchronization

/// A Gemini API key, `AIza…` or `AQ.…`; the format is not checked, since Google changes it.
///
/// Not `Codable`, not `Equatable`, not a default argument anywhere; `print`, interpolation, `dump` and `Mirror` show a
/// placeholder.
package struct ApiKey: Sendable, CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    private let kept: Kept

    /// The bytes, once, however many copies of the key there are.
    private final class Kept: Sendable {
        let bytes: Mutex<[UInt8]>

        init(_ text: String) { bytes = Mutex(Array(text.utf8)) }

        deinit {
            bytes.withLock { bytes in
                unsafe bytes.withUnsafeMutableBytes { buffer in
                    guard let base = buffer.baseAddress else { return }
                    unsafe explicit_bzero(base, buffer.count)
                }
            }
        }
    }

    private var secret: String { kept.bytes.withLock { String(decoding: $0, as: UTF8.self) } }

    /// Takes the key as the credential file has it; nil when it cannot stand in an HTTP header.
    package init?(_ secret: String) {
        guard !secret.isEmpty, secret.utf8.allSatisfy({ (0x21...0x7E).contains($0) }) else { return nil }
        kept = Kept(secret)
    }

    /// The one way out: the value of `x-goog-api-key`, or what follows `Bearer`.
    var headerValue: String { secret }

    /// Sixteen bytes by which a key can be told from another, and from which it cannot be found.
    package func digest(salt: [UInt8]) -> [UInt8] {
        let code = kept.bytes.withLock { HMAC<SHA256>.authenticationCode(for: salt, using: SymmetricKey(data: $0)) }
        return Array(code.prefix(16))
    }

    /// That both are one key, without saying which.
    func isSame(as other: ApiKey) -> Bool { secret == other.secret }

    /// That a text holds the key, to be asked before the text goes anywhere.
    func isIn(_ text: String) -> Bool { text.contains(secret) }

    /// The text with the key taken out.
    func removed(from text: String) -> String {
        isIn(text) ? text.split(separator: secret, omittingEmptySubsequences: false).joined(separator: "[key]") : text
    }

    package var description: String { "ApiKey(…)" }
    package var debugDescription: String { description }
    package var customMirror: Mirror { Mirror(self, children: []) }
}
