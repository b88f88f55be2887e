// Who may ask for what: the rules of the configuration, first match wins (protocol section 7).

import Engine
import Gemini
import Wire

/// The rules as they stand, with the catalogue's names resolved.
struct Policy: Sendable {
    private let rules: [Rule]
    private let resolve: @Sendable (String) -> Model?
    private let adminUIDs: Set<UInt32>
    private let defaultModel: String

    /// What the deciding rule leaves of a request.
    struct Verdict: Sendable {
        /// The priority class that the rule gives, unless the caller asks for bulk.
        var priority: Priority?
    }

    /// - Parameters:
    ///   - configuration: Whose rules apply.
    ///   - resolve: From an alias or id to the model that is asked; nothing for a name of no model.
    init(_ configuration: Configuration, resolve: @escaping @Sendable (String) -> Model?) {
        rules = configuration.rules
        adminUIDs = configuration.adminUIDs
        defaultModel = configuration.defaultModel
        self.resolve = resolve
    }

    /// Admin methods work on the admin socket only, for uid 0 and for users that the configuration names.
    func isAdmin(uid: UInt32, socket: String) -> Bool {
        socket == Rule.SocketName.admin.rawValue && (uid == 0 || adminUIDs.contains(uid))
    }

    /// Whether a principal may make this image.
    ///
    /// - Throws: `not_permitted`, naming what the deciding rule would let through.
    func check(_ params: GenerateImage.Params, by principal: Principal) throws(WireError) -> Verdict {
        guard !rules.isEmpty else {
            // `native` reaches past every check and price, so without rules it is for admins.
            guard params.native == nil || principal.isAdmin else {
                throw WireError(
                    .notPermitted, "the parameter native is for admins as long as there are no rules",
                    hint: "ask on the admin socket, or have an admin write a rule with native = true", path: "native")
            }
            return Verdict()
        }
        guard let rule = rules.first(where: { $0.matches(principal) }) else {
            throw WireError(
                .notPermitted, "no rule lets you ask for images", hint: "ask an admin of this host", charged: nil)
        }
        let asked = params.model ?? defaultModel
        if let models = rule.models {
            let sent = resolve(asked)?.id ?? asked
            guard models.contains(where: { $0 == asked || resolve($0)?.id == sent }) else {
                throw WireError(
                    .notPermitted, "you may not ask for the model \(asked.prefix(64))",
                    hint: "you may ask for \(models.sorted().joined(separator: ", "))", path: "model")
            }
        }
        if let sizes = rule.sizes, let size = params.imageSize ?? resolve(asked)?.defaultSize {
            guard sizes.contains(size) else {
                throw WireError(
                    .notPermitted, "you may not ask for the size \(size.prefix(64))",
                    hint: "you may ask for \(sizes.sorted().joined(separator: ", "))", path: "imageSize")
            }
        }
        if let most = rule.maxCount, (params.count ?? 1) > most {
            throw WireError(
                .notPermitted, "you may not ask for \(params.count ?? 1) images at once",
                hint: "you may ask for \(most)", path: "count")
        }
        if params.native != nil, !rule.mayUseNative {
            throw WireError(
                .notPermitted, "no rule grants you the parameter native",
                hint: "an admin grants it with native = true in your rule", path: "native")
        }
        return Verdict(priority: rule.priority)
    }

    /// Whether a principal may have the daemon diagnosed: whoever may ask for any image.
    func checkDiagnosis(by principal: Principal) throws(WireError) {
        guard rules.isEmpty || principal.isAdmin || rules.contains(where: { $0.matches(principal) }) else {
            throw WireError(
                .notPermitted, "no rule lets you ask for images", hint: "ask an admin of this host", charged: nil)
        }
    }

    /// The error that `check` would throw, if any.
    func refusal(of params: GenerateImage.Params, by principal: Principal) -> WireError? {
        do throws(WireError) {
            _ = try check(params, by: principal)
            return nil
        } catch {
            return error
        }
    }
}
