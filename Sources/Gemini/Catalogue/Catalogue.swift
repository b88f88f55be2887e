// The models as data: what each can do, what it makes, what it costs, and what became of those that went. The data is
// `catalogue.json`, which is part of the program; an admin's file of the same shape can change and add entries.

import FoundationEssentials

package struct Catalogue: Sendable, Decodable {
    /// The day that prices and limits were read.
    package var asOf: String
    /// In the order in which they are listed.
    package var models: [Model]
    package var retired: [RetiredModel]
    package var gone: [GoneModel]

    /// The catalogue that ships with the program.
    package static func shipped() throws(CatalogueError) -> Catalogue {
        try Catalogue(json: PackageResources.catalogue_json)
    }

    /// The shipped catalogue with an admin's file laid over it.
    ///
    /// - Parameter json: A file of the same shape of which everything may be left away: an entry that has the `id` of a
    ///   shipped one changes the members that it names, and any other is a new one, which needs all of them.
    /// - Returns: The merged catalogue.
    /// - Throws: The first thing that is wrong, with its place.
    package static func shipped(overriddenBy json: [UInt8]) throws(CatalogueError) -> Catalogue {
        let mine = try tree(of: json)
        guard case .object = mine else { throw CatalogueError(reason: "is \(mine.word), not an object") }
        return try Catalogue(try tree(of: PackageResources.catalogue_json).merging(mine))
    }

    package init(json: [UInt8]) throws(CatalogueError) {
        try self.init(try Self.tree(of: json))
    }

    private static func tree(of json: [UInt8]) throws(CatalogueError) -> CatalogueTree {
        do {
            return try JSONDecoder().decode(CatalogueTree.self, from: Data(json))
        } catch {
            throw CatalogueError(reason: "is not JSON")
        }
    }

    private init(_ tree: CatalogueTree) throws(CatalogueError) {
        try CatalogueShape.file.check(tree)
        do {
            self = try JSONDecoder().decode(Catalogue.self, from: JSONEncoder().encode(tree))
        } catch {
            throw CatalogueError(reason: "cannot be read")
        }
        for model in models { try model.check() }
        try checkNames()
    }

    /// Every id and alias means one thing, and whoever was succeeded has a successor.
    private func checkNames() throws(CatalogueError) {
        var taken: Set<String> = []
        let names =
            models.flatMap { model in ([model.id] + model.aliases).map { (model.id, $0) } }
            + retired.map { ($0.id, $0.id) } + gone.map { ($0.id, $0.id) }
        for (entry, name) in names where !taken.insert(name).inserted {
            throw CatalogueError(entry: entry, reason: "shares the name \(name) with another entry")
        }
        let ids = Set(models.map(\.id))
        for old in retired where !ids.contains(old.successor) {
            throw CatalogueError(
                entry: old.id, member: "successor", reason: "is \(old.successor), which is not among the models")
        }
    }

    /// What a name stands for.
    package enum Match: Sendable, Equatable {
        case current(Model)
        /// The name was retired; the model is its successor.
        case succeeded(by: Model)
        /// Nothing took its place.
        case gone(GoneModel)
        case unknown
    }

    /// Looks a name up: an id, an alias, or an id of the past; `models/` in front is ignored.
    package func model(named name: String) -> Match {
        let name = name.hasPrefix("models/") ? String(name.dropFirst(7)) : name
        if let model = models.first(where: { $0.id == name || $0.aliases.contains(name) }) { return .current(model) }
        if let old = retired.first(where: { $0.id == name }),
            let successor = models.first(where: { $0.id == old.successor })
        {
            return .succeeded(by: successor)
        }
        if let model = gone.first(where: { $0.id == name }) { return .gone(model) }
        return .unknown
    }
}

/// An id that Google switched off in favour of another.
package struct RetiredModel: Sendable, Equatable, Decodable {
    package var id: String
    package var successor: String
    package var since: String?
}

/// An id that Google switched off for good.
package struct GoneModel: Sendable, Equatable, Decodable {
    package var id: String
    package var since: String?
    /// A clause for a person.
    package var reason: String
}
