// What a caller adds to the body by hand. The daemon stays master of everything that it sets itself, that a price hangs
// on, or that a rule limits: those paths are refused, however they are spelled. Google's parser takes lowerCamelCase and
// snake_case; comparing without underscores and case is stricter than it, which is the safe side.

import FoundationEssentials

/// What is wrong with `GenerationRequest.native`.
package enum NativeFault: Sendable, Equatable {
    /// It is not a JSON object.
    case notAnObject
    /// It names what is not the caller's to set; the path as the caller spelled it, `generation_config.seed`.
    case forbidden(path: String)
}

extension GenerationRequest {
    /// Nothing when `native` may be merged or is not there.
    package var nativeFault: NativeFault? {
        guard let native else { return nil }
        guard case .object(let members)? = try? JSONDecoder().decode(JSONTree.self, from: Data(native)) else {
            return .notAnObject
        }
        for (name, value) in members.sorted(by: { $0.key < $1.key }) {
            switch Self.folded(name) {
            case "contents", "model", "tools", "toolconfig", "cachedcontent", "servicetier", "systeminstruction":
                return .forbidden(path: name)
            case "safetysettings" where !safety.isEmpty:
                return .forbidden(path: name)
            case "generationconfig":
                guard case .object(let config) = value else { return .forbidden(path: name) }
                if let member = config.keys.sorted().first(where: { isSet(inConfig: Self.folded($0)) }) {
                    return .forbidden(path: "\(name).\(member)")
                }
            default: break
            }
        }
        return nil
    }

    private func isSet(inConfig member: String) -> Bool {
        switch member {
        case "candidatecount", "responsemodalities", "imageconfig", "responseformat", "maxoutputtokens",
            "thinkingconfig",
            // What an input image costs.
            "mediaresolution",
            // They choose another model.
            "routingconfig", "modelconfig", "modelselectionconfig":
            true
        case "seed": seed != nil
        case "temperature": temperature != nil
        default: false
        }
    }

    var nativeMembers: [String: JSONTree] {
        guard let native, case .object(let members)? = try? JSONDecoder().decode(JSONTree.self, from: Data(native))
        else { return [:] }
        return members
    }

    static func folded(_ name: String) -> String { name.lowercased().filter { $0 != "_" } }
}

extension JSONTree {
    /// The object with others' members in it; where both have an object, the two are merged.
    ///
    /// A member that is here in another spelling keeps its own: Google refuses a field that comes twice.
    func merging(_ others: [String: JSONTree]) -> JSONTree {
        guard case .object(var members) = self else { return .object(others) }
        for (name, value) in others {
            let here = members.keys.first { GenerationRequest.folded($0) == GenerationRequest.folded(name) } ?? name
            if case .object(let inner) = value, let mine = members[here], case .object = mine {
                members[here] = mine.merging(inner)
            } else {
                members[here] = value
            }
        }
        return .object(members)
    }
}
