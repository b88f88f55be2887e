// The file and its drop-ins, merged into one table (protocol section 7): beside FILE, `FILE.d/*.toml` are read in name
// order; a [[project]] of the same name is merged key by key, rules are appended, other keys replace.

import Crypto
import Foundation
import Glibc

/// Reads configuration files.
enum ConfigurationFile {
    /// Where the file is unless somebody says otherwise.
    static let standardPath = "/etc/darkroom/darkroom.toml"

    /// Reads FILE and its drop-ins.
    ///
    /// A file may be missing where there are drop-ins, and the standard one where there are none; and only when it truly
    /// is: a file that cannot be read may hold the rules that keep people out.
    ///
    /// - Parameter given: The file that was asked for; nothing for the standard one.
    /// - Returns: One table, or nothing when there is no file and no drop-in; and a hash of all that was read.
    /// - Throws: What cannot be read or parsed.
    static func read(_ given: String?) throws(ConfigurationError) -> (setting: Setting?, hash: String) {
        let path = given ?? standardPath
        var hash = SHA256()
        var merged = try readIfPresent(path, &hash)
        let dropIns = try dropIns(of: path)
        if merged == nil, given != nil, dropIns.isEmpty {
            throw ConfigurationError(origin: .init(file: path), reason: "there is no such file")
        }
        for dropIn in dropIns {
            guard let addition = try readIfPresent(dropIn, &hash) else {
                throw ConfigurationError(origin: .init(file: dropIn), reason: "this link leads nowhere")
            }
            merged = try merged.map { setting throws(ConfigurationError) in try merge(setting, addition) } ?? addition
        }
        if let merged { try refuseTwins(merged) }
        let digits = hash.finalize().map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }
        return (merged, digits.joined())
    }

    /// Names and lengths are hashed too, so that what stands in which file makes a difference.
    private static func readIfPresent(_ path: String, _ hash: inout SHA256) throws(ConfigurationError) -> Setting? {
        let descriptor = unsafe open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else {
            guard errno == ENOENT else { throw unreadable(path) }
            return nil
        }
        let handle = FileHandle(fileDescriptor: descriptor, closeOnDealloc: true)
        guard let data = try? handle.readToEnd() ?? Data() else { throw unreadable(path) }
        hash.update(data: Data("\(path)\n\(data.count)\n".utf8))
        hash.update(data: data)
        guard let text = String(validating: data, as: UTF8.self) else {
            throw ConfigurationError(origin: .init(file: path), reason: "the file is not UTF-8")
        }
        return try Setting.parse(text, file: path)
    }

    private static func unreadable(_ path: String) -> ConfigurationError {
        ConfigurationError(origin: .init(file: path), reason: "this cannot be read by the daemon's user")
    }

    private static func dropIns(of path: String) throws(ConfigurationError) -> [String] {
        let directory = path + ".d"
        guard let listing = unsafe opendir(directory) else {
            guard errno == ENOENT else { throw unreadable(directory) }
            return []
        }
        defer { unsafe closedir(listing) }
        do {
            // Names with a dot in front are an editor's own: Emacs locks x.toml with a link .#x.toml that leads nowhere.
            return try FileManager.default.contentsOfDirectory(atPath: directory)
                .filter { $0.hasSuffix(".toml") && !$0.hasPrefix(".") }.sorted().map { "\(directory)/\($0)" }
        } catch {
            throw unreadable(directory)
        }
    }

    private static func merge(_ base: Setting, _ addition: Setting) throws(ConfigurationError) -> Setting {
        guard case .table(var members) = base.value, case .table(let additions) = addition.value else {
            return addition
        }
        try refuseTwins(addition)
        for (key, setting) in additions {
            switch (key, members[key]?.value, setting.value) {
            case ("project", .array(let projects)?, .array(let more)):
                members[key]?.value = .array(mergeProjects(projects, more))
            case ("rule", .array(let rules)?, .array(let more)), ("budget", .array(let rules)?, .array(let more)):
                members[key]?.value = .array(rules + more)
            case (_, .table?, .table):
                // [limits] is a table of keys, and keys replace.
                members[key] = members[key].map { mergeKeys($0, setting) }
            default:
                members[key] = setting
            }
        }
        return Setting(value: .table(members), origin: base.origin)
    }

    private static func mergeProjects(_ projects: [Setting], _ more: [Setting]) -> [Setting] {
        var merged = projects
        for project in more {
            if let index = merged.firstIndex(where: { name(of: $0) == name(of: project) }) {
                merged[index] = mergeKeys(merged[index], project)
            } else {
                merged.append(project)
            }
        }
        return merged
    }

    private static func mergeKeys(_ base: Setting, _ addition: Setting) -> Setting {
        guard case .table(let members) = base.value, case .table(let additions) = addition.value else {
            return addition
        }
        return Setting(value: .table(members.merging(additions, uniquingKeysWith: mergeKeys)), origin: base.origin)
    }

    /// Two projects of one name in one file are a slip, not a merge.
    private static func refuseTwins(_ setting: Setting) throws(ConfigurationError) {
        guard case .table(let members) = setting.value, case .array(let projects)? = members["project"]?.value else {
            return
        }
        var seen: Set<String> = []
        for project in projects {
            guard let name = name(of: project) else { continue }
            guard seen.insert(name).inserted else {
                throw ConfigurationError(
                    origin: project.origin, reason: "there is a project \"\(name)\" already in this file")
            }
        }
    }

    private static func name(of project: Setting) -> String? {
        guard case .table(let members) = project.value, case .string(let name)? = members["name"]?.value else {
            return nil
        }
        return name
    }
}
