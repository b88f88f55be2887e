// What the audit chain says of a prompt: enough to recognise it, and its text only where a rule wants that.

import Crypto
import FoundationEssentials
import Wire

/// A prompt for the record.
package struct PromptRecord: Sendable {
    /// Members of the details of a job's first row, each with a comma before it.
    let details: String

    /// - Parameters:
    ///   - prompt: As it was asked.
    ///   - hasText: Whether the text itself is to be on record.
    package init(_ prompt: String, hasText: Bool) {
        let hash = Store.hexadecimal(Data(SHA256.hash(data: Data(prompt.utf8))))
        let text = hasText ? ",\"prompt\":" + String(decoding: WireJSON.encode(prompt), as: UTF8.self) : ""
        details = ",\"promptBytes\":\(prompt.utf8.count),\"promptSha256\":\"\(hash)\"\(text)"
    }
}

extension NewJob {
    /// What the first row says beside count and hold.
    var auditedDetails: String {
        let label = label.map { ",\"label\":" + String(decoding: WireJSON.encode($0), as: UTF8.self) } ?? ""
        return label + (prompt?.details ?? "")
    }
}
