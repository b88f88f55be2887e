// What of a conversation is sent again. Google wants the model's turns verbatim, their signatures included, and these
// are bound to the model that made them: another model starts afresh from the last image, given as a plain input.

import Gemini
import Store
import Wire

/// The part of a history that one request replays.
struct Replay: Sendable {
    /// Oldest first; all of the model and the route that are asked now.
    let turns: [PastTurn]
    /// The image that the first of `turns` began from, or with none of them the request itself: the last one that
    /// another model made.
    let lead: KeptArtifact?
    /// The model whose turns are not replayed, if they are what the request goes on from.
    private let restartedFrom: String?

    /// - Parameters:
    ///   - history: The conversation, oldest first.
    ///   - model: The id that is sent now.
    ///   - route: The route that it is sent on.
    init(_ history: [PastTurn], model: String, route: String) {
        let kept = history.reversed().prefix {
            $0.model == model && $0.route == route && !$0.content.isEmpty
        }
        turns = kept.reversed()
        let before = history.dropLast(turns.count).last
        lead = before?.images.last { $0.kind == .final }
        restartedFrom = turns.isEmpty ? before?.model : nil
    }

    /// That the request goes on from an image alone.
    var isFreshStart: Bool { restartedFrom != nil }

    /// Images that a request with these inputs sends, those of the replayed turns included.
    func imageCount(_ inputs: [KeptInput]) -> Int {
        inputs.count + (lead == nil ? 0 : 1) + turns.reduce(0) { $0 + $1.inputs.count + $1.images.count }
    }

    /// Bytes of text that are sent again; signatures are no text.
    var textBytes: Int { turns.reduce(0) { $0 + $1.prompt.utf8.count + Self.textBytes(of: $1.content) } }

    /// Bytes that go back as they came, whatever they are: the model's turns with their images.
    var verbatimBytes: Int {
        turns.reduce(0) { sum, turn in
            sum + turn.content.count
                + turn.images.reduce(0) { $0 + InlineLimits.base64Bytes($1.entry.bytes) }
        }
    }

    private static func textBytes(of content: [UInt8]) -> Int {
        guard let tree = try? WireJSON.decode(JSONValue.self, from: content) else { return content.count }
        return textBytes(of: tree)
    }

    private static func textBytes(of value: JSONValue) -> Int {
        switch value {
        case .string(let text): text.utf8.count
        case .array(let values): values.reduce(0) { $0 + textBytes(of: $1) }
        case .object(let members):
            members.reduce(0) { sum, member in
                ["thoughtSignature", "thought_signature"].contains(member.key) ? sum : sum + textBytes(of: member.value)
            }
        default: 0
        }
    }

    /// Input images of the newest turn.
    func inputCount(_ inputs: [KeptInput]) -> Int { inputs.count + (isFreshStart && lead != nil ? 1 : 0) }

    /// The ratio that the model takes from the picture that it goes on from, where none is asked for.
    func ratio(_ inputs: [KeptInput], of model: Model) -> String? {
        let made = turns.last?.images.last { $0.kind == .final } ?? lead
        let sides = made.map { ($0.entry.width, $0.entry.height) } ?? inputs.first.map { ($0.width, $0.height) }
        guard let (width, height) = sides, width > 0, height > 0 else { return nil }
        func distance(_ ratio: String) -> Double {
            let parts = ratio.split(separator: ":").compactMap { Double($0) }
            guard parts.count == 2 else { return .infinity }
            let factor = parts[0] / parts[1] * Double(height) / Double(width)
            return max(factor, 1 / factor)
        }
        return model.aspectRatios.min { distance($0) < distance($1) }
    }

    func warnings(model: String) -> [Warning] {
        guard let restartedFrom else { return [] }
        let why =
            restartedFrom == model
            ? "the conversation so far cannot be sent again as it was" : "the conversation so far is \(restartedFrom)'s"
        return [
            Warning(.conversationRestarted, "\(why), so \(model) was given its last image alone")
        ]
    }
}
