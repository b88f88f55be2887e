// Faults on command: rules that match requests, and what they make the simulator do.

import FoundationEssentials
import Synchronization

/// What a rule, or a directive in a prompt, makes of one exchange.
///
/// Absent fields change nothing.
struct Act: Codable, Sendable, Equatable {
    /// Silence before the head of the answer.
    var latencyMilliseconds: Int?
    /// Silence between head and body.
    var bodyLatencyMilliseconds: Int?
    /// The body goes out in pieces of this size.
    var chunkBytes: Int?
    var chunkDelayMilliseconds: Int?
    /// A Content-Length instead of chunks.
    var contentLength: Bool?
    var status: Int?
    var body: String?
    var headers: [String: String]?
    var contentType: String?
    /// An answer of fixtures.txt.
    var fixture: String?
    var answer: AnswerVariation?
    /// The connection ends after so many bytes of body.
    var closeAfterBytes: Int?
    /// Whether TLS says goodbye when the connection is cut; false unless said.
    var closeNotify: Bool?
    /// The connection ends in place of the head.
    var closeBeforeHead: Bool?
    /// The connection is reset, with the body unread unless the rule had to look at the prompt.
    var resetBeforeRead: Bool?
    /// Silence until the client goes away.
    var neverAnswer: Bool?
    /// The answer leaves before the body is read; only for rules that do not look at the prompt.
    var answerBeforeBody: Bool?
    var redirect: String?
    /// `Content-Encoding: gzip` over a body that is not.
    var contentEncodingLie: Bool?
    /// An error whose text holds the key that was sent.
    var echoKey: Bool?
}

/// How an answer differs from the plain one.
struct AnswerVariation: Codable, Sendable, Equatable {
    var images: Int?
    /// Earlier pictures, marked `thought`.
    var drafts: Int?
    /// Earlier pictures as thinking models send them without the mark.
    var unmarkedDrafts: Int?
    var textBefore: String?
    var textAfter: String?
    /// Members of every object in reverse order, so that `data` comes before `mimeType` and usage before candidates.
    var reversedMembers: Bool?
    var snakeCase: Bool?
    var layout: JSONLayout?
    /// `\/` and `\u002b` in the base64.
    var escapes: Bool?
    var noPadding: Bool?
    var noFinishReason: Bool?
    var finishReason: String?
    var arrayWrapped: Bool?
    var claimedType: String?
    var imageType: ImageType?
    /// Width and height, whatever was asked for.
    var pixels: [Int]?
    var modelVersion: String?
    /// Replaces members of `usageMetadata` by name.
    var usage: [String: Int]?
    var notAnImage: Bool?
    var badBase64: Bool?
    var textOnly: Bool?
    /// Candidates without content.
    var empty: Bool?
    /// Signature and data in one part, whether or not the model would.
    var signature: Bool?
}

/// Which requests a rule is for: all of the given conditions have to hold.
struct RuleMatch: Codable, Sendable, Equatable {
    /// Part of the prompt.
    var prompt: String?
    var model: String?
    /// Part of the path.
    var path: String?
}

/// One rule, as `POST /_simulator/rules` takes it.
struct Rule: Codable, Sendable, Equatable {
    var match: RuleMatch?
    /// How many requests it holds for; for ever when absent.
    var times: Int?
    var `do`: Act
}

/// A rule or directive that cannot be read; the text says where.
struct RuleMistake: Error {
    let message: String
}

extension Decodable where Self: Encodable {
    /// Reads JSON text and refuses members that the type does not have: a typing error must not pass for "no fault".
    static func strictly(from text: Data) throws(RuleMistake) -> Self {
        do {
            let value = try JSONDecoder().decode(Self.self, from: text)
            let understood = try JSON(parsing: JSONEncoder().encode(value))
            if let name = unknownMember(of: try JSON(parsing: text), in: understood) {
                throw RuleMistake(message: "unknown or empty member \(name)")
            }
            return value
        } catch let mistake as RuleMistake {
            throw mistake
        } catch {
            throw RuleMistake(message: "\(error)")
        }
    }
}

private func unknownMember(of given: JSON, in understood: JSON) -> String? {
    switch (given, understood) {
    case (.object(let members), _):
        for member in members {
            guard let counterpart = understood[member.name] else { return member.name }
            if let inner = unknownMember(of: member.value, in: counterpart) { return member.name + "." + inner }
        }
        return nil
    case (.array(let elements), .array(let others)):
        return zip(elements, others).lazy.compactMap { unknownMember(of: $0, in: $1) }.first
    default: return nil
    }
}

extension Act {
    /// The directive in a prompt, `{sim:{…}}`, or nil when there is none.
    static func directive(in prompt: String) throws(RuleMistake) -> Act? {
        guard let mark = prompt.firstRange(of: "{sim:") else { return nil }
        let bytes = Array(prompt[mark.upperBound...].utf8)
        var depth = 0
        var inString = false
        var isEscaped = false
        for (index, byte) in bytes.enumerated() {
            if isEscaped {
                isEscaped = false
            } else if inString {
                if byte == UInt8(ascii: "\\") {
                    isEscaped = true
                } else if byte == UInt8(ascii: "\"") {
                    inString = false
                }
            } else if byte == UInt8(ascii: "\"") {
                inString = true
            } else if byte == UInt8(ascii: "{") {
                depth += 1
            } else if byte == UInt8(ascii: "}") {
                depth -= 1
                if depth == 0 { return try Act.strictly(from: Data(bytes[...index])) }
            }
        }
        throw RuleMistake(message: "the directive {sim:…} does not end")
    }
}

/// The rules in force, first match first.
final class RuleBook: Sendable {
    private struct Entry {
        let number: Int
        let rule: Rule
        var left: Int?
    }

    private struct State {
        var entries: [Entry] = []
        var nextNumber = 1
    }

    private let state = Mutex(State())

    /// Adds rules behind those in force; returns their numbers.
    func add(_ rules: [Rule]) -> [Int] {
        state.withLock { state in
            rules.map { rule in
                let number = state.nextNumber
                state.nextNumber += 1
                state.entries.append(Entry(number: number, rule: rule, left: rule.times))
                return number
            }
        }
    }

    func clear() { state.withLock { $0.entries = [] } }

    /// Takes the first rule that matches and counts it.
    ///
    /// The prompt is nil before the body has been read: then only rules that act that early, and do not look at the
    /// prompt, are considered.
    func take(path: String, model: String?, prompt: String?) -> (number: Int, act: Act)? {
        state.withLock { state in
            let index = state.entries.firstIndex { entry in
                let match = entry.rule.match
                if entry.left == 0 { return false }
                if let wanted = match?.path, !path.contains(wanted) { return false }
                if let wanted = match?.model, wanted != model { return false }
                guard let prompt else {
                    let act = entry.rule.do
                    return match?.prompt == nil && (act.answerBeforeBody == true || act.resetBeforeRead == true)
                }
                return match?.prompt.map { prompt.contains($0) } ?? true
            }
            guard let index else { return nil }
            if let left = state.entries[index].left { state.entries[index].left = left - 1 }
            return (state.entries[index].number, state.entries[index].rule.do)
        }
    }
}
