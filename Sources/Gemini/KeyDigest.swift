// By what a key is told from another, so that its change is on record and what was said of the last one is forgotten.

import Crypto

extension ApiKey {
    /// Sixteen bytes by which a key can be told from another, and from which it cannot be found.
    package func digest(salt: [UInt8]) -> [UInt8] {
        derived { bytes in
            Array(HMAC<SHA256>.authenticationCode(for: salt, using: SymmetricKey(data: bytes)).prefix(16))
        }
    }
}
