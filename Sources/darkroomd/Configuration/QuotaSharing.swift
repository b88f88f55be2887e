// Which projects are one at Google: what Google counts by project, all keys of it share.

import FoundationEssentials
import Gemini
import Quota

enum QuotaSharing {
    /// Tells each project whose limits it shares.
    ///
    /// - Parameters:
    ///   - projects: All of them, the first of those that share first.
    ///   - catalogue: What tells that two names are of one model.
    /// - Throws: Where two of them state different limits: which of them counts cannot be told.
    static func join(_ projects: inout [ProjectConfiguration], _ catalogue: Catalogue) throws(ConfigurationError) {
        var first: [String: Int] = [:]
        for place in projects.indices {
            let identity = identity(of: projects[place])
            guard let other = first[identity] else {
                first[identity] = place
                continue
            }
            projects[place].sharesQuotaOf = projects[other].name
            for earlier in projects[..<place] where Self.identity(of: earlier) == identity {
                try compare(projects[place], earlier, catalogue)
            }
        }
    }

    private static func identity(of project: ProjectConfiguration) -> String {
        if let quota = project.quota { return "quota \(quota)" }
        if let googleProject = project.vertex?.googleProject { return "project \(googleProject)" }
        let url = URLComponents(string: "\(project.baseURL)")
        return "credential \(project.credential) \(url?.host ?? project.baseURL.host) \(url?.port ?? 443)"
    }

    private static func compare(
        _ project: ProjectConfiguration, _ earlier: ProjectConfiguration, _ catalogue: Catalogue
    ) throws(ConfigurationError) {
        func refuse(_ origin: Setting.Origin, _ what: String) -> ConfigurationError {
            ConfigurationError(
                origin: origin,
                reason:
                    "project \(project.name) has another \(what) than project \(earlier.name), whose quota at Google "
                    + "it shares; write it once, or tell them apart with quota = \"NAME\"")
        }
        for limits in project.limits {
            let id = catalogue.resolve(limits.model)?.id ?? limits.model
            for other in earlier.limits where catalogue.resolve(other.model)?.id ?? other.model == id {
                for kind in limits.limits.kinds {
                    guard let value = other.limits[kind], value != limits.limits[kind] else { continue }
                    throw refuse(limits.origin, "\(kind.rawValue) for \(limits.model)")
                }
            }
        }
        guard let own = project.spendPer10Minutes, let other = earlier.spendPer10Minutes, own != other,
            let origin = project.tenMinutesOrigin
        else { return }
        throw refuse(origin, WindowKind.spendPer10Minutes.rawValue)
    }
}
