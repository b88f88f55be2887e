// Thought signatures: issued with the parts of an answer, and checked when a model turn comes back.

import Crypto
import FoundationEssentials

/// What a signature binds: a model, the place of a part among those that are no thoughts, and its payload.
///
/// Google's are opaque. These can be recomputed, so that they are known again after a restart, and nothing is kept.
enum ThoughtSignature {
    /// What became of a signature that came back.
    enum Verdict: Equatable {
        case valid
        /// Not one of ours, of another model, or of another part.
        case invalid
    }

    /// As long as those seen in recordings of image answers, roughly.
    private static let byteCount = 300
    private static let key = SymmetricKey(data: Array("gemini-simulator's thought signatures".utf8))

    /// The signature of a part as the answer holds it: standard base64.
    ///
    /// The payload is the SHA-256 of the image's bytes or of the text, in hexadecimal.
    static func text(model: String, place: Int, payload: String) -> String {
        bytes(model: model, place: place, payload: payload).base64EncodedString()
    }

    /// Checks one that came back, in either alphabet of base64.
    static func check(_ text: String, model: String, place: Int, payload: String) -> Verdict {
        let standard = text.replacing("-", with: "+").replacing("_", with: "/")
        let padding = String(repeating: "=", count: (4 - standard.count % 4) % 4)
        let expected = bytes(model: model, place: place, payload: payload)
        return Data(base64Encoded: standard + padding) == expected ? .valid : .invalid
    }

    static func payload(ofText text: String) -> String {
        SHA256.hash(data: Data(text.utf8)).map { String($0 >> 4, radix: 16) + String($0 & 15, radix: 16) }.joined()
    }

    private static func bytes(model: String, place: Int, payload: String) -> Data {
        var bytes = Data()
        var block = Data("\(model) \(place) \(payload)".utf8)
        while bytes.count < byteCount {
            block = Data(HMAC<SHA256>.authenticationCode(for: block, using: key))
            bytes += block
        }
        return bytes.prefix(byteCount)
    }
}
