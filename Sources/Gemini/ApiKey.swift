// The secret type. It has one way out, the header it exists for, and prints as a placeholder everywhere else.
//
// The copy that lives as long as the daemon is wiped when it goes. What cannot be wiped are the strings that a request is
// made of: Swift frees them as they are, here and in the HTTP client.

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

        init(_ secret: [UInt8]) {
            // Best effort: without swap, or past RLIMIT_MEMLOCK, nothing is lost but this.
            _ = unsafe secret.withUnsafeBytes { unsafe mlock($0.baseAddress, $0.count) }
            bytes = Mutex(secret)
        }

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

    /// Takes the key as a text has it; nil when it cannot stand in an HTTP header.
    package init?(_ secret: String) { self.init(bytes: Array(secret.utf8)) }

    /// The same from a buffer that its owner wipes, with no copy but the one that is kept.
    package init?(_ secret: Span<UInt8>) {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(secret.count)
        for index in secret.indices { bytes.append(secret[index]) }
        self.init(bytes: bytes)
    }

    private init?(bytes: [UInt8]) {
        guard !bytes.isEmpty, bytes.allSatisfy({ (0x21...0x7E).contains($0) }) else { return nil }
        kept = Kept(bytes)
    }

    /// The one way out: the value of `x-goog-api-key`, or what follows `Bearer`.
    var headerValue: String { secret }

    /// What is made of the key and is none; the bytes stay here.
    func derived(_ derive: ([UInt8]) -> [UInt8]) -> [UInt8] { kept.bytes.withLock { derive($0) } }

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
